/** Parses a long JSON body and decodes the pictures in it, so that megabytes do not hold up everybody else's requests. */
import { parentPort, workerData } from 'node:worker_threads';

/** Shorter texts stay texts: no picture of use is as small. */
const LONG = 4096;
/** Values and characters beside the pictures: more would hold up everybody while they come over to the main thread. */
const MOST_VALUES = 20_000;
const MOST_CHARACTERS = 2 ** 20;
const DATA_URL = /^data:[^,]{0,200};base64,/;

const buffers: ArrayBuffer[] = [];
let values = 0;
let characters = 0;

function counted<T>(key: string, value: T): T {
  values += 1;
  characters += key.length + (typeof value === 'string' ? value.length : 0);
  if (values > MOST_VALUES || characters > MOST_CHARACTERS) throw new RangeError('more than a request holds');
  return value;
}

function decoded(key: string, value: unknown): unknown {
  if (typeof value !== 'string' || value.length < LONG) return counted(key, value);
  const base64 = value.replace(DATA_URL, '');
  if (!/^[A-Za-z0-9+/_=\s-]*$/.test(base64)) return counted(key, value);
  counted(key, null);
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  buffers.push(bytes.buffer);
  return bytes;
}

function answer(body: Uint8Array): { readonly value?: unknown } {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body), decoded) };
  } catch {
    return {};
  }
}

parentPort?.postMessage(answer(workerData as Uint8Array), buffers);
