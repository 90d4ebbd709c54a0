const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Text that Slack shows as it is, without mentions or links. https://docs.slack.dev/messaging/formatting-message-text#escaping */
export function escapeText(text: string): string {
  return text.replace(/[&<>]/g, (character) => ENTITIES[character] ?? character);
}

/**
 * `text` escaped and cut, with an ellipsis, so that the result has at most `max` units: UTF-16 code units, or bytes
 * of UTF-8. Never cuts an entity or a character in two, and is never empty (Slack refuses empty texts).
 */
export function fitText(text: string, max: number, unit: 'chars' | 'bytes' = 'chars'): string {
  const size = (part: string) => (unit === 'bytes' ? Buffer.byteLength(part) : part.length);
  // Lone surrogates cannot be sent as UTF-8, and control characters are invisible.
  const clean = text
    .toWellFormed()
    .replace(/[^\P{Cc}\t\n]/gu, ' ')
    .trim();
  const whole = escapeText(clean);
  if (whole !== '' && size(whole) <= max) return whole;
  if (whole === '') return '·';
  let fitted = '';
  let used = size('…');
  for (const character of clean) {
    const escaped = escapeText(character);
    used += size(escaped);
    if (used > max) break;
    fitted += escaped;
  }
  return `${fitted}…`;
}
