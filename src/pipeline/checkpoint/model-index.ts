import { join } from 'node:path';
import { z } from '../../system/zod-mini.ts';
import { configInvalid, readJson } from './config-file.ts';

/** Numbers of a pipeline repository's model_index.json. */
export interface PipelineValues {
  /** Image embeddings are `latents · latentMean − latentStd`. @default 42 */
  readonly latentMean: number;
  /** @default 1 */
  readonly latentStd: number;
  /** Pixels per cell of Stage C's latent. @default 42.67 */
  readonly resolutionMultiple: number;
  /** Latents of Stage B per cell of Stage C's. @default 10.67 */
  readonly latentDimScale: number;
}

/** The reference's defaults, which its combined pipeline uses whatever model_index.json says. */
export const REFERENCE_VALUES: PipelineValues = {
  latentMean: 42,
  latentStd: 1,
  resolutionMultiple: 42.67,
  latentDimScale: 10.67,
};

const schema = z.object({
  latent_mean: z._default(z.number(), REFERENCE_VALUES.latentMean),
  latent_std: z._default(z.number(), REFERENCE_VALUES.latentStd),
  resolution_multiple: z._default(z.number().check(z.positive()), REFERENCE_VALUES.resolutionMultiple),
  latent_dim_scale: z._default(z.number().check(z.positive()), REFERENCE_VALUES.latentDimScale),
});

export function pipelineValues(
  dir: string,
  index: Readonly<Record<string, unknown>>,
  overrides: Partial<PipelineValues> = {},
): PipelineValues {
  const parsed = schema.safeParse(index, { jitless: true });
  if (!parsed.success) throw configInvalid(join(dir, 'model_index.json'), parsed.error);
  const { latent_mean, latent_std, resolution_multiple, latent_dim_scale } = parsed.data;
  return {
    latentMean: latent_mean,
    latentStd: latent_std,
    resolutionMultiple: resolution_multiple,
    latentDimScale: latent_dim_scale,
    ...overrides,
  };
}

const schedulerSchema = z.object({
  _class_name: z.literal('DDPMWuerstchenScheduler'),
  scaler: z._default(z.number(), 1),
  s: z._default(z.number(), 0.008),
});

/** Settings of the scheduler in a folder. */
export async function schedulerConfig(dir: string): Promise<{ scaler: number; s: number }> {
  const file = join(dir, 'scheduler_config.json');
  const parsed = schedulerSchema.safeParse(await readJson(file), { jitless: true });
  if (parsed.success) return parsed.data;
  throw configInvalid(file, parsed.error);
}
