import { translatable } from '../../texts/translate.ts';

/** Ways of changing weights that are not a plain pair of matrices, by the names of their tensors. */
const KINDS: readonly (readonly [RegExp, string])[] = [
  [
    /\.(dora_scale|lora_magnitude_vector)(\.|$)/,
    translatable('a DoRA, which also changes the magnitude of every weight'),
  ],
  [/\.hada_(w\d|t\d)/, translatable('a LoHa, which multiplies two products of matrices')],
  [/\.lokr_/, translatable('a LoKr, which is made of Kronecker products')],
  [/\.(oft_|boft_)/, translatable('an OFT, which rotates weights')],
  [/\.lora_mid\./, translatable('a LoCon in three parts (Tucker decomposition)')],
  [/\.(ia3_l|on_input$)/, translatable('an (IA)³, which scales activations')],
  [/\.vera_lambda_/, translatable('a VeRA, which shares random matrices between layers')],
  [/\.lora_embedding_[AB]/, translatable('a LoRA of the words, which the text encoder does not take here')],
  [/\.lora_[AB](\.[^.]+)?\.bias$/, translatable('a LoRA with biases')],
  [/\.(diff|diff_b)$/, translatable('a set of whole differences, not of pairs of matrices')],
  [/^(emb_params|string_to_param.*|clip_[lg])$/, translatable('an embedding (textual inversion), not a LoRA')],
];

/** Other models, by the names of their layers; the first one that fits. */
const MODELS: readonly (readonly [RegExp, string])[] = [
  [
    /^weights\.\d+\.lora_|^embeddings\.\d+\.lora_/,
    translatable("Stable Cascade, in the form of Stability's own training program"),
  ],
  [/^(prior_unet\.|lora_prior_unet_)(down|up)_blocks|^(decoder_unet|lora_decoder_unet)/, 'Stable Cascade'],
  [/(^|[._])(single_transformer_blocks|double_blocks|single_blocks)[._]/, 'FLUX'],
  [/(^|[._])joint_blocks[._]|^transformer\.transformer_blocks\./, 'Stable Diffusion 3'],
  [
    /^lora_te2_|^text_encoder_2\.|^lora_unet_(input|output|middle)_block|attentions[._]\d+[._]transformer_blocks[._][1-9]/,
    'SDXL',
  ],
];

/** How wide the texts are that an older Stable Diffusion sees. */
const TEXT_WIDTHS: Readonly<Record<number, string>> = {
  768: 'Stable Diffusion 1',
  1024: 'Stable Diffusion 2',
  2048: 'SDXL',
};

/** Shapes of all tensors of a file, by name. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** What a file is that holds something other than pairs of matrices for layers, to follow "is"; `undefined` if it is not. */
export function otherKind(shapes: Shapes): string | undefined {
  return firstMatch(KINDS, shapes);
}

/** The model that a LoRA is for, where its layers are known not to be of this one. */
export function otherModel(shapes: Shapes): string | undefined {
  return firstMatch(MODELS, shapes) ?? stableDiffusion(shapes);
}

function firstMatch(table: readonly (readonly [RegExp, string])[], shapes: Shapes): string | undefined {
  const names = [...shapes.keys()];
  return table.find(([pattern]) => names.some((name) => pattern.test(name)))?.[1];
}

/** All of them have the same names of layers: what tells them apart is how wide a text is, or the kind of projection. */
function stableDiffusion(shapes: Shapes): string | undefined {
  const all = [...shapes].filter(([name]) => /(^|[._])(down|up|mid)_blocks?[._].*attentions[._]/.test(name));
  if (all.length === 0) return undefined;
  const text = all.find(([name]) => /attn2[._]to_k\b.*(down|_A)\b/.test(name));
  const known = TEXT_WIDTHS[text?.[1][1] ?? 0];
  if (known) return known;
  const projection = all.find(([name]) => /proj_in\b/.test(name));
  return projection?.[1].length === 2 ? 'SDXL' : 'Stable Diffusion';
}
