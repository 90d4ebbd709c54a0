import { createHash, randomBytes } from 'node:crypto';
import { type Stats, statSync, unlinkSync } from 'node:fs';
import { type FileHandle, open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { OperatorError } from '../../system/errors.ts';
import { makeFolder } from '../../system/make-folder.ts';
import { t } from '../../texts/translate.ts';

export interface StoredFile {
  /** SHA-256 of the content, in lower-case hex. */
  readonly hash: string;
  readonly bytes: number;
}

/** The one step of writing a file that tests replace, to simulate a full disk. */
export type WriteContent = (file: FileHandle, content: Uint8Array) => Promise<void>;

export interface ImageFilesOptions {
  readonly write?: WriteContent;
}

const HASH = /^[0-9a-f]{64}$/;
const FULL = new Set(['ENOSPC', 'EDQUOT']);

/**
 * Pictures on disk, PNG files and those that people gave, named by their content: `<folder>/ab/abcdef….png`. A file is either whole or absent, since it is
 * written beside its place, flushed to the disk and then renamed; equal pictures are stored once.
 */
export class ImageFiles {
  readonly folder: string;
  readonly #write: WriteContent;

  constructor(folder: string, options: ImageFilesOptions = {}) {
    this.folder = folder;
    this.#write = options.write ?? ((file, content) => file.writeFile(content));
  }

  /** @throws OperatorError `disk_full` or `image_unwritable`; nothing is left behind then */
  async put(content: Uint8Array): Promise<StoredFile> {
    const stored = { hash: hashOf(content), bytes: content.byteLength };
    if (this.has(stored.hash, stored.bytes)) return stored;
    const path = this.path(stored.hash);
    const folder = join(path, '..');
    const part = join(folder, `.${randomBytes(8).toString('hex')}.part`);
    try {
      makeFolder(folder, 0o700);
      await this.#writeFlushed(part, content);
      await rename(part, path);
      await flushFolder(folder);
    } catch (error) {
      await unlink(part).catch(() => undefined);
      throw explain(error, this.folder);
    }
    return stored;
  }

  /** Where the file of a hash is or would be. @throws OperatorError `image_hash` for anything but 64 hex digits */
  path(hash: string): string {
    if (!HASH.test(hash)) {
      throw new OperatorError('image_hash', () =>
        t('Expected 64 lower-case hex digits, got {value}.', { value: JSON.stringify(hash.slice(0, 80)) }),
      );
    }
    return join(this.folder, hash.slice(0, 2), `${hash}.png`);
  }

  /** Whether the file is there, and has so many bytes where that is known. */
  has(hash: string, bytes?: number): boolean {
    let found: Stats | undefined;
    try {
      found = statSync(this.path(hash), { throwIfNoEntry: false });
    } catch (error) {
      throw explain(error, this.folder);
    }
    return found?.isFile() === true && (bytes === undefined || found.size === bytes);
  }

  /** Synchronous, so that nothing can come to need the file between the check and its removal. */
  remove(hash: string): void {
    try {
      unlinkSync(this.path(hash));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw explain(error, this.folder);
    }
  }

  /** Hashes of all files, in no order. Remains of interrupted writes are removed on the way, if asked for. */
  async *list(options: { readonly removeParts?: boolean } = {}): AsyncGenerator<string> {
    for (const prefix of await entries(this.folder)) {
      if (!/^[0-9a-f]{2}$/.test(prefix)) continue;
      for (const name of await entries(join(this.folder, prefix))) {
        const hash = name.endsWith('.png') ? name.slice(0, -4) : '';
        if (HASH.test(hash) && hash.startsWith(prefix)) yield hash;
        else if (options.removeParts === true && /^\.[0-9a-f]{16}\.part$/.test(name)) {
          await unlink(join(this.folder, prefix, name)).catch(() => undefined);
        }
      }
    }
  }

  async #writeFlushed(path: string, content: Uint8Array): Promise<void> {
    const file = await open(path, 'wx', 0o600);
    try {
      // Whatever the umask.
      await file.chmod(0o600);
      await this.#write(file, content);
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

/** SHA-256 in lower-case hex. */
export function hashOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Makes a rename last; Windows neither allows nor needs it. */
async function flushFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function entries(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function explain(error: unknown, folder: string): unknown {
  if (error instanceof OperatorError || codeOf(error) === '') return error;
  if (FULL.has(codeOf(error))) {
    return new OperatorError('disk_full', () => t('No space is left for pictures in {folder}.', { folder }), {
      hint: () => t('Free some space, or let the bot keep fewer pictures.'),
      cause: error,
    });
  }
  return new OperatorError(
    'image_unwritable',
    () => t('Pictures in {folder} cannot be read or written ({code}).', { folder, code: codeOf(error) }),
    {
      hint: () => t('Give the user that runs the bot the right to read and write this folder.'),
      cause: error,
    },
  );
}
