import { open, stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { OperatorError, UserError } from '../../system/errors.ts';
import { hashFile } from '../../system/file-hash.ts';
import { readSafetensorsHeader, type TensorEntry } from '../checkpoint/safetensors.ts';
import { toFloats } from '../math/number-formats.ts';
import { size } from '../math/tensor.ts';
import { otherKind, otherModel, type Shapes } from './foreign-lora.ts';
import { type LoraPart, type LoraRole, readLoraKey } from './lora-keys.ts';
import { trainedScales } from './trained-scales.ts';

/** What a LoRA changes in one layer: W′ = W + weight · scale · B·A, W seen as a matrix of rows and of all else. */
export interface LowRank {
  readonly rank: number;
  /** Columns of W: of a linear layer its inputs, of a convolution its inputs times its kernel. */
  readonly inputs: number;
  readonly outputs: number;
  /** alpha / rank */
  readonly scale: number;
  /** [rank, inputs] */
  readonly a: Float32Array;
  /** [outputs, rank] */
  readonly b: Float32Array;
}

/** Layers of a network that can be changed, with the shape of their weight. */
export type Layers = ReadonlyMap<string, readonly number[]>;

export interface LoraFile {
  /** The file's own name, without the ending. */
  readonly name: string;
  /** Of the whole file. */
  readonly sha256: string;
  /** By network, then by layer. */
  readonly parts: Readonly<Record<LoraPart, ReadonlyMap<string, LowRank>>>;
}

/** Enough for a rank of 128 in every layer of the published model in 32 bits. */
const MAX_BYTES = 4e9;

/**
 * Reads a LoRA and checks all of it against the model. The checkpoint itself is not touched.
 *
 * @param layers of the model's Stage C and its text encoder
 * @throws UserError `lora_missing`, or `lora_refused` with one sentence that says what the file is
 */
export async function readLoraFile(
  path: string,
  layers: Readonly<Record<LoraPart, Layers>>,
  signal?: AbortSignal,
): Promise<LoraFile> {
  const stats = await stat(path).catch(() => undefined);
  const file = basename(path);
  if (!stats?.isFile()) throw new UserError('lora_missing', `There is no LoRA file ${file} here.`);
  if (stats.size > MAX_BYTES) throw refused(file, `has ${stats.size} bytes, but a LoRA has at most ${MAX_BYTES}`);
  const { tensors, metadata } = await readHeaderOf(path, file);
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  const kind = otherKind(shapes);
  if (kind) throw refused(file, `is ${kind}; what is needed is a plain LoRA for Würstchen v2`);
  const pairs = collect(file, tensors, shapes, layers);
  const scales = trainedScales(metadata);
  const { sha256 } = await hashFile(path, stats.size, signal);
  const parts = { prior: new Map<string, LowRank>(), text_encoder: new Map<string, LowRank>() };
  const handle = await open(path, 'r');
  try {
    const read = async ({ name, dtype, offset, length }: TensorEntry): Promise<Float32Array> => {
      if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') {
        throw refused(file, `holds "${name}" as ${dtype}; a LoRA here has F32, F16 or BF16`);
      }
      const { buffer, bytesRead } = await handle.read(new Uint8Array(length), 0, length, offset);
      if (bytesRead < length) throw refused(file, 'is incomplete');
      const floats = toFloats(dtype, buffer.buffer);
      if (!floats.every(Number.isFinite))
        throw refused(file, `is damaged: its "${name}" holds numbers that are not finite`);
      return floats;
    };
    for (const { part, layer, shape, down, up, alpha } of pairs) {
      signal?.throwIfAborted();
      const [rank = 1] = down.shape;
      const scale = alpha ? ((await read(alpha))[0] ?? rank) / rank : scales(part, layer, rank);
      const [a, b] = [await read(down), await read(up)];
      const [outputs = 0] = shape;
      parts[part].set(layer, { rank, inputs: size(shape) / outputs, outputs, scale, a, b });
    }
  } finally {
    await handle.close();
  }
  return { name: basename(file, extname(file)), sha256, parts };
}

interface Pair {
  readonly part: LoraPart;
  readonly layer: string;
  /** Of the layer's weight. */
  readonly shape: readonly number[];
  readonly down: TensorEntry;
  readonly up: TensorEntry;
  readonly alpha: TensorEntry | undefined;
}

async function readHeaderOf(path: string, file: string) {
  try {
    return await readSafetensorsHeader(path);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    throw refused(file, 'is not a whole safetensors file', error);
  }
}

/** Both matrices of each layer, checked against the model. */
function collect(
  file: string,
  tensors: ReadonlyMap<string, TensorEntry>,
  shapes: Shapes,
  layers: Readonly<Record<LoraPart, Layers>>,
): Pair[] {
  type Found = { readonly part: LoraPart; readonly layer: string } & { readonly [R in LoraRole]?: TensorEntry };
  const found = new Map<string, Found>();
  const place = placeFinder(layers);
  for (const [name, entry] of tensors) {
    const key = readLoraKey(name);
    const at = key && place(key);
    if (!key || !at) throw unknownTensor(file, name, shapes);
    const id = `${at.part} ${at.layer}`;
    const pair: Found = found.get(id) ?? at;
    if (pair[key.role]) throw refused(file, `changes the layer ${at.layer} twice`);
    found.set(id, { ...pair, [key.role]: entry });
  }
  if (found.size === 0) throw refused(file, 'is empty; what is needed is a LoRA for Würstchen v2');
  return [...found.values()].map(({ part, layer, down, up, alpha }) => {
    if (!down || !up) {
      const [has, lacks] = down ? ['first', 'second'] : ['second', 'first'];
      const what =
        down || up
          ? `only the ${has} matrix of the layer ${layer}, not the ${lacks}`
          : `no matrix of the layer ${layer}`;
      throw refused(file, `is incomplete: it holds ${what}`);
    }
    const shape = layers[part].get(layer) ?? [];
    checkShapes(file, layer, shape, down, up);
    return { part, layer, shape, down, up, alpha };
  });
}

function checkShapes(
  file: string,
  layer: string,
  shape: readonly number[],
  { shape: down }: TensorEntry,
  { shape: up }: TensorEntry,
): void {
  const [rank = 0] = down;
  const [outputs = 0] = shape;
  const wanted = [size(shape) / outputs, outputs] as const;
  const got = [size(down.slice(1)), up[0] ?? 0] as const;
  if (rank === 0 || size(up.slice(1)) !== rank) {
    throw refused(file, `is damaged: the matrices of the layer ${layer}, [${down}] and [${up}], do not fit each other`);
  }
  if (got[0] === wanted[0] && got[1] === wanted[1]) return;
  throw refused(
    file,
    `is a LoRA for a Würstchen of another size: its layer ${layer} has ${got[0]} inputs and ${got[1]} outputs, this model's ${wanted[0]} and ${wanted[1]}`,
  );
}

/** Finds the layer that a name means. */
function placeFinder(layers: Readonly<Record<LoraPart, Layers>>) {
  const flat = (part: LoraPart) =>
    new Map([...layers[part].keys()].map((layer) => [layer.replaceAll('.', '_'), layer]));
  const flatNames = { prior: flat('prior'), text_encoder: flat('text_encoder') };
  return ({ part: said, layer, flat: isFlat }: ReturnType<typeof readLoraKey> & object) => {
    for (const part of said ? [said] : (['prior', 'text_encoder'] as const)) {
      const name = isFlat ? flatNames[part].get(layer) : layer;
      if (name !== undefined && layers[part].has(name)) return { part, layer: name };
    }
    return undefined;
  };
}

function unknownTensor(file: string, name: string, shapes: Shapes): UserError {
  const model = otherModel(shapes);
  if (model) return refused(file, `is a LoRA for ${model}, not for Würstchen v2`);
  const isCheckpoint = [...shapes.keys()].every((one) => readLoraKey(one) === undefined);
  if (isCheckpoint) return refused(file, `holds whole weights such as "${name}" and is not a LoRA`);
  return refused(file, `is a LoRA for another model: there is no layer here for its "${name}"`);
}

function refused(file: string, what: string, cause?: unknown): UserError {
  return new UserError('lora_refused', `The file ${file} ${what}.`, cause === undefined ? {} : { cause });
}
