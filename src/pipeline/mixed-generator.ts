import { UserError } from '../errors.ts';
import { TorchGenerator } from './generator.ts';

export interface MixOptions {
  readonly seed: bigint | number;
  readonly mixSeed: bigint | number;
  /** 0 (draws of `seed`) to 1 (draws of `mixSeed`). */
  readonly strength: number;
}

/**
 * A generator whose every draw lies between those of two others on an arc, `strength` of the way. Two independent
 * standard normal draws are at right angles and of one length (the nearer, the more values), so slerp between them is a
 * turn by `strength · π/2`, and what comes out is again exactly standard normal.
 *
 * @throws UserError `strength_invalid`
 */
export class MixedGenerator extends TorchGenerator {
  readonly #other: TorchGenerator;
  readonly #own: number;
  readonly #others: number;

  constructor({ seed, mixSeed, strength }: MixOptions) {
    super(seed);
    const angle = (checkStrength(strength) * Math.PI) / 2;
    this.#other = new TorchGenerator(mixSeed);
    // The cosine of a right angle is not zero in floating point; the ends should be exact.
    this.#own = strength === 1 ? 0 : Math.cos(angle);
    this.#others = Math.sin(angle);
  }

  override randn(shape: readonly number[]): Float32Array {
    const other = this.#other.randn(shape);
    return super.randn(shape).map((value, i) => this.#own * value + this.#others * (other[i] ?? 0));
  }
}

/** @throws UserError `strength_invalid` */
export function checkStrength(strength: number): number {
  if (strength >= 0 && strength <= 1) return strength;
  throw new UserError('strength_invalid', `expected a strength from 0 (the same) to 1 (unrelated), got ${strength}`, {
    hint: 'For example 0.35.',
  });
}
