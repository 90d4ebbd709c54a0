import { Worker } from 'node:worker_threads';

// Text instead of a file, as in the watchdog. Synchronous reads of a thread of its own: the main thread is inside
// onnxruntime most of the time, and could only ask for one piece between two steps.
const PROGRAM = `
const { openSync, readSync, closeSync } = require('node:fs');
const { parentPort, workerData } = require('node:worker_threads');
const piece = Buffer.allocUnsafe(1 << 20);
for (const path of workerData) {
  try {
    const file = openSync(path, 'r');
    while (readSync(file, piece, 0, piece.length, null) > 0);
    closeSync(file);
  } catch {}
}
parentPort.postMessage('read');
`;

/**
 * Brings files into the system's cache, so that mapping them later waits for no disk. A file that cannot be read is
 * passed over: whoever needs it will say so.
 *
 * @returns the way to end it early
 */
export function readAhead(files: readonly string[]): () => void {
  if (files.length === 0) return () => {};
  const worker = new Worker(PROGRAM, { eval: true, execArgv: [], workerData: [...files] });
  worker.on('error', () => {});
  worker.unref();
  return () => void worker.terminate();
}
