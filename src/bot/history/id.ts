import { randomBytes } from 'node:crypto';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
/** Bytes from here on would make the first letters likelier than the last. */
const FAIR = 256 - (256 % ALPHABET.length);

/** Length of a job's id: 36^10 values, about 51 bits. */
export const JOB_ID_LENGTH = 10;
/** Length of an image's id: 36^12 values, about 62 bits. */
export const IMAGE_ID_LENGTH = 12;

/** A random id of `[a-z0-9]` that cannot be guessed. One character at least is a digit, which tells it from a word. */
export function randomId(length: number): string {
  const id = randomCharacters(length);
  return /\d/.test(id) ? id : randomId(length);
}

function randomCharacters(length: number): string {
  let id = '';
  while (id.length < length) {
    for (const byte of randomBytes(length * 2)) {
      if (byte < FAIR && id.length < length) id += ALPHABET.charAt(byte % ALPHABET.length);
    }
  }
  return id;
}
