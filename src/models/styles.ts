import { copyFile, mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { OperatorError, UserError } from '../errors.ts';
import type { Style } from './manifest.ts';
import { finishedMix, type MixOptions, mixCheckpoints } from './mix.ts';

const FOLDERS: Readonly<Record<Style, readonly string[]>> = {
  base: ['wuerstchen-prior-model-base'],
  aesthetic: ['wuerstchen-prior-model-finetuned'],
  interpolated: ['wuerstchen-prior/prior', 'wuerstchen-prior-model-interpolated'],
};
const STEM = 'diffusion_pytorch_model';
const SUFFIXES = ['.safetensors', '.fp16.safetensors'];

export interface StageCOptions extends MixOptions {
  /** Where mixed checkpoints are kept. @default the model folder's `mixed` */
  readonly mixedDir?: string;
}

/**
 * Folder of the Stage C checkpoint (`config.json` and weights) of a style. One that is not on disk is mixed when base
 * and aesthetic both are, which takes about as long as copying it.
 *
 * @param style a published style, or the share of aesthetic in a mix with base, 0 to 1, also as text: `0.3`
 * @throws UserError `style_missing` telling how to get it, `style_unknown`; OperatorError as {@link mixCheckpoints}
 */
export async function stageCFolder(
  modelFolder: string,
  style: string | number,
  options: StageCOptions = {},
): Promise<string> {
  const share = shareOf(style);
  const named = ({ 0: 'base', 0.5: 'interpolated', 1: 'aesthetic' } as const)[share];
  for (const name of named ? FOLDERS[named] : []) {
    const folder = join(modelFolder, name);
    if ((await weightsIn(folder)).length > 0) return folder;
  }
  if (named === 'base' || named === 'aesthetic') throw missing(named);
  return mixed(modelFolder, share, options);
}

const SHARES: ReadonlyMap<string | number, number> = new Map([
  ['base', 0],
  ['interpolated', 0.5],
  ['aesthetic', 1],
]);

/** @returns the share of aesthetic, 0 to 1 */
function shareOf(style: string | number): number {
  const isNumber = /^(\d+\.?\d*|\.\d+)(e-\d+)?$/.test(String(style));
  const share = SHARES.get(style) ?? (isNumber ? Number(style) : Number.NaN);
  if (share >= 0 && share <= 1) return share;
  const known = 'base, aesthetic, interpolated or a number from 0 to 1';
  throw new UserError('style_unknown', `expected style to be ${known}, got ${JSON.stringify(style)}`, {
    hint: '0 is base, 1 is aesthetic, for example: style:0.3',
  });
}

async function mixed(modelFolder: string, weight: number, options: StageCOptions): Promise<string> {
  const parents = {
    base: join(modelFolder, FOLDERS.base[0] ?? ''),
    aesthetic: join(modelFolder, FOLDERS.aesthetic[0] ?? ''),
  };
  const base = await weightsIn(parents.base);
  const aesthetic = await weightsIn(parents.aesthetic);
  if (base.length === 0) throw missing('base', weight);
  if (aesthetic.length === 0) throw missing('aesthetic', weight);
  const file = base.find((name) => aesthetic.includes(name));
  if (file === undefined) {
    throw new OperatorError(
      'mix_mismatch',
      `base and aesthetic are there in different precisions: ${base}, ${aesthetic}`,
      {
        hint: 'Pull both in one: wuerst models pull wuerstchen-v2 --style base aesthetic',
      },
    );
  }
  const folder = join(options.mixedDir ?? join(modelFolder, 'mixed'), String(weight));
  const [from, to] = [join(parents.base, file), join(parents.aesthetic, file)];
  const out = join(folder, file);
  if ((await exists(join(folder, 'config.json'))) && (await finishedMix(from, to, weight, out))) return folder;
  await mkdir(folder, { recursive: true });
  await mixCheckpoints(from, to, weight, out, options);
  const config = join(folder, 'config.json');
  await copyFile(join(parents.base, 'config.json'), `${config}.tmp`);
  await rename(`${config}.tmp`, config);
  return folder;
}

/** Names of the weight files of a Stage C folder, the plain precision first; empty when it is not complete. */
async function weightsIn(folder: string): Promise<string[]> {
  if (!(await exists(join(folder, 'config.json')))) return [];
  const found: string[] = [];
  for (const suffix of SUFFIXES) if (await exists(join(folder, STEM + suffix))) found.push(STEM + suffix);
  return found;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

function missing(style: Style, weight?: number): UserError {
  const mix = weight === 0.5 ? 'interpolated' : `a mix of ${weight}`;
  const what = weight === undefined ? `the style ${style}` : `${mix} needs the style ${style}, which`;
  return new UserError('style_missing', `${what} is not on this disk`, {
    hint: `The operator gets it with: wuerst models pull wuerstchen-v2 --style ${style}`,
  });
}
