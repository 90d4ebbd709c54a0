import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { explainDiskError } from '../../system/disk.ts';
import { OperatorError } from '../../system/errors.ts';
import { hashFile } from '../../system/file-hash.ts';
import { z } from '../../system/zod-mini.ts';
import { t } from '../../texts/translate.ts';
import { readHeader, type TensorEntry } from '../checkpoint/safetensors.ts';
import { type DerivedFileOptions, makeOnce, readFully, writeDerivedFile } from './derived-file.ts';
import { MIX_BY_DTYPE } from './mix-numbers.ts';
import { readRecord } from './read-record.ts';

export interface MixOptions extends DerivedFileOptions {
  /** Called with the size of the result in bytes before anything is read: hashing the parents takes a while, too. */
  readonly onStart?: ((total: number) => void) | undefined;
}

const parentSchema = z.object({ file: z.string(), size: z.number(), mtimeMs: z.number(), sha256: z.string() });
const recordSchema = z.object({
  weight: z.number(),
  base: parentSchema,
  aesthetic: parentSchema,
  sha256: z.string(),
});
type Parent = z.output<typeof parentSchema>;
/** What a mixed checkpoint was made from; stands beside it as `<file>.json`. */
export type MixRecord = z.output<typeof recordSchema>;

/** Bytes of each parent in memory at a time; a multiple of every element's size. */
const PIECE_BYTES = 4 * 2 ** 20;
/**
 * Writes the checkpoint `(1 - weight) · base + weight · aesthetic`, tensor by tensor, in the layout and dtype of the
 * base: a weight of 0.5 is the exact mean. Memory stays at two pieces of 4 MiB. The result appears under its name only
 * when it is whole; a stopped run is continued by the next one with the same parents and weight. A finished
 * result of the same parents is left as it is.
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
  if (!(weight >= 0 && weight <= 1)) throw new RangeError(`Expected a weight from 0 to 1, got ${weight}.`);
  try {
    return await makeOnce(
      outFile,
      options.signal,
      () => finishedMix(baseFile, aestheticFile, weight, outFile),
      () => mixNow(baseFile, aestheticFile, weight, outFile, options),
    );
  } catch (error) {
    throw explainDiskError(error, outFile);
  }
}

/** @returns what a mixed checkpoint was made from; undefined for files that are no mix. */
export function readMixRecord(outFile: string): Promise<MixRecord | undefined> {
  return readRecord(`${outFile}.json`, recordSchema);
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

async function mixNow(
  baseFile: string,
  aestheticFile: string,
  weight: number,
  outFile: string,
  options: MixOptions,
): Promise<MixRecord> {
  const pairs = await pairTensors(baseFile, aestheticFile);
  options.onStart?.((await stat(baseFile)).size);
  const base = await parentOf(baseFile, options.signal);
  const aesthetic = await parentOf(aestheticFile, options.signal);
  const { size } = base;
  const files: FileHandle[] = [];
  try {
    for (const path of [baseFile, aestheticFile]) files.push(await open(path, 'r'));
    const mixPiece = pieceMixer(files, baseFile, weight);
    const parts = function* (done: number) {
      for (const piece of piecesOf(pairs, done)) yield { done: piece.at + piece.length, pieces: () => mixPiece(piece) };
    };
    const key = JSON.stringify([weight, base.sha256, aesthetic.sha256]);
    const record = async (sha256: string) => ({ weight, base, aesthetic, sha256 });
    return await writeDerivedFile({ file: outFile, key, size, total: size, parts }, options, record);
  } finally {
    for (const file of files) await file.close();
  }
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
  const wrong = (finding: () => string) =>
    new OperatorError(
      'mix_mismatch',
      () =>
        t('Checkpoints {baseFile} and {aestheticFile} cannot be mixed: {finding}.', {
          baseFile,
          aestheticFile,
          finding: finding(),
        }),
      {
        hint: () => t('Both must be Stage C checkpoints of the same model and precision.'),
      },
    );
  for (const name of aesthetic.keys())
    if (!base.has(name)) throw wrong(() => t('only the second has tensor "{name}"', { name }));
  const tensors = [...base.values()].sort((x, y) => x.offset - y.offset);
  const [lowest] = tensors;
  if (!lowest) throw wrong(() => t('the first has no tensors'));
  const pairs: Pair[] = [{ tensor: undefined, at: 0, from: 0, length: lowest.offset }];
  for (const tensor of tensors) {
    const { name, dtype } = tensor;
    const other = aesthetic.get(name);
    if (!other) throw wrong(() => t('only the first has tensor "{name}"', { name }));
    const [first = '', second = ''] = [tensor, other].map((one) => `${one.dtype} [${one.shape}]`);
    if (first !== second) {
      throw wrong(() =>
        t('tensor "{name}" is {first} in the first and {second} in the second', { name, first, second }),
      );
    }
    if (!MIX_BY_DTYPE[tensor.dtype])
      throw wrong(() => t('tensor "{name}" is {dtype}, not F32, F16 or BF16', { name, dtype }));
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

/** Mixes pieces in the same two buffers. */
function pieceMixer(files: readonly FileHandle[], baseFile: string, weight: number) {
  const buffers = files.map(() => new Uint8Array(PIECE_BYTES));
  return async function* ({ tensor, at, from, length }: Pair) {
    const read = async (index: number, position: number): Promise<Uint8Array> => {
      const [file, bytes] = [files[index], buffers[index]?.subarray(0, length)];
      if (!file || !bytes) throw new RangeError('Expected two parents.');
      await readFully(file, baseFile, position, bytes);
      return bytes;
    };
    const bytes = await read(0, at);
    const mix = tensor && MIX_BY_DTYPE[tensor.dtype];
    if (mix && !mix(bytes, await read(1, from), weight)) {
      throw new OperatorError(
        'checkpoint_corrupt',
        () =>
          t('Tensor "{name}" of {baseFile} or its partner has numbers that are not finite.', {
            name: tensor.name,
            baseFile,
          }),
        { hint: () => t('Run "{command}", then pull the model again.', { command: 'wuerst models verify' }) },
      );
    }
    yield { at, bytes };
  };
}

async function parentOf(path: string, signal: AbortSignal | undefined): Promise<Parent> {
  const { size, mtimeMs } = await stat(path);
  return { file: basename(path), size, mtimeMs, sha256: (await hashFile(path, size, signal)).sha256 };
}
