const MOST_CHARACTERS = 40;
/** Of UTF-8: with a seed, a number and an ending, the name stays below what any usual file system takes (143 bytes). */
const MOST_BYTES = 96;
const FALLBACK = 'picture';

/**
 * The beginning of a prompt as a file name, without its ending: letters and digits of every script, in lower case, joined
 * by dashes. It begins with a letter or digit. Followed by a seed it is no reserved name on any system.
 */
export function slug(prompt: string): string {
  return shortened(
    prompt
      .normalize('NFKC')
      .toLowerCase()
      .normalize('NFC')
      .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
      .replace(/[^\p{L}\p{M}\p{N}]+/gu, '-'),
  );
}

/** The same in `[a-z0-9-]`, for services that take no other letters. */
export function asciiSlug(prompt: string): string {
  const letters = prompt
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll('ß', 'ss')
    .replace(/\p{M}+/gu, '');
  return shortened(letters.replace(/[^a-z0-9]+/g, '-'));
}

/** Characters as people see them. Setting up the segmenter takes 10 ms, which plain ASCII does without. */
function* charactersOf(text: string): Iterable<string> {
  if (/^[\0-\x7f]*$/.test(text)) yield* text;
  else for (const { segment } of new Intl.Segmenter().segment(text)) yield segment;
}

function shortened(words: string): string {
  let short = '';
  let bytes = 0;
  let characters = 0;
  for (const character of charactersOf(words.replace(/^[-\p{M}]+/u, ''))) {
    bytes += Buffer.byteLength(character);
    characters += 1;
    if (bytes > MOST_BYTES || characters > MOST_CHARACTERS) break;
    short += character;
  }
  return short.replace(/-+$/, '') || FALLBACK;
}
