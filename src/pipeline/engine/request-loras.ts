import type { LoraUse } from '../images/imagine-request.ts';
import { MAX_LORAS } from '../images/lora-tag.ts';
import type { LoraFolder } from '../lora/lora-folder.ts';
import type { WuerstchenCombinedPipeline } from '../pipelines/combined-pipeline.ts';

/**
 * Makes the pipeline use the LoRAs of a request and no others. Each is loaded under its hash; those of the last request stay
 * loaded as far as one request could name them.
 *
 * @throws UserError `lora_missing`, `lora_changed`, `lora_refused`
 */
export async function useLoras(
  { prior }: WuerstchenCombinedPipeline,
  wanted: readonly LoraUse[],
  folder: LoraFolder,
  signal: AbortSignal,
): Promise<void> {
  const weights: Record<string, number> = {};
  for (const lora of wanted) weights[lora.hash] = (weights[lora.hash] ?? 0) + lora.weight;
  for (const lora of wanted) {
    const { path } = await folder.fileOf(lora);
    if (!prior.loras.includes(lora.hash)) await prior.loadLora(path, { name: lora.hash, signal });
  }
  const idle = prior.loras.filter((hash) => weights[hash] === undefined);
  for (const hash of idle.slice(0, Math.max(0, prior.loras.length - MAX_LORAS))) prior.unloadLora(hash);
  prior.setAdapters(weights);
}
