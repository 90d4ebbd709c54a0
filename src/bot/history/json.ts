import { z } from 'zod';

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

/** An unsigned integer of up to 64 bits as decimal digits. */
export const bigintText = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform(BigInt)
  .refine((value) => value < 2n ** 64n, 'expected at most 64 bits');
