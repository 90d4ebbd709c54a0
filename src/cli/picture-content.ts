import { readFile, stat } from 'node:fs/promises';
import { byteSize } from '../system/byte-size.ts';
import { UserError } from '../system/errors.ts';
import { t } from '../texts/translate.ts';

const MOST_BYTES = 512e6;

/** The file at a path that was typed. @throws UserError `file_unreadable`, `file_too_large` */
export async function pictureContent(path: string): Promise<Buffer> {
  try {
    const file = await stat(path);
    if (file.isFile() && file.size > MOST_BYTES) {
      const size = byteSize(file.size);
      const message = t('The file {path} has {size}, which is more than a picture has.', { path, size });
      throw new UserError('file_too_large', message);
    }
    if (file.isDirectory()) throw unreadable(t('Cannot read {path}: it is a folder.', { path }));
    if (!file.isFile()) throw unreadable(t('Cannot read {path}: it is not an ordinary file.', { path }));
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    if (missing) throw unreadable(t('Cannot read {path}: there is no such file.', { path }), cause);
    throw unreadable(t('Cannot read {path}: {reason}.', { path, reason: (cause as Error).message }), cause);
  }
}

function unreadable(message: string, cause?: unknown): UserError {
  return new UserError('file_unreadable', message, { cause });
}
