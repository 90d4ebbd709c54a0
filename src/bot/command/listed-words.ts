/** A word of a list as it was typed: with `+` or `-` it is added or removed. */
export interface ListedWord {
  readonly sign: '' | '+' | '-';
  readonly word: string;
}

/** One of a list: in quotes whatever may be in it, in straight ones with a quote written twice. */
const ITEM = /\s*([+-]?)\s*(?:"((?:[^"]|"")*)"|[“„]([^“”„"]*)[“”])(?=\s*(?:[,\n]|$))|([^,\n]+)/g;

/** What would be read otherwise than it is meant. */
const NEEDS_QUOTES = /[,"“”„]|^[+-]|^(?:none|off|default)$/i;

/** Words with commas or line breaks between them. */
export function readWords(typed: string): readonly ListedWord[] {
  return [...typed.matchAll(ITEM)].flatMap(([, sign, straight, curly, plain]) => {
    const quoted = straight?.replaceAll('""', '"') ?? curly;
    if (quoted !== undefined) return listed(sign ?? '', quoted);
    const [, mark = '', rest = ''] = /^\s*([+-](?=\s*\S))?(.*)$/s.exec(plain ?? '') ?? [];
    return listed(mark, rest);
  });
}

function listed(sign: string, typed: string): readonly ListedWord[] {
  const word = oneLine(typed);
  return word === '' ? [] : [{ sign: sign as ListedWord['sign'], word }];
}

/** A word has no line breaks, so that a list can have one a line. */
function oneLine(word: string): string {
  return word.replace(/\s+/g, ' ').trim();
}

/** As `readWords` reads it. */
export function typedWord(word: string): string {
  return NEEDS_QUOTES.test(word) ? `"${word.replaceAll('"', '""')}"` : word;
}
