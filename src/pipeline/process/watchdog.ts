import { Worker } from 'node:worker_threads';

/** A dead parent is noticed within this time, in milliseconds. */
const POLL_MS = 200;

// Text instead of a file, so that the thread starts at once and needs neither a path in the package nor a loader.
const PROGRAM = `
const { writeFileSync } = require('node:fs');
const { parentPort, workerData } = require('node:worker_threads');
const check = () => {
  if (process.ppid === workerData.parentPid) return;
  try {
    writeFileSync(workerData.note, '');
  } catch {}
  process.kill(process.pid, 'SIGKILL');
};
check();
setInterval(check, ${POLL_MS});
parentPort.postMessage('watching');
`;

/**
 * Ends this process, from a thread of its own and therefore also from inside a blocking call, as soon as its parent
 * is no longer the process `parentPid`: whoever is orphaned gets another parent. The file `note` then says that this
 * process outlived it. Resolves once that thread watches.
 *
 * SIGKILL, because the exit handlers of a process that is inside a native call may wait for that call.
 */
export function watchParent(parentPid: number, note: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(PROGRAM, { eval: true, execArgv: [], workerData: { parentPid, note } });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.unref();
  });
}
