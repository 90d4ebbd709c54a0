const MAX_POSITIONS = 10_000;

/**
 * Sinusoidal embedding of timesteps `r` (0 to 1): [r.length, cR], sines first, an odd last column zero. Arguments
 * reach 10,000, where one unit in the last place moves a sine by 6e-4, so every float32 rounding is torch's.
 *
 * @see https://github.com/huggingface/diffusers/blob/main/src/diffusers/pipelines/deprecated/wuerstchen/modeling_wuerstchen_prior.py
 */
export function rEmbedding(r: Float32Array, cR: number): Float32Array {
  const half = Math.floor(cR / 2);
  const decay = Math.fround(-Math.log(MAX_POSITIONS) / (half - 1));
  const embedding = new Float32Array(r.length * cR);
  r.forEach((timestep, row) => {
    const position = Math.fround(timestep * MAX_POSITIONS);
    for (let i = 0; i < half; i += 1) {
      const frequency = Math.fround(Math.exp(Math.fround(i * decay)));
      const angle = Math.fround(position * frequency);
      embedding[row * cR + i] = Math.sin(angle);
      embedding[row * cR + half + i] = Math.cos(angle);
    }
  });
  return embedding;
}
