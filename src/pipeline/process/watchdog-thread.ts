import { writeFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { WatchdogData } from './watchdog.ts';

/** A dead parent is noticed within this time, in milliseconds. */
const POLL_MS = 200;

const { parentPid, note } = workerData as WatchdogData;

check();
setInterval(check, POLL_MS);
parentPort?.postMessage('watching');

function check(): void {
  if (process.ppid === parentPid) return;
  try {
    writeFileSync(note, '', { mode: 0o600 });
  } catch {
    // A full or lost disk: the process has to end all the same.
  }
  // SIGKILL, because the exit handlers of a process that is inside a native call may wait for that call.
  process.kill(process.pid, 'SIGKILL');
}
