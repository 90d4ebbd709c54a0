import type { GraphBuilder, Value } from './builder.ts';

/** From here on, neighbouring 32-bit floats are 1 apart. */
const WHOLE_NUMBERS = 2 ** 23;

/**
 * Bytes of values that are 0 to 1, clipped; halves go to the even number. Adding and subtracting rounds as the operator
 * Round does, which WebGPU leaves to the CPU.
 */
export function roundToBytes(g: GraphBuilder, x: Value): Value {
  const scaled = g.mul(g.clip(g.cast(x, 'f32'), 0, 1), g.scalar(255));
  const large = g.scalar(WHOLE_NUMBERS);
  return g.cast(g.sub(g.add(scaled, large), large), 'u8');
}
