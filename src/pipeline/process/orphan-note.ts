import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { OperatorError } from '../../system/errors.ts';
import { acquireLock } from '../../system/file-lock.ts';

/** Left beside its lock by a pipeline process that ends because its bot is gone. */
export function orphanNote(lockPath: string): string {
  return `${lockPath}.outlived`;
}

/** As the watchdog does, where the process hears of it itself. */
export function leaveOrphanNote(lockPath: string): void {
  try {
    writeFileSync(orphanNote(lockPath), '');
  } catch {
    // A full or lost disk: then the start of the job counts, as it does when both die.
  }
}

/**
 * Whether the pipeline process of an earlier bot was alive when that bot died: then whatever it worked on did not kill
 * it. Asked before a new one is started.
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

/** For whoever holds the lock: the process that left the note has ended. */
export function removeOrphanNote(lockPath: string): void {
  rmSync(orphanNote(lockPath), { force: true });
}
