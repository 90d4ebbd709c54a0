import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { t } from '../texts/translate.ts';
import { byteSize } from './byte-size.ts';
import { OperatorError } from './errors.ts';
import { ifThere } from './if-there.ts';

/** Left free, so that the database and the pictures of a running bot still fit. */
const MARGIN = 100e6;

/** @returns bytes that an ordinary user may still write at a path, which need not exist yet. */
export async function freeBytes(path: string): Promise<number> {
  const found = await ifThere(statfs(path));
  return found ? found.bavail * found.bsize : freeBytes(dirname(path));
}

/**
 * @param setting what names another folder
 * @throws OperatorError `disk_full` if the bytes would not fit. Nothing is written.
 */
export async function checkSpace(
  path: string,
  bytes: number,
  measure = freeBytes,
  setting = 'WUERST_MODELS',
): Promise<void> {
  if (bytes === 0) return;
  const free = await measure(path);
  if (bytes + MARGIN <= free) return;
  throw new OperatorError(
    'disk_full',
    () =>
      t('Writing to {path} takes {size}, and {margin} must stay free, but only {free} are free.', {
        ...{ path, size: byteSize(bytes) },
        margin: byteSize(MARGIN),
        free: byteSize(free),
      }),
    {
      hint: () => t('Free some space, or choose a folder on another disk with {setting}.', { setting }),
    },
  );
}

/** Whether the disk, a quota or a limit of the process has no room for more bytes. */
export function isDiskFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/**
 * Turns a file system error into an OperatorError that says what to do; returns other errors unchanged.
 *
 * @param setting what names another folder
 */
export function explainDiskError(error: unknown, path: string, setting = 'WUERST_MODELS'): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (isDiskFull(error)) {
    return new OperatorError(
      'disk_full',
      () => t('The disk of {path} is full ({code}).', { path, code: String(code) }),
      {
        hint: () => t('Free some space, then run the command again: finished files are kept.'),
        cause: error,
      },
    );
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new OperatorError(
      'models_folder_not_writable',
      () => t('Cannot write to {path} ({code}).', { path, code }),
      {
        hint: () => t('Choose a folder that you may write to with {setting}.', { setting }),
        cause: error,
      },
    );
  }
  return error;
}
