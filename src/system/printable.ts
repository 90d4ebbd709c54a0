// biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the purpose
const SEQUENCES = /(?:\u001b\[|\u009b)[0-?]{0,40}[ -/]{0,10}[@-~]?/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the purpose
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text of unknown origin as a terminal may show it: without escape sequences and other control characters, and without those
 * that reverse the direction of what follows. Line breaks and tabs stay.
 */
export function printable(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(SEQUENCES, '').replace(CONTROLS, '');
}

/** The same on one line: no foreign text begins a line of its own. */
export function printableLine(text: string): string {
  return printable(text)
    .replace(/\s*\n\s*/g, ' ')
    .replace(/[\t\u2028\u2029]/g, ' ');
}

/**
 * JSON in which control characters are escaped, also those that JSON leaves as they are.
 *
 * @param indent 0 writes one line
 */
export function printableJson(value: unknown, indent = 0): string {
  return escapeControls(JSON.stringify(value, null, indent) ?? 'null');
}

/** JSON in which those control characters are escaped, too, that JSON leaves as they are. */
export function escapeControls(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
