export interface IncomingOptions {
  /** The bot's own user id: its mention is how it was called, not what was said. */
  readonly self?: string;
  /** Names of mentioned people, where Slack sends only ids. */
  readonly nameOf?: (userId: string) => string | undefined;
}

/**
 * What a person typed, from what Slack sends: marks, entities, mentions, links and emoji codes undone. Dashes and quotes are
 * left as they are: the grammar reads those that keyboards make.
 * https://docs.slack.dev/messaging/formatting-message-text
 */
export function typedText(sent: string, options: IncomingOptions = {}): string {
  const plain = withoutMarks(sent.replace(QUOTED_LINE, '')).replace(
    /<([^<>]*)>|[^<]+|</g,
    (part, token: string | undefined) =>
      token === undefined ? emojiWords(decodeEntities(part)) : decodeEntities(tokenText(token, options)),
  );
  return plain.replace(/[\u00a0\u202f]/g, ' ').trim();
}

/** What a person typed into a form: as `typedText`, where Slack marks up nothing but emoji. */
export function typedIntoForm(sent: string): string {
  return emojiWords(decodeEntities(sent)).trim();
}

const CODE = /```\n?([\s\S]*?)\n?```|(?<![\p{L}\p{N}`])`([^`\n]+)`(?![\p{L}\p{N}`])/gu;
const QUOTED_LINE = /^(?:&gt;){1,3} ?/gm;

/** Marks around words, as Slack reads them: closed on the same line, and not inside a word. `__a__` is none. */
const MARKS = new RegExp(
  [
    CODE.source,
    '<[^<>]*>',
    ...['\\*', '_', '~'].map(
      (mark) =>
        `(?<![\\p{L}\\p{N}${mark}])${mark}(?![\\s${mark}])((?:<[^<>]*>|[^<>\\n]){1,2000}?)(?<![\\s${mark}])${mark}(?![\\p{L}\\p{N}${mark}])`,
    ),
  ].join('|'),
  'gu',
);

function withoutMarks(text: string): string {
  return text.replace(MARKS, (part, block?: string, code?: string, bold?: string, italic?: string, struck?: string) => {
    const marked = bold ?? italic ?? struck;
    return block ?? code ?? (marked === undefined ? part : withoutMarks(marked));
  });
}

/** Whether `sent` mentions somebody in samples of code only: there a mention is quoted, and calls nobody. */
export function mentionsInCodeOnly(sent: string, user: string | undefined): boolean {
  const mention = `<@${user}`;
  return sent.includes(mention) && !sent.replace(CODE, '').includes(mention);
}

/** Ids of the people that `sent` mentions without a name. */
export function mentionedIds(sent: string): string[] {
  return [...new Set([...sent.matchAll(/<@([UW][A-Z0-9]+)>/g)].flatMap((match) => match[1] ?? []))];
}

function tokenText(token: string, { self, nameOf }: IncomingOptions): string {
  const bar = token.indexOf('|');
  const target = bar < 0 ? token : token.slice(0, bar);
  const label = bar < 0 ? '' : token.slice(bar + 1);
  if (target.startsWith('@')) {
    const id = target.slice(1);
    return id === self ? '' : `@${label || nameOf?.(id) || id}`;
  }
  if (target.startsWith('#')) return `#${label || target.slice(1)}`;
  if (target.startsWith('!date^')) return label;
  if (target.startsWith('!subteam^')) return label || '@group';
  if (target.startsWith('!')) return `@${target.slice(1)}`;
  return label || target.replace(/^mailto:/, '');
}

function decodeEntities(text: string): string {
  return text.replace(/&(lt|gt|amp);/g, (_entity, name: 'lt' | 'gt' | 'amp') => ({ lt: '<', gt: '>', amp: '&' })[name]);
}

/** Only codes that stand alone: `10:30:45` and `a:b:c` are not emoji. */
const EMOJI = /(?<=^|\s|:)(?<![\w]:):([a-z0-9][a-z0-9_'-]*|[+-]1):(?=$|\s|[:.,;!?)])/g;
const EMOJI_WORDS: Readonly<Record<string, string>> = { '+1': 'thumbs up', '-1': 'thumbs down' };

function emojiWords(text: string): string {
  return text
    .replace(/:skin-tone-[2-6]:/g, '')
    .replace(EMOJI, (_code, name: string) => EMOJI_WORDS[name] ?? name.replace(/[_-]+/g, ' '));
}
