import { open, stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { OperatorError, UserError } from '../../system/errors.ts';
import { hashFile } from '../../system/file-hash.ts';
import { t } from '../../texts/translate.ts';
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
  if (!stats?.isFile()) throw new UserError('lora_missing', t('There is no LoRA file {file} here.', { file }));
  if (stats.size > MAX_BYTES)
    throw refused(
      t('The file {file} has {bytes} bytes, but a LoRA has at most {most}.', {
        file,
        bytes: stats.size,
        most: MAX_BYTES,
      }),
    );
  const { tensors, metadata } = await readHeaderOf(path, file);
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  const kind = otherKind(shapes);
  if (kind)
    throw refused(
      t('The file {file} is {kind}; what is needed is a plain LoRA for Würstchen v2.', { file, kind: t(kind) }),
    );
  const pairs = collect(file, tensors, shapes, layers);
  const scales = trainedScales(metadata);
  const { sha256 } = await hashFile(path, stats.size, signal);
  const parts = { prior: new Map<string, LowRank>(), text_encoder: new Map<string, LowRank>() };
  const handle = await open(path, 'r');
  try {
    const read = async ({ name, dtype, offset, length }: TensorEntry): Promise<Float32Array> => {
      if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') {
        throw refused(
          t('The file {file} holds "{name}" as {dtype}; a LoRA here has F32, F16 or BF16.', { file, name, dtype }),
        );
      }
      const { buffer, bytesRead } = await handle.read(new Uint8Array(length), 0, length, offset);
      if (bytesRead < length) throw refused(t('The file {file} is incomplete.', { file }));
      const floats = toFloats(dtype, buffer.buffer);
      if (!floats.every(Number.isFinite))
        throw refused(t('The file {file} is damaged: its "{name}" holds numbers that are not finite.', { file, name }));
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
    throw refused(t('The file {file} is not a whole safetensors file.', { file }), error);
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
    if (pair[key.role]) throw refused(t('The file {file} changes the layer {layer} twice.', { file, layer: at.layer }));
    found.set(id, { ...pair, [key.role]: entry });
  }
  if (found.size === 0)
    throw refused(t('The file {file} is empty; what is needed is a LoRA for Würstchen v2.', { file }));
  return [...found.values()].map(({ part, layer, down, up, alpha }) => {
    if (!down || !up) {
      throw refused(lackOf(file, layer, down, up));
    }
    const shape = layers[part].get(layer) ?? [];
    checkShapes(file, layer, shape, down, up);
    return { part, layer, shape, down, up, alpha };
  });
}

/** Which of the two matrices of a layer a file lacks. */
function lackOf(file: string, layer: string, first: unknown, second: unknown): string {
  if (first) {
    return t('The file {file} is incomplete: it holds only the first matrix of the layer {layer}, not the second.', {
      ...{ file, layer },
    });
  }
  if (second) {
    return t('The file {file} is incomplete: it holds only the second matrix of the layer {layer}, not the first.', {
      ...{ file, layer },
    });
  }
  return t('The file {file} is incomplete: it holds no matrix of the layer {layer}.', { file, layer });
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
    throw refused(
      t('The file {file} is damaged: the matrices of the layer {layer}, {first} and {second}, do not fit each other.', {
        ...{ file, layer },
        first: `[${down}]`,
        second: `[${up}]`,
      }),
    );
  }
  if (got[0] === wanted[0] && got[1] === wanted[1]) return;
  throw refused(
    t(
      "The file {file} is a LoRA for a Würstchen of another size: its layer {layer} has {inputs} inputs and {outputs} outputs, this model's {wantedInputs} and {wantedOutputs}.",
      { file, layer, inputs: got[0], outputs: got[1], wantedInputs: wanted[0], wantedOutputs: wanted[1] },
    ),
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
  if (model)
    return refused(t('The file {file} is a LoRA for {model}, not for Würstchen v2.', { file, model: t(model) }));
  const isCheckpoint = [...shapes.keys()].every((one) => readLoraKey(one) === undefined);
  if (isCheckpoint)
    return refused(t('The file {file} holds whole weights such as "{name}" and is not a LoRA.', { file, name }));
  return refused(
    t('The file {file} is a LoRA for another model: there is no layer here for its "{name}".', { file, name }),
  );
}

function refused(message: string, cause?: unknown): UserError {
  return new UserError('lora_refused', message, cause === undefined ? {} : { cause });
}
