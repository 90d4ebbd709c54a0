import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { OperatorError } from '../../system/errors.ts';
import { type ByteRange, readHeader, type TensorEntry } from './safetensors.ts';
import type { Precision, PreparedTensor, WeightRecipe } from './weight-recipe.ts';
import { z } from './zod-mini.ts';

export interface LocatedTensor extends TensorEntry {
  /** Real path of the file that holds it. */
  readonly file: string;
}

/** Tensors that were made of the checkpoint's, by name. */
export type Prepared = ReadonlyMap<string, LocatedTensor>;

const shardIndex = z.object({ weight_map: z.record(z.string(), z.string()) });

/** Buffers that checkpoints carry and no computation reads. */
const IGNORED = /(^|\.)(position_ids|num_batches_tracked)$/;

/**
 * One folder of a diffusers-layout repository: `config.json` and its weights. Weights are found by name and handed
 * out as byte ranges; their bytes are never read here.
 */
export class Component {
  readonly dir: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** The folder that all weight files lie under; external data is named relative to it. */
  readonly weightsDir: string;
  /** How graphs over this component keep its weights. */
  readonly precision: Precision;
  readonly #tensors: ReadonlyMap<string, LocatedTensor>;
  readonly #used = new Set<string>();
  /** Files relative to `weightsDir`: they are few, the tensors in them many. */
  readonly #locations = new Map<string, string>();
  readonly #prepared: Prepared | null;
  readonly #recipes = new Map<string, WeightRecipe>();

  private constructor(
    dir: string,
    config: Readonly<Record<string, unknown>>,
    tensors: ReadonlyMap<string, LocatedTensor>,
    precision: Precision = 'fp32',
    prepared: Prepared | null = null,
  ) {
    this.dir = dir;
    this.config = config;
    this.precision = precision;
    this.#tensors = tensors;
    this.#prepared = prepared;
    const located = [...tensors.values(), ...(prepared?.values() ?? [])];
    this.weightsDir = commonFolder([...new Set(located.map((tensor) => tensor.file))]);
  }

  /** The same component in another precision: without `prepared`, graphs over it only tell what has to be prepared. */
  in(precision: Precision, prepared: Prepared | null = null): Component {
    return new Component(this.dir, this.config, this.#tensors, precision, prepared);
  }

  /** What the graphs written so far want to be prepared. */
  get recipes(): readonly WeightRecipe[] {
    return [...this.#recipes.values()];
  }

  /** A tensor that is to be prepared, by its recipe, or is. */
  made(recipe: WeightRecipe, { name, dtype, shape }: PreparedTensor): LocatedTensor {
    this.tensor(recipe.from, recipe.shape);
    if (recipe.right) this.tensor(recipe.right.from, recipe.right.shape);
    this.#recipes.set(recipe.name, recipe);
    const found = this.#prepared?.get(name);
    if (found?.dtype === dtype && String(found.shape) === String(shape)) return found;
    if (this.#prepared === null) return { name, dtype, shape, offset: 0, length: 0, file: join(this.weightsDir, name) };
    throw new OperatorError(
      'prepared_stale',
      `The prepared ${this.precision} weights of ${this.dir} lack "${name}" ${dtype} [${shape}].`,
      { hint: 'Delete its folder "prepared"; it is made again.' },
    );
  }

  /**
   * Opens a component folder. Sharded, `.fp16` and symlinked (hub-cache) weight files are found; text-encoder keys
   * are given without their `text_model.` prefix.
   *
   * @throws OperatorError naming the file, what was wanted and what was found.
   */
  static async open(dir: string): Promise<Component> {
    await requireFolder(dir);
    const config = await readJson(join(dir, 'config.json'));
    const tensors = new Map<string, LocatedTensor>();
    for (const file of await weightFiles(dir)) {
      for (const entry of (await readHeader(file)).values()) {
        const name = entry.name.replace(/^text_model\./, '');
        if (IGNORED.test(name)) continue;
        const other = tensors.get(name);
        if (other)
          throw new OperatorError('checkpoint_corrupt', `Both ${file} and ${other.file} hold tensor "${name}".`);
        tensors.set(name, { ...entry, file });
      }
    }
    return new Component(dir, config, tensors);
  }

  /** Bytes of all weights as they lie on disk. */
  get bytes(): number {
    return [...this.#tensors.values()].reduce((sum, tensor) => sum + tensor.length, 0);
  }

  get parameters(): number {
    return [...this.#tensors.values()].reduce((sum, t) => sum + t.shape.reduce((product, dim) => product * dim, 1), 0);
  }

  /** Bytes of all weights as sessions keep them: what was prepared as it is, the rest in floats. */
  get bytesInMemory(): number {
    const made = [...(this.#prepared?.values() ?? [])];
    const elements = made.reduce((sum, { shape }) => sum + shape.reduce((product, dim) => product * dim, 1), 0);
    const rest = Math.max(0, this.parameters - elements) * (this.precision === 'fp16' ? 2 : 4);
    return made.reduce((sum, { length }) => sum + length, rest);
  }

  /** Real paths of the files that most of what sessions load lies in. */
  get filesInUse(): string[] {
    const made = new Set([...(this.#prepared?.values() ?? [])].map(({ file }) => file));
    return made.size > 0 ? [...made] : this.files;
  }

  /** Real paths of the weight files. */
  get files(): string[] {
    return [...new Set([...this.#tensors.values()].map((tensor) => tensor.file))].sort();
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  tensor(name: string, shape: readonly number[]): LocatedTensor {
    const found = this.#tensors.get(name);
    if (!found) {
      throw new OperatorError('tensor_missing', `Tensor "${name}" [${shape}] is missing in ${this.dir}.`, {
        hint: 'Check that config.json belongs to these weights, then download the folder again.',
      });
    }
    if (found.shape.length !== shape.length || found.shape.some((dim, i) => dim !== shape[i])) {
      throw new OperatorError(
        'tensor_misshapen',
        `Tensor "${name}" of ${found.file} should be [${shape}] by config.json, found [${found.shape}].`,
        { hint: 'Check that config.json belongs to these weights, then download the folder again.' },
      );
    }
    this.#used.add(name);
    return found;
  }

  range(entry: TensorEntry): ByteRange {
    const { file } = entry as LocatedTensor;
    const location = this.#locations.get(file) ?? relative(this.weightsDir, resolve(file)).split(sep).join('/');
    this.#locations.set(file, location);
    return { location, offset: entry.offset, length: entry.length };
  }

  unusableDtype(entry: TensorEntry): OperatorError {
    const file = (entry as LocatedTensor).file;
    return new OperatorError(
      'tensor_dtype',
      `Tensor "${entry.name}" of ${file} should be F32, F16 or BF16, found ${entry.dtype}.`,
    );
  }

  /** @throws OperatorError `tensor_unexpected` when the checkpoint holds weights that no graph asked for. */
  assertAllUsed(): void {
    const unused = [...this.#tensors.keys()].filter((name) => !this.#used.has(name));
    if (unused.length === 0) return;
    const names = unused.slice(0, 3).map((name) => `"${name}"`);
    const more = unused.length > 3 ? ` and ${unused.length - 3} more` : '';
    throw new OperatorError(
      'tensor_unexpected',
      `The config.json of ${this.dir} has no place for tensor ${names.join(', ')}${more}.`,
      { hint: 'Check that config.json belongs to these weights, then download the folder again.' },
    );
  }
}

/** Reads `config.json`-like objects through a schema. @throws OperatorError naming the key, wanted and found. */
export function parseConfig<T>(schema: z.ZodMiniType<T>, component: Component, className: string): T {
  const { _class_name: found, architectures } = component.config;
  const classes = [found, ...(Array.isArray(architectures) ? architectures : [])].filter((name) => name !== undefined);
  if (!classes.includes(className)) {
    throw new OperatorError(
      'class_unknown',
      `Expected class ${className} in ${join(component.dir, 'config.json')}, found ${classes.map(String).join(', ') || 'none'}.`,
    );
  }
  const result = schema.safeParse(component.config, { jitless: true });
  if (result.success) return result.data;
  throw configInvalid(join(component.dir, 'config.json'), result.error);
}

interface Problem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Names every key that is not as wanted, in one line. */
export function configInvalid(file: string, { issues }: { readonly issues: readonly Problem[] }): OperatorError {
  const problems = issues.map((issue) => `${issue.path.join('.') || 'file'}: ${issue.message}`);
  return new OperatorError('config_invalid', `The numbers of ${file} do not fit: ${problems.join('; ')}.`);
}

/** A folder with a `model_index.json`. */
export interface Repository {
  readonly dir: string;
  readonly index: Readonly<Record<string, unknown>>;
}

/** Opens a pipeline repository and checks its class name. */
export async function openRepository(dir: string, className: string): Promise<Repository> {
  await requireFolder(dir);
  const file = join(dir, 'model_index.json');
  const index = await readJson(file);
  if (index._class_name !== className) {
    throw new OperatorError(
      'class_unknown',
      `Expected class ${className} in ${file}, found ${String(index._class_name)}.`,
    );
  }
  return { dir, index };
}

export async function readJson(file: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new OperatorError('checkpoint_unreadable', `Cannot read ${file}: ${reason(cause)}.`, {
      hint: 'A model folder holds wuerstchen-prior/ and wuerstchen/ in the diffusers layout.',
      cause,
    });
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (cause) {
    throw new OperatorError('checkpoint_corrupt', `The file ${file} is not JSON: ${(cause as Error).message}.`, {
      cause,
    });
  }
  throw new OperatorError('checkpoint_corrupt', `The file ${file} should hold a JSON object.`);
}

/** @throws OperatorError `checkpoint_missing`, `checkpoint_not_a_folder` or `checkpoint_unreadable` */
export async function requireFolder(dir: string): Promise<void> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(dir)).isDirectory();
  } catch (cause) {
    throw new OperatorError('checkpoint_missing', `There is no checkpoint at ${dir || '""'}: ${reason(cause)}.`, {
      hint: 'Run "wuerst models list" to see what is here, "wuerst models pull" to fetch more.',
      cause,
    });
  }
  if (!isFolder) throw new OperatorError('checkpoint_not_a_folder', `A checkpoint is a folder, and ${dir} is a file.`);
  await readdir(dir).catch((cause: unknown) => {
    throw new OperatorError('checkpoint_unreadable', `Cannot list ${dir}: ${reason(cause)}.`, {
      hint: 'This program needs to list the folder and read its files.',
      cause,
    });
  });
}

/** Real paths of the weight files of a component, preferring full precision over `.fp16`. */
async function weightFiles(dir: string): Promise<string[]> {
  const names = await readdir(dir);
  for (const stem of ['diffusion_pytorch_model', 'model']) {
    for (const variant of ['', '.fp16', '.bf16']) {
      const index = `${stem}.safetensors.index${variant}.json`;
      if (names.includes(index)) return shards(dir, index);
      const single = `${stem}${variant}.safetensors`;
      if (names.includes(single)) return [await realFile(join(dir, single))];
    }
  }
  const others = names.filter((name) => name.endsWith('.safetensors'));
  if (others.length === 1) return [await realFile(join(dir, others[0] ?? ''))];
  const partial = names.find((name) => /\.(part|incomplete)$/.test(name));
  throw new OperatorError(
    'checkpoint_incomplete',
    `The folder ${dir} should hold diffusion_pytorch_model.safetensors or model.safetensors, found ${names.join(', ') || 'nothing'}.`,
    { hint: partial ? 'The download is not finished: run "wuerst models pull".' : 'Run "wuerst models pull".' },
  );
}

async function shards(dir: string, index: string): Promise<string[]> {
  const parsed = shardIndex.safeParse(await readJson(join(dir, index)));
  if (!parsed.success)
    throw new OperatorError('checkpoint_corrupt', `The file ${join(dir, index)} should have a weight_map.`);
  const names = [...new Set(Object.values(parsed.data.weight_map))];
  const outside = names.find((name) => name !== basename(name));
  if (outside)
    throw new OperatorError(
      'checkpoint_corrupt',
      `The file ${join(dir, index)} names "${outside}" outside its folder.`,
    );
  return Promise.all(names.map((name) => realFile(join(dir, name))));
}

async function realFile(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (cause) {
    throw new OperatorError('checkpoint_incomplete', `The file ${file} is missing: ${reason(cause)}.`, {
      hint: 'Run "wuerst models pull" to finish the download.',
      cause,
    });
  }
}

/** Absolute; at the latest the root. */
function commonFolder(files: readonly string[]): string {
  const paths = files.map((file) => resolve(file));
  let folder = dirname(paths[0] ?? resolve('.'));
  const holds = (path: string) => path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
  while (!paths.every(holds)) folder = dirname(folder);
  return folder;
}

function reason(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
