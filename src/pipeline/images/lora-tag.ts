import type { LoraUse } from './imagine-request.ts';

/** As prompts of most programs name it: `<lora:sketch:0.8>`. */
export function loraTag({ name, weight }: Pick<LoraUse, 'name' | 'weight'>): string {
  return `<lora:${name}:${weight}>`;
}

/** LoRAs of one picture, at most. */
export const MAX_LORAS = 4;
/** A LoRA's weight, at most, and at least with a minus. */
export const MAX_LORA_WEIGHT = 2;
