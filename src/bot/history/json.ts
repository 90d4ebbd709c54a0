/** JSON text; bigints become decimal strings, which the schemas on the way back turn into bigints again. */
export function toJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(
    value,
    (_key, part: unknown) => (typeof part === 'bigint' ? part.toString() : part),
    indent,
  );
  // undefined and functions have no JSON at all.
  return text ?? 'null';
}

export function fromJson(text: string): unknown {
  return JSON.parse(text);
}
