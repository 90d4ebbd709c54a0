export type Json = Readonly<Record<string, unknown>>;

/**
 * JSON as programs write it: Python's has NaN and Infinity in it, and seeds of 64 bits, which become texts. Absent and
 * damaged texts are `null`.
 */
export function parsed(text: string | undefined): unknown {
  if (text === undefined) return null;
  const seeds = text.replace(/([:[,]\s{0,9})(\d{16,20})(?=\s{0,9}[,}\]])/g, '$1"$2"');
  const numbers = (json: string) => json.replace(/([:[,]\s{0,9})(?:NaN|-?Infinity)\b/g, '$1null');
  for (const candidate of [numbers(seeds), seeds, numbers(text), text]) {
    try {
      return JSON.parse(candidate);
    } catch {
      // The change was made inside of a text.
    }
  }
  return null;
}

export function record(value: unknown): Json | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null;
}

export function isPlain(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number';
}
