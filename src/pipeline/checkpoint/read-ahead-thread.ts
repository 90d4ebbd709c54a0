import { closeSync, openSync, readSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

// Synchronous reads in a thread of their own: the main thread is inside onnxruntime most of the time, and could only ask
// for one piece between two steps.
const piece = Buffer.allocUnsafe(1 << 20);
for (const path of workerData as readonly string[]) {
  try {
    const file = openSync(path, 'r');
    while (readSync(file, piece, 0, piece.length, null) > 0);
    closeSync(file);
  } catch {
    // The user of the file will report what is wrong with it.
  }
}
