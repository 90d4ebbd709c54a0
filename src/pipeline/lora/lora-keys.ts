/** The network that a part of a LoRA changes. */
export type LoraPart = 'prior' | 'text_encoder';

/** A matrix of a layer's pair, or the number that its product is scaled by. */
export type LoraRole = 'down' | 'up' | 'alpha';

/** What the name of a tensor says, whatever program wrote it. */
export interface LoraKey {
  /** Where the name says so; else the layer tells. */
  readonly part: LoraPart | undefined;
  /** The layer as the checkpoint calls it, e.g. `blocks.2.attention.to_q`; with `flat`, `_` stands for every dot. */
  readonly layer: string;
  readonly flat: boolean;
  readonly role: LoraRole;
}

/** PEFT; diffusers' own classes before it; Kohya and OneTrainer. PEFT may put the adapter's name in between. */
const ROLES: readonly (readonly [RegExp, LoraRole])[] = [
  [/\.lora_A(\.[^.]+)?\.weight$/, 'down'],
  [/\.lora_B(\.[^.]+)?\.weight$/, 'up'],
  [/\.lora_down\.weight$/, 'down'],
  [/\.lora_up\.weight$/, 'up'],
  [/(\.lora|\.lora_linear_layer)?\.down\.weight$/, 'down'],
  [/(\.lora|\.lora_linear_layer)?\.up\.weight$/, 'up'],
  [/\.alpha$/, 'alpha'],
];

const FLAT_PARTS: readonly (readonly [RegExp, LoraPart])[] = [
  [/^lora_(prior_)?te_/, 'text_encoder'],
  [/^lora_(prior_)?unet_/, 'prior'],
];
const DOTTED_PARTS: readonly (readonly [RegExp, LoraPart])[] = [
  [/^text_encoder\./, 'text_encoder'],
  [/^(prior|unet)\./, 'prior'],
];

/** Names of attention processors, and of the layers that they stand for. */
const PROJECTIONS: Readonly<Record<LoraPart, Readonly<Record<string, string>>>> = {
  prior: { to_q: 'to_q', to_k: 'to_k', to_v: 'to_v', to_out: 'to_out.0' },
  text_encoder: { to_q: 'q_proj', to_k: 'k_proj', to_v: 'v_proj', to_out: 'out_proj' },
};

/** @returns `undefined` for a name that is none of a LoRA's */
export function readLoraKey(name: string): LoraKey | undefined {
  const [ending, role] = ROLES.find(([pattern]) => pattern.test(name)) ?? [];
  if (!ending || !role) return undefined;
  const path = name.replace(ending, '').replace(/^base_model\.model\./, '');
  const [flatPrefix, flatPart] = FLAT_PARTS.find(([prefix]) => prefix.test(path)) ?? [];
  if (flatPrefix) {
    return { part: flatPart, layer: path.replace(flatPrefix, '').replace(/^text_model_/, ''), flat: true, role };
  }
  const [prefix, part] = DOTTED_PARTS.find(([start]) => start.test(path)) ?? [];
  const layer = (prefix ? path.replace(prefix, '') : path).replace(/^text_model\./, '');
  return { part, layer: withoutProcessor(layer, part), flat: false, role };
}

/** `….attention.processor.to_q_lora` and `….self_attn.to_q_lora` as the layers that they change. */
function withoutProcessor(layer: string, part: LoraPart | undefined): string {
  const [, owner, projection = ''] = layer.match(/^(.+?)(?:\.processor)?\.(to_(?:q|k|v|out))_lora$/) ?? [];
  if (owner === undefined) return layer;
  return `${owner}.${PROJECTIONS[part ?? 'prior'][projection]}`;
}
