import { z } from '../../system/zod-mini.ts';
import type { LoraPart } from './lora-keys.ts';

const numbers = z.record(z.string(), z.number());
/** What diffusers writes down of PEFT's configuration, beside each network's name. */
const trained = z.object({
  lora_alpha: z.optional(z.number()),
  alpha_pattern: z.optional(numbers),
  use_rslora: z.optional(z.boolean()),
});

/**
 * alpha / rank of layers that have no tensor for it: what the file's metadata says, else 1.
 *
 * @see https://github.com/huggingface/diffusers/blob/main/src/diffusers/loaders/lora_base.py `LORA_ADAPTER_METADATA_KEY`
 */
export function trainedScales(
  metadata: Readonly<Record<string, string>>,
): (part: LoraPart, layer: string, rank: number) => number {
  const all = parsed(metadata.lora_adapter_metadata);
  const of = (part: LoraPart) => {
    const own = Object.entries(all).flatMap(([key, value]) =>
      key.startsWith(`${part}.`) ? [[key.slice(part.length + 1), value] as const] : [],
    );
    return trained.safeParse(Object.fromEntries(own)).data ?? {};
  };
  const parts = { prior: of('prior'), text_encoder: of('text_encoder') };
  return (part, layer, rank) => {
    const { lora_alpha, alpha_pattern = {}, use_rslora } = parts[part];
    const [, special] = Object.entries(alpha_pattern).find(([end]) => layer === end || layer.endsWith(`.${end}`)) ?? [];
    return (special ?? lora_alpha ?? rank) / (use_rslora ? Math.sqrt(rank) : rank);
  };
}

function parsed(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
