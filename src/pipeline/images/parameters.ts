import type { PictureSettings } from './imagine-request.ts';
import { loraTag } from './lora-tag.ts';
import { withoutWeights } from './prompt-weights.ts';
import { stepCount } from './stage-c-steps.ts';

/** Everything needed to make a picture again. */
export interface ImageParameters extends PictureSettings {
  readonly seed: bigint;
  /** Name of the model's folder. */
  readonly model: string;
  /** Hash of the checkpoint's weights. */
  readonly checkpoint: string;
  /** Provider and precision, e.g. `cpu-fp32`. */
  readonly provider: string;
  /** Of this program. */
  readonly version: string;
}

/**
 * Texts to embed in a file: `parameters` in the form that image browsers for Stable Diffusion read, and `wuerst`, a
 * JSON object with every number as it was.
 */
export function metadataOf(parameters: ImageParameters): Record<string, string> {
  return { parameters: readable(parameters), wuerst: JSON.stringify({ ...parameters, seed: String(parameters.seed) }) };
}

function readable(p: ImageParameters): string {
  const { loras = [] } = p;
  const settings = [
    `Steps: ${stepCount(p.steps)}`,
    'Sampler: DDPM Wuerstchen',
    `CFG scale: ${p.guidance}`,
    `Seed: ${p.seed}`,
    `Size: ${p.width}x${p.height}`,
    `Model hash: ${p.checkpoint.slice(0, 10)}`,
    `Model: ${p.model} ${p.style}`,
    ...(p.start ? [`Denoising strength: ${p.start.strength}`] : []),
    `Decoder steps: ${p.decoderSteps}`,
    `Decoder CFG scale: ${p.decoderGuidance}`,
    // A count alone does not say which steps.
    ...(typeof p.steps === 'number'
      ? []
      : [`Timesteps: ${p.steps === null ? 'reference' : `"${p.steps.join(', ')}"`}`]),
    ...(loras.length > 0
      ? [`Lora hashes: "${loras.map(({ name, hash }) => `${name}: ${hash.slice(0, 12)}`).join(', ')}"`]
      : []),
    `Version: wuerst ${p.version}`,
  ];
  // Other programs read brackets as weights.
  const [prompt, negative] = [p.prompt, p.negative].map((text) => (p.weighted ? text : withoutWeights(text)));
  const words = [prompt, ...loras.map(loraTag)].join(' ');
  return [words, ...(negative ? [`Negative prompt: ${negative}`] : []), settings.join(', ')].join('\n');
}
