import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { readCredential } from './credential.ts';
import type { Signed, SigningThreadData, ToSign } from './signer.ts';

const { pem } = workerData as SigningThreadData;

let digest = Buffer.alloc(0);
let drawn = 0;

/** Ids follow from the file, so that the same file is signed the same way again. */
function getRandomValues<T extends Uint8Array>(values: T): T {
  drawn += 1;
  const hash = createHash('shake256', { outputLength: values.length });
  values.set(hash.update(digest).update(String(drawn)).digest());
  return values;
}

const credential = readCredential(pem);
const { BlobReaderSync, signFile } = await import('./sign-file.ts');
// What the program in WebAssembly expects of a browser.
Object.defineProperties(globalThis, {
  FileReaderSync: { value: BlobReaderSync },
  crypto: { value: { getRandomValues } },
});

async function sign({ id, file, type }: ToSign): Promise<void> {
  digest = createHash('sha256').update(credential.leaf.raw).update(file).digest();
  drawn = 0;
  try {
    parentPort?.postMessage({ id, file: await signFile(file, type, credential) } satisfies Signed);
  } catch (error) {
    parentPort?.postMessage({ id, problem: error instanceof Error ? error.message : String(error) } satisfies Signed);
  }
}

/** The first file takes many times as long as the next ones, since what signs is compiled as it is used. */
const SMALLEST_PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==',
  'base64',
);

// One after the other, as ids follow from one file at a time.
let last: Promise<unknown> = signFile(SMALLEST_PNG, 'image/png', credential).catch(() => undefined);
parentPort?.on('message', (message: ToSign) => {
  last = last.then(() => sign(message));
});
