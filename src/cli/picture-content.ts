import { readFile, stat } from 'node:fs/promises';
import { byteSize } from '../system/byte-size.ts';
import { UserError } from '../system/errors.ts';
import { reasonOf } from '../system/foreign-words.ts';
import { t } from '../texts/translate.ts';

const MOST_BYTES = 512e6;

/** The file at a path that was typed; `-` is the standard input. @throws UserError `file_unreadable`, `file_too_large` */
export async function pictureContent(path: string): Promise<Buffer> {
  try {
    if (path === '-') return await standardInput();
    const file = await stat(path);
    if (file.isFile() && file.size > MOST_BYTES) throw tooLarge(path, file.size);
    if (file.isDirectory()) throw unreadable(t('Cannot read {path}: it is a folder.', { path }));
    if (!file.isFile()) throw unreadable(t('Cannot read {path}: it is not an ordinary file.', { path }));
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    if (missing) throw unreadable(t('Cannot read {path}: there is no such file.', { path }), cause);
    throw unreadable(t('Cannot read {path}: {reason}.', { path, reason: reasonOf(cause) }), cause);
  }
}

async function standardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BYTES) throw tooLarge('-', size);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(path: string, bytes: number): UserError {
  const size = byteSize(bytes);
  return new UserError(
    'file_too_large',
    t('The file {path} has {size}, which is more than a picture has.', { path, size }),
  );
}

function unreadable(message: string, cause?: unknown): UserError {
  return new UserError('file_unreadable', message, { cause });
}
