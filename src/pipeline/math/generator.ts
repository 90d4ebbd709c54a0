import { mersenne } from 'pure-rand/generator/mersenne';
import { expected, UserError } from '../../system/errors.ts';
import { size } from './tensor.ts';

/** From this many values on, torch fills the tensor with uniforms first and transforms them in groups. */
const GROUPED_FROM = 16;
const HALF_GROUP = 8;
const TWO_PI = Math.fround(2 * Math.PI);

/**
 * Random numbers of `torch.Generator('cpu').manual_seed(seed)`: the same draws in the same order, each within
 * 5e-6 of torch's (whose vectorised log, sin and cos are approximations themselves).
 *
 * Seeds are integers from -2^63 to 2^64 - 1; a negative one means seed + 2^64. As in torch only the low 32 bits
 * count, so 0 and 2^32 give the same numbers.
 *
 * @throws UserError `seed_invalid`
 * @see https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/cpu/DistributionTemplates.h
 */
export class TorchGenerator {
  readonly #twister;
  /** Values come in pairs; a call for fewer than 16 values keeps the odd one for the next such call. */
  #spare: number | undefined;

  constructor(seed: bigint | number) {
    this.#twister = mersenne(Number(BigInt.asIntN(32, checkSeed(seed))));
  }

  /** `torch.randn(shape)`: standard normal values, row-major. */
  randn(shape: readonly number[]): Float32Array {
    const values = new Float32Array(checkedSize(shape));
    if (values.length < GROUPED_FROM) {
      for (let i = 0; i < values.length; i++) values[i] = this.#nextNormal();
      return values;
    }
    this.#fillUniform(values, 0);
    for (let start = 0; start + GROUPED_FROM <= values.length; start += GROUPED_FROM) toNormalGroup(values, start);
    if (values.length % GROUPED_FROM !== 0) {
      // The last group overlaps the one before it and is drawn afresh.
      const start = values.length - GROUPED_FROM;
      this.#fillUniform(values, start);
      toNormalGroup(values, start);
    }
    return values;
  }

  /** `torch.rand(shape)`: uniform values in [0, 1) with 24 bits, row-major. */
  rand(shape: readonly number[]): Float32Array {
    const values = new Float32Array(checkedSize(shape));
    this.#fillUniform(values, 0);
    return values;
  }

  #fillUniform(values: Float32Array, start: number): void {
    for (let i = start; i < values.length; i++) values[i] = (this.#twister.next() & 0xffffff) * 2 ** -24;
  }

  #nextNormal(): number {
    if (this.#spare !== undefined) {
      const spare = this.#spare;
      this.#spare = undefined;
      return spare;
    }
    const angle = 2 * Math.PI * this.#nextUniform53();
    const radius = Math.sqrt(-2 * Math.log1p(-this.#nextUniform53()));
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** The low 53 of 64 bits, of which the first draw is the upper half. */
  #nextUniform53(): number {
    const high = this.#twister.next() & 0x1fffff;
    const low = this.#twister.next() >>> 0;
    return (high * 2 ** 32 + low) * 2 ** -53;
  }
}

/** Box-Muller on 16 uniforms in place, rounding to float32 where torch does. */
function toNormalGroup(values: Float32Array, start: number): void {
  for (let i = start; i < start + HALF_GROUP; i++) {
    const u1 = 1 - (values[i] ?? 0);
    const radius = Math.fround(Math.sqrt(Math.fround(-2 * Math.fround(Math.log(u1)))));
    const angle = Math.fround(TWO_PI * (values[i + HALF_GROUP] ?? 0));
    values[i] = radius * Math.fround(Math.cos(angle));
    values[i + HALF_GROUP] = radius * Math.fround(Math.sin(angle));
  }
}

/**
 * diffusers' `randn_tensor`: one generator (alone or in a list of one) draws the whole shape; a list draws one
 * row of `shape` from each generator in turn, and may be longer than the number of rows.
 *
 * @throws UserError `generator_count` when the list has fewer generators than `shape` has rows.
 */
export function randnTensor(
  shape: readonly number[],
  generators: TorchGenerator | readonly TorchGenerator[],
): Float32Array {
  if (generators instanceof TorchGenerator) return generators.randn(shape);
  const [first] = generators;
  if (first && generators.length === 1) return first.randn(shape);
  const [rows = 0, ...rest] = shape;
  if (generators.length === 0 || generators.length < rows) {
    throw expected(
      'generator_count',
      `${Math.max(rows, 1)} generators`,
      generators.length,
      'Pass one generator for the whole batch, or a list with one generator per image.',
    );
  }
  const rowLength = checkedSize(rest);
  const values = new Float32Array(rows * rowLength);
  generators.slice(0, rows).forEach((generator, row) => {
    values.set(generator.randn([1, ...rest]), row * rowLength);
  });
  return values;
}

function checkSeed(seed: bigint | number): bigint {
  if (typeof seed === 'number' && !Number.isSafeInteger(seed)) {
    throw seedError(seed, Number.isInteger(seed) ? 'a number this large has lost its last digits' : undefined);
  }
  if (typeof seed !== 'number' && typeof seed !== 'bigint') throw seedError(seed);
  const wide = BigInt(seed);
  if (wide < -(2n ** 63n) || wide >= 2n ** 64n) throw seedError(seed);
  return wide;
}

function seedError(seed: unknown, why?: string): UserError {
  const message = `Expected a seed from -2^63 to 2^64 - 1, got ${JSON.stringify(String(seed))}${why ? `: ${why}` : ''}.`;
  return new UserError('seed_invalid', message, {
    hint: 'A seed is a whole number such as 7; write one above 2^53 - 1 as a BigInt, such as 9007199254740993n.',
  });
}

function checkedSize(shape: readonly number[]): number {
  if (!shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) {
    throw new RangeError(`Expected a shape of whole numbers >= 0, got [${shape.join(', ')}].`);
  }
  return size(shape);
}
