import { startThread } from '../../system/thread.ts';

export interface WatchdogData {
  /** Of the process that started this one. */
  readonly parentPid: number;
  /** File that is left when that process is gone. */
  readonly note: string;
}

// Beside this file, in the sources as in the built package.
const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? './watchdog-thread.ts' : './watchdog-thread.js',
  import.meta.url,
);

/**
 * Ends this process, from a thread of its own and therefore also from inside a blocking call, as soon as its parent
 * is no longer the process `parentPid`: an orphaned process gets another parent. The file `note` then says that this
 * process outlived its parent. Resolves when that thread is watching.
 */
export function watchParent(parentPid: number, note: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const thread = startThread(THREAD, { parentPid, note } satisfies WatchdogData);
    thread.once('message', resolve);
    thread.once('error', reject);
    thread.unref();
  });
}
