/** What a terminal shows in two columns: characters of East Asian scripts, full-width forms and emoji. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}\u3001-\u303e\u30fb\u30fc\uff01-\uff60\uffe0-\uffe6]/u;
/** Half-width katakana, which belong to a wide script. */
const NARROW = /[\uff61-\uff9f]/;
const PLAIN = /^[ -~]*$/;
const INVISIBLE = /[\p{Mn}\p{Me}\p{Cf}\p{Cc}]/u;

/** Columns that a text takes in a terminal. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const character of text) {
    if (INVISIBLE.test(character)) continue;
    width += WIDE.test(character) && !NARROW.test(character) ? 2 : 1;
  }
  return width;
}

/** As `padEnd`, in columns. */
export function paddedEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

/** As `padStart`, in columns. */
export function paddedStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - displayWidth(text))) + text;
}
