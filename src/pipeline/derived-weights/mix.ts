import { type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { checkSpace, explainDiskError, isDiskFull } from '../../system/disk.ts';
import { OperatorError } from '../../system/errors.ts';
import { hashFile } from '../../system/file-hash.ts';
import { withFolderLock } from '../../system/file-lock.ts';
import { makeFolder } from '../../system/make-folder.ts';
import { writeAll } from '../../system/write-all.ts';
import { writeJson } from '../../system/write-json.ts';
import { readHeader, type TensorEntry } from '../checkpoint/safetensors.ts';
import { z } from '../checkpoint/zod-mini.ts';
import { MIX_BY_DTYPE } from './mix-numbers.ts';

export interface MixOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told the bytes of the result before anything is read: looking at the parents takes a while, too. */
  readonly onStart?: ((total: number) => void) | undefined;
  /** Bytes of the result that are written, of all its bytes. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Bytes that can be written at a path. @default those of the file system */
  readonly freeBytes?: ((path: string) => Promise<number>) | undefined;
}

/** What a mixed checkpoint was made from; stands beside it as `<file>.json`. */
export interface MixRecord {
  readonly weight: number;
  readonly base: Parent;
  readonly aesthetic: Parent;
  readonly sha256: string;
}

interface Parent {
  readonly file: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly sha256: string;
}

const parentSchema = z.object({ file: z.string(), size: z.number(), mtimeMs: z.number(), sha256: z.string() });
const recordSchema = z.object({
  weight: z.number(),
  base: parentSchema,
  aesthetic: parentSchema,
  sha256: z.string(),
});
const stateSchema = z.object({ weight: z.number(), base: z.string(), aesthetic: z.string(), written: z.int() });
type State = z.output<typeof stateSchema>;

/** Held at a time of each parent; a multiple of every element's size. */
const PIECE_BYTES = 4 * 2 ** 20;
/** After so many new bytes they are forced to the disk and written down as safe to go on from. */
const SAFE_BYTES = 256 * 2 ** 20;

/**
 * Writes the checkpoint `(1 - weight) · base + weight · aesthetic`, tensor by tensor, in the layout and dtype of the
 * base: a weight of 0.5 is the exact mean. Memory stays at two pieces of 4 MiB. The result appears under its name only
 * when it is whole; a run that was stopped is gone on with by the next one with the same parents and weight.
 * A finished result of the same parents is left as it is.
 *
 * @param weight 0 (base) to 1 (aesthetic)
 * @throws OperatorError `mix_mismatch` when the parents differ in tensors, shapes or dtypes, `checkpoint_corrupt` when
 *   a number is not finite, `disk_full`
 */
export async function mixCheckpoints(
  baseFile: string,
  aestheticFile: string,
  weight: number,
  outFile: string,
  options: MixOptions = {},
): Promise<MixRecord> {
  if (!(weight >= 0 && weight <= 1)) throw new RangeError(`expected a weight from 0 to 1, got ${weight}`);
  try {
    makeFolder(dirname(outFile));
    return await withFolderLock(outFile, { waitMs: Number.POSITIVE_INFINITY, signal: options.signal }, async () => {
      const finished = await finishedMix(baseFile, aestheticFile, weight, outFile);
      return finished ?? (await mixLocked(baseFile, aestheticFile, weight, outFile, options));
    });
  } catch (error) {
    throw explainDiskError(error, outFile);
  }
}

/** @returns what a mixed checkpoint was made from; undefined for files that are no mix. */
export function readMixRecord(outFile: string): Promise<MixRecord | undefined> {
  return readJson(`${outFile}.json`, recordSchema);
}

/** @returns the record of a mix that is there and was made from these very files, else undefined. */
export async function finishedMix(
  baseFile: string,
  aestheticFile: string,
  weight: number,
  outFile: string,
): Promise<MixRecord | undefined> {
  const record = await readMixRecord(outFile);
  const out = await stat(outFile).catch(() => undefined);
  if (record?.weight !== weight || out === undefined) return undefined;
  const fresh = (await unchanged(baseFile, record.base)) && (await unchanged(aestheticFile, record.aesthetic));
  return fresh && out.size === record.base.size ? record : undefined;
}

async function unchanged(path: string, { size, mtimeMs }: Parent): Promise<boolean> {
  const found = await stat(path);
  return found.size === size && found.mtimeMs === mtimeMs;
}

async function mixLocked(
  baseFile: string,
  aestheticFile: string,
  weight: number,
  outFile: string,
  { signal, onStart, onProgress, freeBytes }: MixOptions,
): Promise<MixRecord> {
  const pairs = await pairTensors(baseFile, aestheticFile);
  onStart?.((await stat(baseFile)).size);
  const base = await describe(baseFile, signal);
  const aesthetic = await describe(aestheticFile, signal);
  const part = `${outFile}.part`;
  const start: State = { weight, base: base.sha256, aesthetic: aesthetic.sha256, written: 0 };
  const resumed = await resume(part, start);
  await checkSpace(dirname(outFile), base.size - resumed, freeBytes);

  const files: FileHandle[] = [];
  try {
    const a = await open(baseFile, 'r');
    files.push(a);
    const b = await open(aestheticFile, 'r');
    files.push(b);
    const out = await open(part, resumed > 0 ? 'r+' : 'w');
    files.push(out);
    const mixPiece = pieceMixer(a, b, weight, baseFile);
    let written = resumed;
    let safe = resumed;
    const keepState = async () => {
      await out.datasync();
      await writeJson(`${part}.json`, { ...start, written } satisfies State);
      safe = written;
    };
    try {
      for (const piece of piecesOf(pairs, resumed)) {
        signal?.throwIfAborted();
        await writeAll(out, await mixPiece(piece), piece.at);
        written = piece.at + piece.length;
        onProgress?.(written, base.size);
        if (written - safe >= SAFE_BYTES) await keepState();
      }
    } catch (error) {
      if (error instanceof OperatorError || isDiskFull(error)) throw error;
      // Stopped: what is written so far is right, the next run goes on from here.
      await keepState().catch(() => {});
      throw error;
    }
    await out.sync();
  } catch (error) {
    // Of bad parents nothing can be kept, and a full disk gets the room back.
    if (error instanceof OperatorError || isDiskFull(error)) await discard(part);
    throw error;
  } finally {
    for (const file of files) await file.close();
  }
  const { sha256 } = await hashFile(part, base.size, signal);
  await rename(part, outFile);
  // The record last: a result without one counts as not made, but an old result must never get a new record.
  await writeJson(`${outFile}.json`, { weight, base, aesthetic, sha256 } satisfies MixRecord);
  await rm(`${part}.json`, { force: true });
  return { weight, base, aesthetic, sha256 };
}

interface Pair {
  readonly tensor: TensorEntry | undefined;
  /** Byte offsets in the base (and the result) and in the other parent. */
  readonly at: number;
  readonly from: number;
  readonly length: number;
}

/** What to write, in the order of the base's bytes: its header as it is, then every tensor with its counterpart. */
async function pairTensors(baseFile: string, aestheticFile: string): Promise<Pair[]> {
  const base = await readHeader(baseFile);
  const aesthetic = await readHeader(aestheticFile);
  const wrong = (what: string) =>
    new OperatorError('mix_mismatch', `${baseFile} and ${aestheticFile} cannot be mixed: ${what}`, {
      hint: 'Both must be Stage C checkpoints of the same model and precision.',
    });
  for (const name of aesthetic.keys()) if (!base.has(name)) throw wrong(`only the second has tensor "${name}"`);
  const tensors = [...base.values()].sort((x, y) => x.offset - y.offset);
  const first = tensors[0];
  if (!first) throw wrong('the first has no tensors');
  const pairs: Pair[] = [{ tensor: undefined, at: 0, from: 0, length: first.offset }];
  for (const tensor of tensors) {
    const other = aesthetic.get(tensor.name);
    if (!other) throw wrong(`only the first has tensor "${tensor.name}"`);
    const [mine, theirs] = [tensor, other].map(({ dtype, shape }) => `${dtype} [${shape}]`);
    if (mine !== theirs) throw wrong(`tensor "${tensor.name}" is ${mine} in the first and ${theirs} in the second`);
    if (!MIX_BY_DTYPE[tensor.dtype]) throw wrong(`tensor "${tensor.name}" is ${tensor.dtype}, not F32, F16 or BF16`);
    pairs.push({ tensor, at: tensor.offset, from: other.offset, length: tensor.length });
  }
  return pairs;
}

/** Cuts pairs into pieces and leaves out what is already written. */
function* piecesOf(pairs: readonly Pair[], written: number): Generator<Pair> {
  for (const { tensor, at, from, length } of pairs) {
    for (let skip = 0; skip < length; skip += PIECE_BYTES) {
      const piece = { tensor, at: at + skip, from: from + skip, length: Math.min(PIECE_BYTES, length - skip) };
      if (piece.at + piece.length > written) yield piece;
    }
  }
}

/** Mixes pieces in the same two buffers. @returns the bytes to write, valid until the next piece */
function pieceMixer(a: FileHandle, b: FileHandle, weight: number, baseFile: string) {
  const buffers = [new Uint8Array(PIECE_BYTES), new Uint8Array(PIECE_BYTES)] as const;
  return async ({ tensor, at, from, length }: Pair): Promise<Uint8Array> => {
    const mine = await fill(a, at, buffers[0].subarray(0, length));
    const mix = tensor && MIX_BY_DTYPE[tensor.dtype];
    if (!mix || mix(mine, await fill(b, from, buffers[1].subarray(0, length)), weight)) return mine;
    throw new OperatorError(
      'checkpoint_corrupt',
      `tensor "${tensor.name}" of ${baseFile} or its partner has numbers that are not finite`,
      { hint: 'Run "wuerst models verify", then pull the model again.' },
    );
  };
}

async function fill(file: FileHandle, position: number, bytes: Uint8Array): Promise<Uint8Array> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0) throw new OperatorError('checkpoint_truncated', 'a checkpoint got shorter while it was read');
    done += bytesRead;
  }
  return bytes;
}

async function describe(path: string, signal: AbortSignal | undefined): Promise<Parent> {
  const { size, mtimeMs } = await stat(path);
  return { file: basename(path), size, mtimeMs, sha256: (await hashFile(path, size, signal)).sha256 };
}

/** @returns how many bytes of an unfinished result can be kept. */
async function resume(part: string, wanted: State): Promise<number> {
  const state = await readJson(`${part}.json`, stateSchema);
  const size = (await stat(part).catch(() => undefined))?.size ?? 0;
  const same = state?.weight === wanted.weight && state.base === wanted.base && state.aesthetic === wanted.aesthetic;
  return same && size >= state.written ? state.written : 0;
}

async function discard(part: string): Promise<void> {
  await rm(part, { force: true });
  await rm(`${part}.json`, { force: true });
}

async function readJson<T>(path: string, schema: z.ZodMiniType<T>): Promise<T | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    // Missing or damaged: the work it describes is done again.
    return undefined;
  }
}
