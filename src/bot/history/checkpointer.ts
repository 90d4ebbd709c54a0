import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

/** Milliseconds between two rounds; a round without anything to move touches no disk. */
const INTERVAL_MS = 1000;

// Text instead of a file, as in the pipeline's watchdog. PASSIVE waits for nobody and lets nobody wait.
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const Sqlite = require(workerData.library);
// The library's own errors lose their message on the way to another thread.
const telling = (work) => {
  try {
    return work();
  } catch (error) {
    throw new Error(error.message);
  }
};
const sqlite = telling(() => new Sqlite(workerData.path, { fileMustExist: true, timeout: 0 }));
const move = () => telling(() => sqlite.pragma('wal_checkpoint(PASSIVE)'));
const timer = setInterval(move, workerData.intervalMs);
parentPort.once('message', () => {
  clearInterval(timer);
  move();
  sqlite.close();
  parentPort.close();
});
`;

export interface CheckpointerOptions {
  /** The database file. */
  readonly path: string;
  /** Called once if the thread fails: from then on checkpoints stop the event loop, as they do without it. */
  readonly onProblem: (error: unknown) => void;
}

/**
 * Moves the write-ahead log into the database file from a thread of its own: a checkpoint flushes the disk, for which
 * the event loop would stand still for 100 ms and more. Resolves, once `stop` was called, when the file is closed.
 */
export function startCheckpointer({ path, onProblem }: CheckpointerOptions): { stop(): Promise<void> } {
  const library = createRequire(import.meta.url).resolve('better-sqlite3');
  const workerData = { library, path, intervalMs: INTERVAL_MS };
  const worker = new Worker(PROGRAM, { eval: true, execArgv: [], workerData });
  worker.unref();
  worker.on('error', onProblem);
  const ended = new Promise<void>((resolve) => {
    worker.once('exit', () => resolve());
  });
  return {
    stop() {
      worker.ref();
      worker.postMessage('stop');
      return ended;
    },
  };
}
