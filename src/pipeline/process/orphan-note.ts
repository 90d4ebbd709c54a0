import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { OperatorError } from '../../system/errors.ts';
import { acquireLock } from '../../system/file-lock.ts';

/** The file that a pipeline process leaves beside its lock when it ends because its bot is gone. */
export function orphanNote(lockPath: string): string {
  return `${lockPath}.outlived`;
}

/** For a process that notices by itself, before the watchdog does. */
export function leaveOrphanNote(lockPath: string): void {
  try {
    writeFileSync(orphanNote(lockPath), '', { mode: 0o600 });
  } catch {
    // A full or lost disk: then the start of the job counts, as it does when both die.
  }
}

/**
 * Whether the pipeline process of an earlier bot was still alive when that bot died: then the job it worked on did not
 * kill it. To be called before a new process is started.
 */
export async function leftAnOrphan(lockPath: string): Promise<boolean> {
  try {
    const lock = await acquireLock(lockPath);
    lock.release();
  } catch (error) {
    if (error instanceof OperatorError && error.code === 'lock_held') return true;
    throw error;
  }
  return existsSync(orphanNote(lockPath));
}

/** Called by the holder of the lock: the process that left the note has ended. */
export function removeOrphanNote(lockPath: string): void {
  rmSync(orphanNote(lockPath), { force: true });
}
