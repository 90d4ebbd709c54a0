import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { HashedTensor } from './checkpoint.ts';

// A thread of its own: hashing gigabytes takes seconds, and the main thread is inside onnxruntime most of the time.
const piece = Buffer.allocUnsafe(4 << 20);
for (const [index, tensors] of (workerData as readonly (readonly HashedTensor[])[]).entries()) {
  const whole = createHash('sha256');
  for (const { heading, file, offset, length } of tensors) {
    whole.update(`${heading} ${hashRange(file, offset, length)}\n`);
  }
  parentPort?.postMessage({ index, hash: whole.digest('hex') });
}

function hashRange(path: string, offset: number, length: number): string {
  const hash = createHash('sha256');
  const file = openSync(path, 'r');
  try {
    for (let done = 0; done < length; ) {
      const count = readSync(file, piece, 0, Math.min(piece.length, length - done), offset + done);
      if (count === 0) throw new Error(`The file ${path} got shorter while it was read.`);
      hash.update(piece.subarray(0, count));
      done += count;
    }
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}
