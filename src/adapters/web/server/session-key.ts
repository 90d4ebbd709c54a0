import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { OperatorError } from '../../../system/errors.ts';
import { reasonOf } from '../../../system/foreign-words.ts';
import { giveToFolderOwner } from '../../../system/private-file.ts';
import { t } from '../../../texts/translate.ts';

/** File in the data folder. Not in the database: its backups must not be able to sign anybody in. */
export const SESSION_KEY_FILE = 'web-session.key';

const BYTES = 32;

/**
 * The key that signs the cookies of the web chat: random, made at the first start, for its owner only. Deleting the file
 * ends all sessions.
 *
 * @throws OperatorError `session_key_unusable`
 */
export function sessionKey(path: string): Uint8Array {
  try {
    makeOnce(path);
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
    const key = readFileSync(path);
    if (key.length === BYTES) return key;
    throw unusable(path, () => t('expected {wanted} bytes, got {got}', { wanted: BYTES, got: key.length }));
  } catch (cause) {
    if (cause instanceof OperatorError) throw cause;
    throw unusable(path, () => reasonOf(cause), cause);
  }
}

function unusable(path: string, why: () => string, cause?: unknown): OperatorError {
  return new OperatorError(
    'session_key_unusable',
    () => t("The key of the web chat's sessions, {path}, cannot be used: {reason}.", { path, reason: why() }),
    {
      hint: () => t('Delete the file: a new one is made at the next start, and everybody signs in again.'),
      cause,
    },
  );
}

function makeOnce(path: string): void {
  try {
    const file = openSync(path, 'wx', 0o600);
    giveToFolderOwner(file, path);
    writeSync(file, randomBytes(BYTES));
    fsyncSync(file);
    closeSync(file);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}
