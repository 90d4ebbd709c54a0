import { parentPort, workerData } from 'node:worker_threads';
import { openSqlite } from '../../system/sqlite.ts';
import type { CheckpointerThreadData } from './checkpointer.ts';

const { path, intervalMs } = workerData as CheckpointerThreadData;

const sqlite = withMessage(() => openSqlite(path, { fileMustExist: true, timeout: 0 }));
const timer = setInterval(checkpoint, intervalMs);
parentPort?.once('message', () => {
  clearInterval(timer);
  checkpoint();
  sqlite.close();
  parentPort?.close();
});

/** PASSIVE waits for nobody and lets nobody wait. */
function checkpoint(): void {
  withMessage(() => sqlite.pragma('wal_checkpoint(PASSIVE)'));
}

/** SQLite's own errors lose their message on the way to another thread. */
function withMessage<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Error(error instanceof Error ? error.message : String(error));
  }
}
