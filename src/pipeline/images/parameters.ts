/** Everything needed to make a picture again. */
export interface ImageParameters {
  readonly prompt: string;
  readonly negative: string;
  readonly width: number;
  readonly height: number;
  readonly seed: bigint;
  readonly style: string;
  /** Equal steps of Stage C; `null` for `DEFAULT_STAGE_C_TIMESTEPS`. */
  readonly steps: number | null;
  readonly guidance: number;
  readonly decoderSteps: number;
  readonly decoderGuidance: number;
  /** Name of the model, its folder's. */
  readonly model: string;
  /** Fingerprint of the checkpoint. */
  readonly checkpoint: string;
  /** Provider and precision, e.g. `cpu-fp32`. */
  readonly provider: string;
  /** Of this program. */
  readonly version: string;
}

/** Steps in `DEFAULT_STAGE_C_TIMESTEPS`: the last of its 30 values is where the loop ends. */
const DEFAULT_STEPS = 29;

/**
 * Texts to embed in a file: `parameters` in the form that image browsers for Stable Diffusion read, and `wuerst`, a
 * JSON object with every number as it was.
 */
export function metadataOf(parameters: ImageParameters): Record<string, string> {
  return { parameters: readable(parameters), wuerst: JSON.stringify({ ...parameters, seed: String(parameters.seed) }) };
}

function readable(p: ImageParameters): string {
  const settings = [
    `Steps: ${p.steps ?? DEFAULT_STEPS}`,
    'Sampler: DDPM Wuerstchen',
    `CFG scale: ${p.guidance}`,
    `Seed: ${p.seed}`,
    `Size: ${p.width}x${p.height}`,
    `Model hash: ${p.checkpoint.slice(0, 10)}`,
    `Model: ${p.model} ${p.style}`,
    `Decoder steps: ${p.decoderSteps}`,
    `Decoder CFG scale: ${p.decoderGuidance}`,
    `Version: wuerst ${p.version}`,
  ];
  return [p.prompt, ...(p.negative ? [`Negative prompt: ${p.negative}`] : []), settings.join(', ')].join('\n');
}
