import { z } from '../../system/zod-mini.ts';
import type { Component } from '../checkpoint/checkpoint.ts';
import { parseConfig } from '../checkpoint/config-file.ts';

const positive = z.int().check(z.positive());
const schema = z
  .object({
    c_in: z._default(positive, 4),
    c_out: z._default(positive, 4),
    c_r: z._default(z.int().check(z.minimum(4)), 64),
    patch_size: z._default(positive, 2),
    c_cond: z._default(positive, 1024),
    c_hidden: z._default(z.array(positive).check(z.minLength(1)), [320, 640, 1280, 1280]),
    nhead: z._default(z.array(z.int()), [-1, 10, 20, 20]),
    blocks: z._default(z.array(positive), [4, 4, 14, 4]),
    level_config: z._default(z.array(z.string().check(z.regex(/^[CTA]+$/, 'should be letters C, T and A'))), [
      'CT',
      'CTA',
      'CTA',
      'CTA',
    ]),
    inject_effnet: z._default(z.array(z.boolean()), [false, true, true, true]),
    effnet_embd: z._default(positive, 16),
    clip_embd: z._default(positive, 1024),
    kernel_size: z._default(positive.check(z.refine((size) => size % 2 === 1, 'should be odd')), 3),
  })
  .check(
    z.refine(
      ({ c_hidden: { length }, nhead, blocks, level_config, inject_effnet }) =>
        [nhead, blocks, level_config, inject_effnet].every((list) => list.length === length),
      'nhead, blocks, level_config and inject_effnet should each have one entry per level of c_hidden',
    ),
    z.refine(
      ({ nhead, level_config }) => level_config.every((blocks, i) => !blocks.includes('A') || (nhead[i] ?? 0) > 0),
      'nhead should be above 0 for each level with attention, an A in its level_config',
    ),
  );
export type DecoderConfig = z.infer<typeof schema>;

export function decoderConfig(component: Component): DecoderConfig {
  return parseConfig(schema, component, 'WuerstchenDiffNeXt');
}

/** Levels whose blocks see the image embedding; the graphs take its two resize matrices for each. */
export function injectedLevels(config: DecoderConfig): number[] {
  return config.inject_effnet.flatMap((inject, level) => (inject ? [level] : []));
}

/** One block of the U-Net, with its key in the checkpoint. */
export interface BlockPlan {
  readonly type: 'C' | 'T' | 'A';
  readonly key: readonly (string | number)[];
  readonly level: number;
  /** Also sees the output of its level on the way down. */
  readonly levelSkip: boolean;
  /** Index of its EfficientNet mapper, or `null`. */
  readonly mapper: number | null;
}

/** The blocks of one resolution, on the way down or up. */
export interface LevelPlan {
  readonly level: number;
  readonly blocks: readonly BlockPlan[];
  /** Key of the convolution that changes the resolution: before the blocks going down, after them going up. */
  readonly resample: readonly (string | number)[] | null;
}

/** The blocks of the U-Net in the order in which they are run. */
export function planBlocks(config: DecoderConfig): { down: LevelPlan[]; up: LevelPlan[] } {
  const levels = config.c_hidden.length;
  const types = (level: number) =>
    Array.from(
      { length: config.blocks[level] ?? 0 },
      () => [...(config.level_config[level] ?? '')] as BlockPlan['type'][],
    ).flat();
  const down = Array.from({ length: levels }, (_, level): LevelPlan => {
    const first = level > 0 ? 1 : 0;
    const mapper = config.inject_effnet[level] ? level : null;
    return {
      level,
      resample: first ? ['down_blocks', level, 0, 1] : null,
      blocks: types(level).map((type, j) => ({
        type,
        key: ['down_blocks', level, first + j],
        level,
        levelSkip: false,
        mapper,
      })),
    };
  });
  const up = Array.from({ length: levels }, (_, i): LevelPlan => {
    const level = levels - 1 - i;
    const mapper = config.inject_effnet[level] ? levels + i : null;
    const blocks = types(level).map(
      (type, j): BlockPlan => ({
        type,
        key: ['up_blocks', i, j],
        level,
        levelSkip: i > 0 && j === 0 && type === 'C',
        mapper,
      }),
    );
    return { level, blocks, resample: level > 0 ? ['up_blocks', i, blocks.length, 1] : null };
  });
  return { down, up };
}
