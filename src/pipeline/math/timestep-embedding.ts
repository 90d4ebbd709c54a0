const MAX_POSITION = 10_000;
const { fround } = Math;

/**
 * The sinusoidal embedding of timesteps that the prior and the decoder share: [n] to [n, cR], sines first, an odd
 * width ending in a zero.
 *
 * Every operation is rounded to float32 as in the reference: arguments reach 10000, where one unit in the last
 * place of `r` or of a frequency moves a sine by up to 6e-4.
 *
 * @param r timesteps, usually in [0, 1]
 * @param cR width of the embedding, at least 4
 * @see https://github.com/huggingface/diffusers/blob/main/src/diffusers/pipelines/deprecated/wuerstchen/modeling_wuerstchen_prior.py `gen_r_embedding`
 */
export function timestepEmbedding(r: Float32Array, cR: number): Float32Array {
  const frequencies = timestepFrequencies(cR);
  const half = frequencies.length;
  const embedding = new Float32Array(r.length * cR);
  r.forEach((value, row) => {
    const position = fround(value * MAX_POSITION);
    frequencies.forEach((frequency, i) => {
      const angle = fround(position * frequency);
      embedding[row * cR + i] = Math.sin(angle);
      embedding[row * cR + half + i] = Math.cos(angle);
    });
  });
  return embedding;
}

/** The ⌊cR/2⌋ frequencies, falling from 1 to 1/10000. */
export function timestepFrequencies(cR: number): Float32Array {
  const half = Math.floor(cR / 2);
  if (!Number.isInteger(cR) || half < 2) throw new RangeError(`Expected a timestep width c_r >= 4, got ${cR}.`);
  const exponent = fround(-Math.log(MAX_POSITION) / (half - 1));
  return Float32Array.from({ length: half }, (_, i) => Math.exp(fround(i * exponent)));
}
