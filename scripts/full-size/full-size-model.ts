import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { ClipTextConfig } from '../../src/pipeline/graph/clip-text.ts';
import type { DecoderConfig } from '../../src/pipeline/graph/decoder-plan.ts';
import type { PriorConfig } from '../../src/pipeline/graph/prior.ts';
import type { VqganConfig } from '../../src/pipeline/graph/vqgan.ts';
import { clipTextLayout, decoderLayout, priorLayout, type TensorPlan, vqganLayout } from './layout.ts';
import {
  bytesOf,
  parametersOf,
  type WeightDtype,
  writeRandomCheckpoint,
  writeSparseCheckpoint,
} from './random-checkpoint.ts';

const VERSION = '0.21.0.dev0';

const PRIOR = { c_in: 16, c: 1536, c_cond: 1280, c_r: 64, depth: 32, nhead: 24 } satisfies PriorConfig;
const DECODER = {
  c_in: 4,
  c_out: 4,
  c_r: 64,
  patch_size: 2,
  c_cond: 1024,
  c_hidden: [320, 640, 1280, 1280],
  nhead: [-1, 10, 20, 20],
  blocks: [4, 4, 14, 4],
  level_config: ['CT', 'CTA', 'CTA', 'CTA'],
  inject_effnet: [false, true, true, true],
  effnet_embd: 16,
  clip_embd: 1024,
  kernel_size: 3,
} satisfies DecoderConfig;
const VQGAN = {
  in_channels: 3,
  out_channels: 3,
  up_down_scale_factor: 2,
  levels: 2,
  bottleneck_blocks: 12,
  embed_dim: 384,
  latent_channels: 4,
  num_vq_embeddings: 8192,
  scale_factor: 0.3764,
} satisfies VqganConfig;
const BIG_G = textConfig({
  hidden_size: 1280,
  intermediate_size: 5120,
  num_hidden_layers: 32,
  num_attention_heads: 20,
});
const VIT_H = textConfig({
  hidden_size: 1024,
  intermediate_size: 4096,
  num_hidden_layers: 24,
  num_attention_heads: 16,
});

function textConfig(
  sizes: Pick<ClipTextConfig, 'hidden_size' | 'intermediate_size' | 'num_hidden_layers' | 'num_attention_heads'>,
): ClipTextConfig {
  return { ...sizes, max_position_embeddings: 77, vocab_size: 49408, layer_norm_eps: 1e-5, hidden_act: 'gelu' };
}

/** A folder of weights inside a model folder. */
export interface Part {
  readonly folder: string;
  readonly stem: 'diffusion_pytorch_model' | 'model';
  readonly config: Readonly<Record<string, unknown>>;
  readonly plan: readonly TensorPlan[];
  readonly seed: number;
}

function stageC(folder: string, seed: number): Part {
  const config = { _class_name: 'WuerstchenPrior', _diffusers_version: VERSION, ...PRIOR, dropout: 0.1 };
  return { folder, stem: 'diffusion_pytorch_model', config, plan: priorLayout(PRIOR), seed };
}

function text(folder: string, sizes: ClipTextConfig, seed: number): Part {
  const config = {
    architectures: ['CLIPTextModel'],
    model_type: 'clip_text_model',
    ...sizes,
    attention_dropout: 0,
    bos_token_id: 0,
    eos_token_id: 2,
    pad_token_id: 1,
    projection_dim: sizes.hidden_size,
  };
  return { folder, stem: 'model', config, plan: clipTextLayout(sizes), seed };
}

/** Every folder of weights of the published model, at its full size. */
export const PARTS: readonly Part[] = [
  stageC('wuerstchen-prior/prior', 1),
  text('wuerstchen-prior/text_encoder', BIG_G, 2),
  {
    folder: 'wuerstchen/decoder',
    stem: 'diffusion_pytorch_model',
    config: { _class_name: 'WuerstchenDiffNeXt', _diffusers_version: VERSION, ...DECODER, dropout: 0.1 },
    plan: decoderLayout(DECODER),
    seed: 3,
  },
  {
    folder: 'wuerstchen/vqgan',
    stem: 'diffusion_pytorch_model',
    config: { _class_name: 'PaellaVQModel', _diffusers_version: VERSION, ...VQGAN },
    plan: vqganLayout(VQGAN),
    seed: 4,
  },
  text('wuerstchen/text_encoder', VIT_H, 5),
  stageC('wuerstchen-prior-model-base', 6),
  stageC('wuerstchen-prior-model-finetuned', 7),
];

/** The parts that a picture of the style `interpolated` needs. */
export const NEEDED = PARTS.filter(({ folder }) => !folder.startsWith('wuerstchen-prior-model-'));

export function fileOf({ folder, stem }: Part, dtype: WeightDtype): string {
  return `${folder}/${stem}${dtype === 'F16' ? '.fp16' : ''}.safetensors`;
}

export function sizeOf(part: Part, dtype: WeightDtype): { bytes: number; parameters: number } {
  return { bytes: bytesOf(part.plan, dtype), parameters: parametersOf(part.plan) };
}

/** Writes parts of a model and all its small files. Yields each part when it is there. */
export async function* writeFullSize(
  dir: string,
  options: { readonly parts?: readonly Part[]; readonly dtype?: WeightDtype } = {},
): AsyncGenerator<{ part: Part; path: string; written: boolean }> {
  const { parts = NEEDED, dtype = 'F32' } = options;
  await writeSmallFiles(dir);
  for (const part of parts) {
    await writeJson(join(dir, part.folder, 'config.json'), part.config);
    const path = join(dir, fileOf(part, dtype));
    yield { part, path, written: await writeRandomCheckpoint(path, part.plan, { dtype, seed: part.seed }) };
  }
}

/** Writes one part without numbers, for whatever looks at names, shapes and graphs only; returns its folder. */
export async function writeSparsePart(dir: string, part: Part, dtype: WeightDtype = 'F32'): Promise<string> {
  await writeJson(join(dir, part.folder, 'config.json'), part.config);
  await writeSparseCheckpoint(join(dir, fileOf(part, dtype)), part.plan, dtype);
  return join(dir, part.folder);
}

async function writeSmallFiles(dir: string): Promise<void> {
  const scheduler = { _class_name: 'DDPMWuerstchenScheduler', _diffusers_version: VERSION, s: 0.008, scaler: 1.0 };
  const words = { tokenizer: ['transformers', 'CLIPTokenizer'], text_encoder: ['transformers', 'CLIPTextModel'] };
  const rest = { ...words, scheduler: ['wuerstchen', 'DDPMWuerstchenScheduler'], _diffusers_version: VERSION };
  await writeJson(join(dir, 'wuerstchen-prior/model_index.json'), {
    _class_name: 'WuerstchenPriorPipeline',
    ...rest,
    latent_mean: 42.0,
    latent_std: 1.0,
    resolution_multiple: 42.67,
    prior: ['wuerstchen', 'WuerstchenPrior'],
  });
  await writeJson(join(dir, 'wuerstchen/model_index.json'), {
    _class_name: 'WuerstchenDecoderPipeline',
    ...rest,
    latent_dim_scale: 10.67,
    decoder: ['wuerstchen', 'WuerstchenDiffNeXt'],
    vqgan: ['wuerstchen', 'PaellaVQModel'],
  });
  for (const repository of ['wuerstchen-prior', 'wuerstchen']) {
    await writeJson(join(dir, repository, 'scheduler/scheduler_config.json'), scheduler);
    await copyTokenizer(join(dir, repository, 'tokenizer'));
  }
}

/** CLIP's own 49,408 tokens. */
async function copyTokenizer(to: string): Promise<void> {
  const from = join(import.meta.dirname, '../../test/fixtures/reference/tokenizer');
  await mkdir(to, { recursive: true });
  for (const name of ['vocab.json', 'merges.txt']) {
    await writeFile(join(to, name), gunzipSync(await readFile(join(from, `${name}.gz`))));
  }
  for (const name of ['special_tokens_map.json', 'tokenizer_config.json']) {
    await writeFile(join(to, name), await readFile(join(from, name)));
  }
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  // The numbers as Python writes them: 42.0 is read back as a float.
  const json = JSON.stringify(value, null, 2).replace(/("latent_(?:mean|std)|"scaler)": (\d+)/g, '$1": $2.0');
  await writeFile(path, `${json}\n`);
}
