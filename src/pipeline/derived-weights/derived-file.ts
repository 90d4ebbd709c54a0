import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { checkSpace, isDiskFull } from '../../system/disk.ts';
import { OperatorError } from '../../system/errors.ts';
import { hashFile } from '../../system/file-hash.ts';
import { withFolderLock } from '../../system/file-lock.ts';
import { makeFolder } from '../../system/make-folder.ts';
import { writeAll } from '../../system/write-all.ts';
import { writeJson } from '../../system/write-json.ts';
import { z } from '../../system/zod-mini.ts';
import { t } from '../../texts/translate.ts';
import { readRecord } from './read-record.ts';

export interface DerivedFileOptions {
  /** Ends the work; the next run continues from there. */
  readonly signal?: AbortSignal | undefined;
  /** Parts that are written, of all: bytes of a mix, tensors of prepared weights. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Bytes that can be written at a path. @default those of the file system */
  readonly freeBytes?: ((path: string) => Promise<number>) | undefined;
}

/** A part of the file, after which the work can be resumed. */
export interface Part {
  /** Progress when this part is written. */
  readonly done: number;
  /** Bytes and their place in the file; valid until the next ones. */
  readonly pieces: () => AsyncIterable<{ readonly at: number; readonly bytes: Uint8Array }>;
}

/** What is to be written. */
export interface DerivedFile {
  readonly file: string;
  /** Tells this work from all other work on the same file. */
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Progress of the whole file. */
  readonly total: number;
  /** The parts that are left when `done` is reached. */
  readonly parts: (done: number) => Iterable<Part>;
}

/** After so many new bytes they are forced to the disk and written down as safe to go on from. */
const SAFE_BYTES = 256 * 2 ** 20;
const stateSchema = z.object({ key: z.string(), done: z.int(), size: z.number() });

/** Makes a file, unless it is there: one process at a time, the others wait and find it finished. */
export async function makeOnce<T>(
  file: string,
  signal: AbortSignal | undefined,
  finished: () => Promise<T | undefined>,
  make: () => Promise<T>,
): Promise<T> {
  makeFolder(dirname(file));
  const options = { waitMs: Number.POSITIVE_INFINITY, signal };
  return withFolderLock(file, options, async () => (await finished()) ?? (await make()));
}

/**
 * Writes a large file that appears under its name only when it is whole, and a record beside it as `<file>.json`. A stopped
 * run is continued by the next one with the same key.
 *
 * @param record what the file was made from, told its hash
 * @throws OperatorError `disk_full`, or what a part throws: then nothing is kept
 */
export async function writeDerivedFile<R>(
  { file, key, size, total, parts }: DerivedFile,
  { signal, onProgress, freeBytes }: DerivedFileOptions,
  record: (sha256: string) => Promise<R>,
): Promise<R> {
  const part = `${file}.part`;
  const state = `${part}.json`;
  let done = await resumable(part, key);
  await checkSpace(dirname(file), size - ((await sizeOf(part)) ?? 0), freeBytes);
  const out = await open(part, done > 0 ? 'r+' : 'w');
  const keepState = async () => {
    await out.datasync();
    await writeJson(state, { key, done, size: (await out.stat()).size });
  };
  try {
    let fresh = 0;
    for (const next of parts(done)) {
      signal?.throwIfAborted();
      for await (const { at, bytes } of next.pieces()) {
        await writeAll(out, bytes, at);
        fresh += bytes.length;
      }
      done = next.done;
      onProgress?.(done, total);
      if (fresh < SAFE_BYTES) continue;
      await keepState();
      fresh = 0;
    }
    await out.sync();
  } catch (error) {
    // Nothing made from bad sources is kept, and a full disk gets its room back. Otherwise everything written so far is valid.
    const useless = error instanceof OperatorError || isDiskFull(error);
    if (useless) await Promise.all([part, state].map((path) => rm(path, { force: true })));
    else await keepState().catch(() => {});
    throw error;
  } finally {
    await out.close();
  }
  const { sha256 } = await hashFile(part, size, signal);
  await rename(part, file);
  // The record last: a file without one counts as not made, but an old one must never get a new record.
  const made = await record(sha256);
  await writeJson(`${file}.json`, made);
  await rm(state, { force: true });
  return made;
}

/** From where an unfinished file can be resumed. */
async function resumable(part: string, key: string): Promise<number> {
  const state = await readRecord(`${part}.json`, stateSchema);
  return state?.key === key && ((await sizeOf(part)) ?? -1) >= state.size ? state.done : 0;
}

/** Fills `bytes` from a position of a checkpoint's file. @throws OperatorError `checkpoint_truncated` */
export async function readFully(file: FileHandle, path: string, position: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0)
      throw new OperatorError('checkpoint_truncated', () =>
        t('The file {path} got shorter while it was read.', { path }),
      );
    done += bytesRead;
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}
