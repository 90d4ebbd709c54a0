import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { copyFile, readdir, realpath, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { OperatorError, UserError } from '../../system/errors.ts';
import { makeFolder } from '../../system/make-folder.ts';
import { t } from '../../texts/translate.ts';
import { HALVES } from '../checkpoint/contents.ts';
import { heldBy, layoutOf, type ModelLayout, noModel, partOf, wholeModel } from '../checkpoint/layout.ts';
import { weightSets } from '../checkpoint/weight-files.ts';
import type { MixOptions } from './mix.ts';

export type Style = 'interpolated' | 'base' | 'aesthetic';
export const STYLES: readonly Style[] = ['interpolated', 'base', 'aesthetic'];

/** The hub's own names of the repositories that hold each style's Stage C alone. */
const REPOSITORIES: Readonly<Record<Style, string>> = {
  interpolated: 'wuerstchen-prior-model-interpolated',
  base: 'wuerstchen-prior-model-base',
  aesthetic: 'wuerstchen-prior-model-finetuned',
};
/** Weights that can be mixed: one file, in one of the hub's precisions. */
const MIXABLE = ['diffusion_pytorch_model.safetensors', 'diffusion_pytorch_model.fp16.safetensors'];
/** Mixes that stay on disk; each is as large as a Stage C, and there can be any number of them. */
const KEPT_MIXES = 4;

export interface StageCOptions extends MixOptions {
  /** Where mixed checkpoints are kept. @default the model folder's `mixed` */
  readonly mixedDir?: string;
  /** Where they are kept if the model folder cannot be written. @default nowhere */
  readonly cacheDir?: string;
}

/** What a model folder can paint in. */
export interface AvailableStyles {
  /** Styles that can be used at once, or made from base and aesthetic. */
  readonly styles: readonly Style[];
  /** A number from 0 (base) to 1 (aesthetic) is a style too. */
  readonly mixesStyles: boolean;
}

export function availableStyles(modelFolder: string): AvailableStyles {
  const layout = layoutOf(modelFolder);
  const isThere = (style: Style) => placesOf(layout, style).some(hasWeights);
  const mixesStyles = isThere('base') && isThere('aesthetic');
  const styles = STYLES.filter((style) => isThere(style) || (style === 'interpolated' && mixesStyles));
  return { styles, mixesStyles };
}

/**
 * Folder of the Stage C checkpoint (`config.json` and weights) of a style. One that is not on disk is mixed when base
 * and aesthetic both are, which takes about as long as copying it.
 *
 * @param style a published style, or the share of aesthetic in a mix with base, 0 to 1, also as text: `0.3`
 * @throws UserError `style_missing` telling how to get it, `style_unknown`; OperatorError `checkpoint_missing` without a
 *   model folder, and as {@link mixCheckpoints}
 */
export async function stageCFolder(
  modelFolder: string,
  style: string | number,
  options: StageCOptions = {},
): Promise<string> {
  const share = shareOf(style);
  const named = ({ 0: 'base', 0.5: 'interpolated', 1: 'aesthetic' } as const)[share];
  const layout = layoutOf(modelFolder);
  const folders = named ? placesOf(layout, named) : [];
  const whole = folders.find(hasWeights);
  if (whole !== undefined) return whole;
  if (!existsSync(modelFolder)) {
    throw new OperatorError(
      'checkpoint_missing',
      () => t('There is no model folder at {folder}.', { folder: modelFolder }),
      {
        hint: () => t('Run "{command}" to see what is here.', { command: 'wuerst models list' }),
      },
    );
  }
  const lacking = (['base', 'aesthetic'] as const).find((parent) => !placesOf(layout, parent).some(hasWeights));
  if (share !== 0 && share !== 1 && lacking === undefined) return mixed(modelFolder, layout, share, options);
  // Opening an unfinished folder reports what is missing.
  const begun = folders.find((folder) => existsSync(folder));
  if (begun !== undefined) return begun;
  const { styles } = availableStyles(modelFolder);
  if (named === 'interpolated' && !styles.includes('base') && !styles.includes('aesthetic')) {
    if (layout.decoder) wholeModel(modelFolder);
    if (!layout.prior) throw noModel(modelFolder, 'style_missing');
    throw new OperatorError(
      'style_missing',
      () =>
        t('The style interpolated is not here: {prior} is missing; {folder} holds {held}.', {
          prior: join(modelFolder, HALVES.prior.repository, 'prior'),
          folder: modelFolder,
          held: heldBy(modelFolder),
        }),
      {
        hint: () => t('Run "{command}" to fetch it.', { command: 'wuerst models pull' }),
      },
    );
  }
  throw named === 'base' || named === 'aesthetic' ? missing(named) : missing(lacking ?? 'base', share);
}

/** The hub's names of the repositories that a style needs besides the prior; none for one that is not known. */
export function stageCRepositories(style: string): string[] {
  if (style === 'interpolated') return [];
  const share = SHARES.get(style) ?? Number(style);
  if (share === 0) return [REPOSITORIES.base];
  if (share === 1) return [REPOSITORIES.aesthetic];
  return share > 0 && share < 1 && share !== 0.5 ? [REPOSITORIES.base, REPOSITORIES.aesthetic] : [];
}

/** Folders that may hold the Stage C of a style. */
function placesOf({ prior, beside }: ModelLayout, style: Style): string[] {
  const own = style === 'interpolated' && prior ? [partOf(prior, 'prior')] : [];
  return [...own, ...beside(REPOSITORIES[style])];
}

/** Whether a folder has a config and weights of any kind that can be opened. */
function hasWeights(folder: string): boolean {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.includes('config.json') && weightSets(names).length > 0;
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
  throw new UserError(
    'style_unknown',
    t('Expected style to be base, aesthetic, interpolated or a number from 0 to 1, got {style}.', {
      style: JSON.stringify(style),
    }),
    { hint: t('0 is base, 1 is aesthetic, for example: {example}', { example: 'style:0.3' }) },
  );
}

async function mixed(modelFolder: string, layout: ModelLayout, share: number, options: StageCOptions): Promise<string> {
  const [base, aesthetic] = (['base', 'aesthetic'] as const).map((style) => placesOf(layout, style).find(hasWeights));
  if (base === undefined || aesthetic === undefined) throw new Error('A mix has two parents.');
  const file = MIXABLE.find((name) => existsSync(join(base, name)) && existsSync(join(aesthetic, name)));
  if (file === undefined) {
    const [mine, theirs] = [base, aesthetic].map((parent) =>
      readdirSync(parent).filter((name) => /\.safetensors(\.|$)/.test(name)),
    );
    throw new OperatorError(
      'mix_mismatch',
      () =>
        t('Base and aesthetic should have weights in one file of the same precision, found {mine} and {theirs}.', {
          mine: mine?.join(', ') ?? '',
          theirs: theirs?.join(', ') ?? '',
        }),
      {
        hint: () =>
          t('Pull both in one: {command}', { command: 'wuerst models pull wuerstchen-v2 --style base aesthetic' }),
      },
    );
  }
  const [from, to] = [join(base, file), join(aesthetic, file)];
  // Loaded on demand: they need a database, which painting does without.
  const { finishedMix, mixCheckpoints } = await import('./mix.ts');
  const places = await mixPlaces(modelFolder, options);
  for (const place of places) {
    const made = join(place, String(share));
    const config = join(made, 'config.json');
    if (!existsSync(config) || !(await finishedMix(from, to, share, join(made, file)))) continue;
    await markUsed(config);
    return made;
  }
  const all = places.find(isWritable) ?? places[0] ?? modelFolder;
  const folder = join(all, String(share));
  const [out, config] = [join(folder, file), join(folder, 'config.json')];
  await dropOldMixes(all, String(share));
  await mixCheckpoints(from, to, share, out, options);
  await copyFile(join(base, 'config.json'), `${config}.tmp`);
  await rename(`${config}.tmp`, config);
  return folder;
}

/** Where mixes may be, and may be made, the preferred place first. */
async function mixPlaces(modelFolder: string, { mixedDir, cacheDir }: StageCOptions): Promise<string[]> {
  const own = mixedDir ?? join(modelFolder, 'mixed');
  if (cacheDir === undefined) return [own];
  const { createHash } = await import('node:crypto');
  const model = createHash('sha256').update(await realpath(modelFolder));
  return [own, join(cacheDir, 'mixed', model.digest('hex').slice(0, 16))];
}

function isWritable(folder: string): boolean {
  try {
    makeFolder(folder);
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** In a read-only folder, such as a shared installation, the time of use is not recorded. */
async function markUsed(config: string): Promise<void> {
  const now = new Date();
  await utimes(config, now, now).catch(() => {});
}

/** Makes room for one more mix: those used last stay. */
async function dropOldMixes(all: string, wanted: string): Promise<void> {
  const used: { folder: string; at: number }[] = [];
  for (const name of existsSync(all) ? await readdir(all) : []) {
    const config = await stat(join(all, name, 'config.json')).catch(() => undefined);
    if (config && name !== wanted) used.push({ folder: join(all, name), at: config.mtimeMs });
  }
  used.sort((a, b) => b.at - a.at);
  for (const { folder } of used.slice(KEPT_MIXES - 1)) await rm(folder, { recursive: true, force: true });
}

function missing(style: Style, weight?: number): UserError {
  const message =
    weight === undefined
      ? t('The style {style} is not on this disk.', { style })
      : weight === 0.5
        ? t('The style interpolated needs the style {style}, which is not on this disk.', { style })
        : t('A mix of {weight} needs the style {style}, which is not on this disk.', { style, weight });
  return new UserError('style_missing', message, {
    hint: t('The operator gets it with: {command}', { command: `wuerst models pull wuerstchen-v2 --style ${style}` }),
  });
}
