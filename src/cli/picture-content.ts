import { readFile, stat } from 'node:fs/promises';
import { byteSize } from '../system/byte-size.ts';
import { UserError } from '../system/errors.ts';

const MOST_BYTES = 512e6;

/** The file at a path that was typed. @throws UserError `file_unreadable`, `file_too_large` */
export async function pictureContent(path: string): Promise<Buffer> {
  try {
    const file = await stat(path);
    if (file.isFile() && file.size > MOST_BYTES) {
      const size = `${byteSize(file.size)}, which is more than a picture has`;
      throw new UserError('file_too_large', `The file ${path} has ${size}.`);
    }
    if (!file.isFile()) throw new Error(file.isDirectory() ? 'it is a folder' : 'it is not an ordinary file');
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const reason = missing ? 'there is no such file' : (cause as Error).message;
    throw new UserError('file_unreadable', `Cannot read ${path}: ${reason}.`, { cause });
  }
}
