import { expected } from '../../system/errors.ts';
import { TorchGenerator } from './generator.ts';

export interface MixedGeneratorOptions {
  readonly seed: bigint;
  /** Mixed in one after the other, each `strength` of the way to its own draws. */
  readonly mixes: readonly NoiseMix[];
}

/**
 * A generator whose every draw lies between those of others on an arc, `strength` of the way. Two independent
 * standard normal draws are at right angles and of one length (the nearer, the more values), so slerp between them is a
 * turn by `strength · π/2`, and what comes out is again exactly standard normal, ready to be mixed with the next.
 *
 * @throws UserError `strength_invalid`
 */
export class MixedGenerator extends TorchGenerator {
  readonly #mixes: readonly { readonly other: TorchGenerator; readonly own: number; readonly others: number }[];

  constructor({ seed, mixes }: MixedGeneratorOptions) {
    super(seed);
    this.#mixes = mixes.map((mix) => {
      const angle = (checkStrength(mix.strength) * Math.PI) / 2;
      // The cosine of a right angle is not zero in floating point; the ends should be exact.
      const own = mix.strength === 1 ? 0 : Math.cos(angle);
      return { other: new TorchGenerator(mix.seed), own, others: Math.sin(angle) };
    });
  }

  override randn(shape: readonly number[]): Float32Array {
    return this.#mixes.reduce((values, { other, own, others }) => {
      const drawn = other.randn(shape);
      return values.map((value, i) => own * value + others * (drawn[i] ?? 0));
    }, super.randn(shape));
  }
}

/** @throws UserError `strength_invalid` */
export function checkStrength(strength: number): number {
  if (strength >= 0 && strength <= 1) return strength;
  throw expected('strength_invalid', 'a strength from 0 (the same) to 1 (unrelated)', strength, 'For example 0.35.');
}

export interface NoiseMix {
  readonly seed: bigint;
  /** 0 (what was mixed so far) to 1 (draws of `seed` alone). */
  readonly strength: number;
}
