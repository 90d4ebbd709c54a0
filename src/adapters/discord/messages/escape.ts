/** Control characters except newline, bidirectional overrides and isolates, and line separators. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: removing control characters is the point
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

/** What Discord's markdown, mentions, timestamps, emoji and links are made of. A backslash before it shows it as it is. */
const MARKUP = /[\\*_~`|<>#[\]():@-]/u;

/** Text without characters that could reorder or hide the text around them; newlines stay. */
export function withoutControls(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(CONTROLS, ' ')
    .replace(/\p{Surrogate}/gu, '\ufffd');
}

/**
 * Untrusted text, escaped so that Discord shows it letter for letter, without formatting, mentions, links or emoji.
 * The result has at most `limit` UTF-16 units (Discord counts no more than those) and ends in `…` where it was cut.
 */
export function escapeText(text: string, limit: number): string {
  let afterDigit = false;
  const pieces = [...withoutControls(text)].map((char) => {
    const listNumber = char === '.' && afterDigit;
    afterDigit = /\d/.test(char);
    return listNumber || MARKUP.test(char) ? `\\${char}` : char;
  });
  return joined(pieces, limit);
}

/** Plain text where Discord formats nothing (alt text, labels, file contents): only its length and control characters change. */
export function plainText(text: string, limit: number): string {
  return joined([...withoutControls(text).replace(/\s+/g, ' ').trim()], limit);
}

/** As many pieces as fit, with `…` where some do not. */
function joined(pieces: string[], limit: number): string {
  let length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (length <= limit) return pieces.join('');
  while (length > limit - 1) length -= pieces.pop()?.length ?? length;
  return `${pieces.join('')}…`;
}

/** A code block that its content cannot end: runs of three backticks get invisible gaps. */
export function codeBlock(text: string): string {
  const inner = withoutControls(text)
    .replace(/`(?=``)/g, '`\u200b')
    .replace(/`$/, '`\u200b');
  return `\`\`\`\n${inner}\n\`\`\``;
}
