import { type FileHandle, open } from 'node:fs/promises';
import { OperatorError } from '../../system/errors.ts';
import { reasonOf } from '../../system/foreign-words.ts';
import { t } from '../../texts/translate.ts';
import { size } from '../math/tensor.ts';
import { isLfsPointer, lfsPointerError } from './lfs-pointer.ts';

/** Where the bytes of an initializer lie: a file relative to the model's folder, and a byte range in it. */
export interface ByteRange {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** What a safetensors header says of one tensor; `offset` and `length` are bytes in the file. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
}

const BYTES_PER_ELEMENT: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** Headers of real checkpoints are under 1 MB; the format itself allows 100 MB. */
const MAX_HEADER_BYTES = 100_000_000;

/**
 * Reads the header of a safetensors file and checks it against the file's size, so that a truncated download
 * is noticed before any tensor is used.
 *
 * @throws OperatorError `checkpoint_truncated` or `checkpoint_corrupt`, naming file, tensor, wanted and found.
 * @see https://github.com/huggingface/safetensors#format
 */
export async function readHeader(path: string): Promise<Map<string, TensorEntry>> {
  return (await readSafetensorsHeader(path)).tensors;
}

/** A whole header: its tensors, and the texts that the program that wrote it has left. */
export interface SafetensorsHeader {
  readonly tensors: Map<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** As {@link readHeader}, with the metadata. */
export async function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  const file = await openFile(path);
  try {
    const stats = await file.stat();
    const { size } = stats;
    if (!stats.isFile()) throw corrupt(path, () => t('it is no file'));
    if (isLfsPointer((await readBytes(file, 0, Math.min(size, 64))).toString('latin1'))) throw lfsPointerError(path);
    if (size < 8) throw truncated(path, 8, size);
    const headerLength = Number((await readBytes(file, 0, 8)).readBigUInt64LE());
    if (headerLength > MAX_HEADER_BYTES) {
      throw corrupt(path, () =>
        t('its header claims {bytes} bytes; a header has at most {most}', {
          bytes: headerLength,
          most: MAX_HEADER_BYTES,
        }),
      );
    }
    if (size < 8 + headerLength) throw truncated(path, 8 + headerLength, size);
    const json = (await readBytes(file, 8, headerLength)).toString('utf8');
    return parseHeader(path, json, 8 + headerLength, size);
  } finally {
    await file.close();
  }
}

function parseHeader(path: string, json: string, dataStart: number, fileSize: number): SafetensorsHeader {
  let header: unknown;
  try {
    header = JSON.parse(json);
  } catch (cause) {
    throw corrupt(path, () => t('its header is not JSON'), cause);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw corrupt(path, () => t('its header is not a JSON object'));
  }
  const entries = new Map<string, TensorEntry>();
  for (const [name, value] of Object.entries(header)) {
    if (name !== '__metadata__') entries.set(name, parseEntry(path, name, value, dataStart));
  }
  checkTiling(path, [...entries.values()], dataStart, fileSize);
  const { __metadata__: found } = header as { readonly __metadata__?: unknown };
  const texts = Object.entries(found ?? {}).filter(([, value]) => typeof value === 'string');
  return { tensors: entries, metadata: Object.fromEntries(texts) };
}

/** In this format tensors follow each other without gaps to the end of the file: anything else is damage. */
function checkTiling(path: string, entries: readonly TensorEntry[], dataStart: number, fileSize: number): void {
  const inOrder = entries.toSorted((a, b) => a.offset - b.offset || a.length - b.length);
  const end = Math.max(dataStart, ...inOrder.map(({ offset, length }) => offset + length));
  if (fileSize < end) throw truncated(path, end, fileSize);
  let at = dataStart;
  for (const { name, offset, length } of inOrder) {
    const wanted = at;
    if (offset !== at)
      throw corrupt(path, () =>
        t('tensor "{name}" starts at byte {offset}, wanted {wanted}', { name, offset, wanted }),
      );
    at = offset + length;
  }
  if (fileSize > end)
    throw corrupt(path, () => t('its tensors end at byte {end}, the file has {size} bytes', { end, size: fileSize }));
}

function parseEntry(path: string, name: string, value: unknown, dataStart: number): TensorEntry {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  if (typeof dtype !== 'string' || !isCounts(shape) || !isCounts(offsets) || offsets.length !== 2) {
    throw corrupt(path, () => t('tensor "{name}" lacks dtype, shape or data_offsets', { name }));
  }
  const bytes = BYTES_PER_ELEMENT[dtype];
  if (bytes === undefined) {
    throw corrupt(path, () =>
      t('tensor "{name}" has dtype {dtype}; known are {names}', {
        name,
        dtype,
        names: Object.keys(BYTES_PER_ELEMENT).join(', '),
      }),
    );
  }
  const [from = 0, to = 0] = offsets;
  const wanted = bytes * size(shape);
  if (to - from !== wanted) {
    throw corrupt(path, () =>
      t('tensor "{name}", {kind}, needs {wanted} bytes, its offsets span {found}', {
        name,
        kind: `${dtype} [${shape}]`,
        wanted,
        found: to - from,
      }),
    );
  }
  return { name, dtype, shape, offset: dataStart + from, length: wanted };
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    throw new OperatorError(
      'checkpoint_unreadable',
      () => t('Cannot read {path}: {reason}.', { path, reason: reasonOf(cause) }),
      { cause },
    );
  }
}

async function readBytes(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer;
}

function truncated(path: string, wanted: number, found: number): OperatorError {
  return new OperatorError(
    'checkpoint_truncated',
    () => t('The file {path} is incomplete: wanted {wanted} bytes, found {found} bytes.', { path, wanted, found }),
    {
      hint: () => t('Download the file again.'),
    },
  );
}

function corrupt(path: string, finding: () => string, cause?: unknown): OperatorError {
  return new OperatorError(
    'checkpoint_corrupt',
    () => t('The file {path} is not a valid safetensors file: {finding}.', { path, finding: finding() }),
    {
      hint: () => t('Download the file again.'),
      cause,
    },
  );
}
