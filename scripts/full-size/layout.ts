import type { ClipTextConfig } from '../../src/pipeline/graph/clip-text.ts';
import type { DecoderConfig } from '../../src/pipeline/graph/decoder-plan.ts';
import type { PriorConfig } from '../../src/pipeline/graph/prior.ts';
import type { VqganConfig } from '../../src/pipeline/graph/vqgan.ts';

/** Normal numbers. */
export interface Fill {
  readonly mean: number;
  readonly std: number;
}

/** A tensor of a checkpoint. */
export interface TensorPlan {
  readonly name: string;
  readonly shape: readonly number[];
  /** One for the whole tensor, or one for each of its equal parts along the first axis. */
  readonly fills: readonly Fill[];
  /** A buffer that isn't learned. */
  readonly buffer?: 'float' | 'int64';
}

const normal = (std: number, mean = 0): readonly Fill[] => [{ mean, std }];
const BIAS = normal(0.02);
/**
 * How far a timestep scales activations. Its embedding has a length of about 5.7, and scales of many blocks multiply:
 * at 1 the activations of 32 blocks would grow by a factor of several hundred.
 */
const TIMESTEP_GAIN = 0.1;
/** Of the last linear layer of each residual branch, so that branches don't drown what they are added to. */
const BRANCH_GAIN = 0.5;
/** What the prior's results are multiplied by on their way to Stage B. */
const LATENT_MEAN = 42;

/** A linear layer or convolution whose outputs have about `gain` times the size of its inputs, with a small bias. */
function layer(name: string, shape: readonly number[], fanIn: number, gain = 1, outputs = shape[0] ?? 1): TensorPlan[] {
  return [
    { name: `${name}.weight`, shape, fills: normal(gain / Math.sqrt(fanIn)) },
    { name: `${name}.bias`, shape: [outputs], fills: BIAS },
  ];
}

function linear(name: string, inputs: number, outputs: number, gain = 1): TensorPlan[] {
  return layer(name, [outputs, inputs], inputs, gain);
}

function pointwise(name: string, inputs: number, outputs: number, gain = 1): TensorPlan[] {
  return layer(name, [outputs, inputs, 1, 1], inputs, gain);
}

function resBlock(name: string, c: number, kernel: number, skip = 0): TensorPlan[] {
  const wide = [1, 1, 1, 4 * c];
  return [
    ...layer(`${name}.depthwise`, [c, 1, kernel, kernel], kernel ** 2),
    ...linear(`${name}.channelwise.0`, c + skip, 4 * c),
    { name: `${name}.channelwise.2.gamma`, shape: wide, fills: normal(0.2) },
    { name: `${name}.channelwise.2.beta`, shape: wide, fills: normal(0.05) },
    ...linear(`${name}.channelwise.4`, 4 * c, c, BRANCH_GAIN),
  ];
}

function timestepBlock(name: string, c: number, cR: number): TensorPlan[] {
  return linear(`${name}.mapper`, cR, 2 * c, TIMESTEP_GAIN);
}

function attnBlock(name: string, c: number, cCond: number): TensorPlan[] {
  return [
    ...linear(`${name}.kv_mapper.1`, cCond, c),
    ...['to_q', 'to_k', 'to_v'].flatMap((key) => linear(`${name}.attention.${key}`, c, c)),
    ...linear(`${name}.attention.to_out.0`, c, c, BRANCH_GAIN),
  ];
}

/** WuerstchenPrior. */
export function priorLayout({ c_in: cIn, c, c_cond: cCond, c_r: cR, depth }: PriorConfig): TensorPlan[] {
  return [
    ...pointwise('projection', cIn, c),
    ...linear('cond_mapper.0', cCond, c),
    ...linear('cond_mapper.2', c, c),
    ...Array.from({ length: depth }, (_, i) => [
      ...resBlock(`blocks.${3 * i}`, c, 3),
      ...timestepBlock(`blocks.${3 * i + 1}`, c, cR),
      ...attnBlock(`blocks.${3 * i + 2}`, c, c),
    ]).flat(),
    // The result is (x − a) / |1 − b|: b near 1 would make trajectories chaotic.
    {
      name: 'out.1.weight',
      shape: [2 * cIn, c, 1, 1],
      fills: [...normal(0.5 / Math.sqrt(c)), ...normal(0.1 / Math.sqrt(c))],
    },
    { name: 'out.1.bias', shape: [2 * cIn], fills: BIAS },
  ];
}

/** WuerstchenDiffNeXt. */
export function decoderLayout(config: DecoderConfig): TensorPlan[] {
  const { c_in, c_out, c_r, patch_size, c_cond, c_hidden, blocks, level_config, inject_effnet } = config;
  const { effnet_embd, clip_embd, kernel_size } = config;
  const levels = c_hidden.length;
  const c = (level: number) => c_hidden[level] ?? 0;
  const block = (type: string, name: string, level: number, levelSkip: boolean): TensorPlan[] => {
    if (type === 'T') return timestepBlock(name, c(level), c_r);
    if (type === 'A') return attnBlock(name, c(level), c_cond);
    return resBlock(name, c(level), kernel_size, (levelSkip ? c(level) : 0) + (inject_effnet[level] ? c_cond : 0));
  };
  const types = (level: number) => [...(level_config[level] ?? '').repeat(blocks[level] ?? 0)];
  const down = c_hidden.flatMap((_, level) => {
    const resample = level > 0 ? 1 : 0;
    const name = (index: number) => `down_blocks.${level}.${index}`;
    return [
      ...(resample ? layer(`${name(0)}.1`, [c(level), c(level - 1), 2, 2], 4 * c(level - 1)) : []),
      ...types(level).flatMap((type, j) => block(type, name(resample + j), level, false)),
    ];
  });
  const up = c_hidden.flatMap((_, i) => {
    const level = levels - 1 - i;
    const name = (index: number) => `up_blocks.${i}.${index}`;
    const [to, all] = [c(level - 1), types(level)];
    return [
      ...all.flatMap((type, j) => block(type, name(j), level, i > 0 && j === 0)),
      ...(level > 0 ? layer(`${name(all.length)}.1`, [c(level), to, 2, 2], c(level), 1, to) : []),
    ];
  });
  const mappers = [...inject_effnet, ...inject_effnet.toReversed()].flatMap((inject, i) =>
    inject ? pointwise(`effnet_mappers.${i}`, effnet_embd, c_cond, 1 / LATENT_MEAN) : [],
  );
  const half = c_out * patch_size ** 2;
  return [
    ...mappers,
    ...linear('clip_mapper', clip_embd, c_cond),
    ...pointwise('embedding.1', c_in * patch_size ** 2, c(0)),
    ...down,
    ...up,
    ...pointwise('clf.1', c(0), 2 * half, 0.5),
  ].map((tensor) =>
    // The result is (x − a) / sigmoid(b): a divisor near 1 makes it noise of the right size.
    tensor.name === 'clf.1.bias' ? { ...tensor, fills: [...BIAS, ...normal(0.02, 3)] } : tensor,
  );
}

function mixingBlock(name: string, c: number): TensorPlan[] {
  return [
    { name: `${name}.gammas`, shape: [6], fills: normal(0.1, 0.3) },
    ...layer(`${name}.depthwise.1`, [c, 1, 3, 3], 9),
    ...linear(`${name}.channelwise.0`, c, 4 * c),
    ...linear(`${name}.channelwise.2`, 4 * c, c),
  ];
}

/** PaellaVQModel. */
export function vqganLayout(config: VqganConfig): TensorPlan[] {
  const { in_channels, out_channels, up_down_scale_factor, levels, bottleneck_blocks, embed_dim } = config;
  const { latent_channels: latent, num_vq_embeddings } = config;
  const c = (level: number) => Math.floor(embed_dim / 2 ** (levels - 1 - level));
  const area = up_down_scale_factor ** 2;
  const down = numbered('down_blocks', [
    ...Array.from({ length: levels }, (_, level) => [
      ...(level > 0 ? [(name: string) => layer(name, [c(level), c(level - 1), 4, 4], 16 * c(level - 1))] : []),
      (name: string) => mixingBlock(name, c(level)),
    ]).flat(),
    (name) => [
      { name: `${name}.0.weight`, shape: [latent, c(levels - 1), 1, 1], fills: normal(1 / Math.sqrt(c(levels - 1))) },
      { name: `${name}.1.weight`, shape: [latent], fills: normal(0.1, 1) },
      { name: `${name}.1.bias`, shape: [latent], fills: BIAS },
      { name: `${name}.1.running_mean`, shape: [latent], fills: normal(0.1), buffer: 'float' },
      { name: `${name}.1.running_var`, shape: [latent], fills: normal(0.1, 1), buffer: 'float' },
      { name: `${name}.1.num_batches_tracked`, shape: [], fills: normal(0), buffer: 'int64' },
    ],
  ]);
  const up = numbered('up_blocks', [
    (name) => pointwise(`${name}.0`, latent, c(levels - 1)),
    ...Array.from({ length: levels }, (_, i) => {
      const level = levels - 1 - i;
      const [from, to] = [c(level), c(level - 1)];
      return [
        ...Array.from({ length: i === 0 ? bottleneck_blocks : 1 }, () => (name: string) => mixingBlock(name, from)),
        ...(level > 0 ? [(name: string) => layer(name, [from, to, 4, 4], 4 * from, 1, to)] : []),
      ];
    }).flat(),
  ]);
  const [weight, bias] = pointwise('out_block.0', c(0), out_channels * area, 0.1);
  return [
    ...pointwise('in_block.1', in_channels * area, c(0)),
    ...down,
    { name: 'vquantizer.embedding.weight', shape: [num_vq_embeddings, latent], fills: normal(1) },
    ...up,
    // Pictures are clamped to 0…1: around the middle most of them survives.
    ...(weight && bias ? [weight, { ...bias, fills: normal(0.02, 0.5) }] : []),
  ];
}

/** Modules of a torch Sequential, by their index in it. */
function numbered(prefix: string, modules: readonly ((name: string) => TensorPlan[])[]): TensorPlan[] {
  return modules.flatMap((module, index) => module(`${prefix}.${index}`));
}

/** CLIPTextModel, with the names of 2023: below `text_model`. */
export function clipTextLayout(config: ClipTextConfig): TensorPlan[] {
  const { hidden_size: c, intermediate_size: wide, num_hidden_layers, max_position_embeddings, vocab_size } = config;
  const norm = (name: string): TensorPlan[] => [
    { name: `${name}.weight`, shape: [c], fills: normal(0.1, 1) },
    { name: `${name}.bias`, shape: [c], fills: BIAS },
  ];
  return [
    { name: 'embeddings.token_embedding.weight', shape: [vocab_size, c], fills: normal(0.02) },
    { name: 'embeddings.position_embedding.weight', shape: [max_position_embeddings, c], fills: normal(0.01) },
    ...Array.from({ length: num_hidden_layers }, (_, i) => {
      const at = (key: string) => `encoder.layers.${i}.${key}`;
      return [
        ...norm(at('layer_norm1')),
        ...['q_proj', 'k_proj', 'v_proj'].flatMap((key) => linear(at(`self_attn.${key}`), c, c)),
        ...linear(at('self_attn.out_proj'), c, c, BRANCH_GAIN),
        ...norm(at('layer_norm2')),
        ...linear(at('mlp.fc1'), c, wide),
        ...linear(at('mlp.fc2'), wide, c, BRANCH_GAIN),
      ];
    }).flat(),
    ...norm('final_layer_norm'),
  ].map((tensor) => ({ ...tensor, name: `text_model.${tensor.name}` }));
}
