import { join, relative, resolve, sep } from 'node:path';
import { OperatorError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import { size } from '../math/tensor.ts';
import { readJson, requireFolder } from './config-file.ts';
import { type ByteRange, readHeader, type TensorEntry } from './safetensors.ts';
import { commonFolder, weightFiles } from './weight-files.ts';
import { type Precision, type PreparedTensor, sourcesOf, type WeightRecipe } from './weight-recipe.ts';

export interface LocatedTensor extends TensorEntry {
  /** Real path of the file that holds it. */
  readonly file: string;
}

/** A tensor as it is hashed: `heading` is its name, type and shape; its bytes are a range of a file. */
export interface HashedTensor extends Pick<LocatedTensor, 'file' | 'offset' | 'length'> {
  readonly heading: string;
}

/** Tensors that were prepared from the checkpoint's, by name. */
export type Prepared = ReadonlyMap<string, LocatedTensor>;

/** Buffers that checkpoints contain but no computation reads. */
const IGNORED = /(^|\.)(position_ids|num_batches_tracked)$/;

const LAYER = /^(?!.*embedding\.weight$).+\.weight$/;

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
  /** Whether weights that have to be computed are, or will be, prepared; otherwise graphs compute them whenever they are loaded. */
  readonly isPrepared: boolean;
  readonly #tensors: ReadonlyMap<string, LocatedTensor>;
  readonly #used = new Set<string>();
  /** Paths relative to `weightsDir`, by file: there are few files, but many tensors in them. */
  readonly #locations = new Map<string, string>();
  readonly #prepared: Prepared | undefined;
  readonly #recipes = new Map<string, WeightRecipe>();

  private constructor(
    dir: string,
    config: Readonly<Record<string, unknown>>,
    tensors: ReadonlyMap<string, LocatedTensor>,
    precision: Precision = 'fp32',
    prepared: Prepared | 'planned' | undefined = undefined,
  ) {
    this.dir = dir;
    this.config = config;
    this.precision = precision;
    this.#tensors = tensors;
    this.isPrepared = prepared !== undefined;
    this.#prepared = prepared === 'planned' ? undefined : prepared;
    const located = [...tensors.values(), ...(this.#prepared?.values() ?? [])];
    this.weightsDir = commonFolder([...new Set(located.map((tensor) => tensor.file))]);
  }

  /** The same component in a precision: without `prepared`, graphs over it only collect what has to be prepared. */
  in(precision: Precision, prepared: Prepared | null = null): Component {
    return new Component(this.dir, this.config, this.#tensors, precision, prepared ?? 'planned');
  }

  /** The same component in a precision, for graphs that compute everything whenever they are loaded: not for 8 bits. */
  unprepared(precision: Precision): Component {
    return new Component(this.dir, this.config, this.#tensors, precision);
  }

  /** Whether weights need not change their type for a precision. */
  isStoredIn(precision: Precision): boolean {
    const isHalf = ({ dtype }: LocatedTensor) => dtype === 'F16';
    return precision === 'fp32' || (precision === 'fp16' && [...this.#tensors.values()].every(isHalf));
  }

  /** What the graphs written so far need to be prepared. */
  get recipes(): readonly WeightRecipe[] {
    return [...this.#recipes.values()];
  }

  /** Whether a tensor lies in the prepared file. */
  holdsPrepared(name: string): boolean {
    return this.#prepared?.has(name) ?? false;
  }

  /** A tensor that is made by a recipe: prepared already, or to be prepared. */
  made(recipe: WeightRecipe, { name, dtype, shape }: PreparedTensor): LocatedTensor {
    for (const { from, shape } of recipe.parts.flatMap(sourcesOf)) this.tensor(from, shape);
    this.#recipes.set(recipe.name, recipe);
    const found = this.#prepared?.get(name);
    if (found?.dtype === dtype && String(found.shape) === String(shape)) return found;
    if (!this.#prepared) return { name, dtype, shape, offset: 0, length: 0, file: join(this.weightsDir, name) };
    throw new OperatorError(
      'prepared_stale',
      () =>
        t('The prepared {precision} weights of {dir} lack "{name}" {dtype} [{shape}].', {
          precision: this.precision,
          dir: this.dir,
          name,
          dtype,
          shape: shape.join(),
        }),
      { hint: () => t('Delete its folder "prepared"; it is made again.') },
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
          throw new OperatorError('checkpoint_corrupt', () =>
            t('Both {file} and {other} hold tensor "{name}".', { file, other: other.file, name }),
          );
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
    return [...this.#tensors.values()].reduce((sum, t) => sum + size(t.shape), 0);
  }

  /** Bytes of all weights as sessions keep them: prepared weights as they are, the rest as floats. */
  get bytesInMemory(): number {
    const made = [...(this.#prepared?.values() ?? [])];
    const elements = made.reduce((sum, { shape }) => sum + size(shape), 0);
    const rest = Math.max(0, this.parameters - elements) * (this.precision === 'fp16' ? 2 : 4);
    return made.reduce((sum, { length }) => sum + length, rest);
  }

  /** Real paths of the files that hold most of what sessions load. */
  get filesInUse(): string[] {
    const made = [...(this.#prepared?.values() ?? [])];
    const files = [...new Set(made.map(({ file }) => file))];
    const elements = made.reduce((sum, { shape }) => sum + size(shape), 0);
    return elements > 0.8 * this.parameters ? files : [...files, ...this.files];
  }

  /** Real paths of the weight files. */
  get files(): string[] {
    return [...new Set([...this.#tensors.values()].map((tensor) => tensor.file))].sort();
  }

  /** All weights, in the order of their names. */
  contents(): HashedTensor[] {
    const sorted = [...this.#tensors].sort(([a], [b]) => (a < b ? -1 : 1));
    return sorted.map(([name, { dtype, shape, file, offset, length }]) => ({
      heading: `${name} ${dtype} [${shape}]`,
      ...{ file, offset, length },
    }));
  }

  /** Linear layers and convolutions, with the shape of their weight; tables of words and positions are none. */
  get layers(): ReadonlyMap<string, readonly number[]> {
    const weights = [...this.#tensors].filter(([name, { shape }]) => LAYER.test(name) && shape.length > 1);
    return new Map(weights.map(([name, { shape }]) => [name.replace(/\.weight$/, ''), shape]));
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  tensor(name: string, shape: readonly number[]): LocatedTensor {
    const found = this.#tensors.get(name);
    if (!found) {
      throw new OperatorError(
        'tensor_missing',
        () => t('Tensor "{name}" [{shape}] is missing in {dir}.', { name, shape: shape.join(), dir: this.dir }),
        {
          hint: () => t('Check that config.json belongs to these weights, then download the folder again.'),
        },
      );
    }
    if (found.shape.length !== shape.length || found.shape.some((dim, i) => dim !== shape[i])) {
      throw new OperatorError(
        'tensor_misshapen',
        () =>
          t('Tensor "{name}" of {file} should be [{wanted}] by config.json, found [{found}].', {
            name,
            file: found.file,
            wanted: shape.join(),
            found: found.shape.join(),
          }),
        { hint: () => t('Check that config.json belongs to these weights, then download the folder again.') },
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
    return new OperatorError('tensor_dtype', () =>
      t('Tensor "{name}" of {file} should be F32, F16 or BF16, found {dtype}.', {
        name: entry.name,
        file,
        dtype: entry.dtype,
      }),
    );
  }

  /** @throws OperatorError `tensor_unexpected` when the checkpoint holds weights that no graph asked for. */
  assertAllUsed(): void {
    const unused = [...this.#tensors.keys()].filter((name) => !this.#used.has(name));
    if (unused.length === 0) return;
    const names = unused.slice(0, 3).map((name) => `"${name}"`);
    if (unused.length > 3) names.push('…');
    throw new OperatorError(
      'tensor_unexpected',
      () =>
        t(
          'The config.json of {dir} has no place for {count} tensor: {names}. | The config.json of {dir} has no place for {count} tensors: {names}.',
          { dir: this.dir, count: unused.length, names: names.join(', ') },
        ),
      { hint: () => t('Check that config.json belongs to these weights, then download the folder again.') },
    );
  }
}
