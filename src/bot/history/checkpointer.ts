import { startThread } from '../../system/thread.ts';

/** Milliseconds between two rounds; a round without anything to move touches no disk. */
const INTERVAL_MS = 1000;

// Beside this file, in the sources as in the built package.
const ENTRY = new URL(
  import.meta.url.endsWith('.ts') ? './checkpointer-thread.ts' : './checkpointer-thread.js',
  import.meta.url,
);

export interface CheckpointerOptions {
  /** The database file. */
  readonly path: string;
  /** Called once if the thread fails: from then on checkpoints stop the event loop, as they do without it. */
  readonly onProblem: (error: unknown) => void;
}

export interface CheckpointerThreadData {
  readonly path: string;
  readonly intervalMs: number;
}

/**
 * Moves the write-ahead log into the database file from a thread of its own: a checkpoint flushes the disk, for which
 * the event loop would stand still for 100 ms and more. `stop` resolves when the file is closed.
 */
export function startCheckpointer({ path, onProblem }: CheckpointerOptions): { stop(): Promise<void> } {
  const worker = startThread(ENTRY, { path, intervalMs: INTERVAL_MS } satisfies CheckpointerThreadData);
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
