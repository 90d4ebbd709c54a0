import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { OperatorError } from '../../system/errors.ts';
import { z } from '../../system/zod-mini.ts';
import { t } from '../../texts/translate.ts';
import { readJson, reason } from './config-file.ts';

/** Precisions in the names of weight files, in the order of preference; plain files have none. */
export const VARIANTS = ['', 'fp16', 'bf16'] as const;
const STEMS = ['diffusion_pytorch_model', 'model'];

/** Weights of a component in one precision: one file, or shards with their index. */
export interface WeightSet {
  readonly variant: string;
  /** Names in the component's folder, of the index too. */
  readonly files: readonly string[];
  /** Those of `files` that are not there. */
  readonly missing: readonly string[];
}

/**
 * The weights that a folder with these names offers, in the order of preference, complete ones first.
 *
 * @param shardsOf names of the shards that an index lists. @default those whose names say that they belong to it
 */
export function weightSets(names: readonly string[], shardsOf = shardsByName(names)): WeightSet[] {
  const there = new Set(names);
  const sets: WeightSet[] = [];
  for (const stem of STEMS) {
    for (const variant of VARIANTS) {
      for (const index of indexNames(stem, variant)) {
        const files = there.has(index) ? [index, ...shardsOf(index)] : [];
        if (files.length === 1) files.push(`${stem}-00001-of-….safetensors`);
        const missing = files.filter((name) => !there.has(name));
        if (files.length > 0) sets.push({ variant, files, missing });
      }
      const single = `${stem}${variant && `.${variant}`}.safetensors`;
      if (there.has(single)) sets.push({ variant, files: [single], missing: [] });
    }
  }
  const others = names.filter((name) => name.endsWith('.safetensors') && !name.startsWith('.'));
  if (sets.length === 0 && others.length === 1) sets.push({ variant: '', files: others, missing: [] });
  return sets.sort((a, b) => Number(a.missing.length > 0) - Number(b.missing.length > 0));
}

/** transformers and diffusers put the variant into the index's name at the end; some repositories put it before. */
function indexNames(stem: string, variant: string): string[] {
  if (variant === '') return [`${stem}.safetensors.index.json`];
  return [`${stem}.safetensors.index.${variant}.json`, `${stem}.${variant}.safetensors.index.json`];
}

const INDEX = /^(.+?)(?:\.(fp16|bf16))?\.safetensors\.index(?:\.(fp16|bf16))?\.json$/;
const SHARD = /^(.+?)(?:\.(fp16|bf16))?-\d{5}-of-\d{5}(?:\.(fp16|bf16))?\.safetensors$/;

function shardsByName(names: readonly string[]): (index: string) => string[] {
  return (index) => {
    const [, stem, before, after] = INDEX.exec(index) ?? [];
    const found = names.find((name) => {
      const [shard, of, ahead, behind] = SHARD.exec(name) ?? [];
      return shard !== undefined && of === stem && (ahead ?? behind) === (before ?? after);
    });
    if (found === undefined) return [];
    const count = Number(/-of-(\d{5})/.exec(found)?.[1]);
    return Array.from({ length: count }, (_, i) =>
      found.replace(/-\d{5}-of-/, `-${String(i + 1).padStart(5, '0')}-of-`),
    );
  };
}

/** What a component's folder on disk offers, as {@link weightSets}, with the shards that its indices list. */
export async function weightSetsIn(dir: string, names: readonly string[]): Promise<WeightSet[]> {
  const shards = new Map<string, string[]>();
  for (const name of names) if (INDEX.test(name)) shards.set(name, await readIndex(join(dir, name)));
  return weightSets(names, (index) => shards.get(index) ?? []);
}

/** Real paths of the weight files of a component. */
export async function weightFiles(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  const names = entries.map(({ name }) => name);
  const [set] = await weightSetsIn(dir, names);
  if (set) {
    const weights = set.files.filter((name) => name.endsWith('.safetensors'));
    return Promise.all(weights.map((name) => realFile(join(dir, name))));
  }
  const files = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  const partial = files.find((name) => /\.(part|incomplete)$/.test(name));
  throw new OperatorError(
    'checkpoint_incomplete',
    () =>
      t('The folder {dir} should hold diffusion_pytorch_model.safetensors or model.safetensors, found {files}.', {
        dir,
        files: files.join(', ') || t('nothing'),
      }),
    {
      hint: () =>
        partial
          ? t('The download is not finished: run "{command}".', { command: 'wuerst models pull' })
          : hintFor(files),
    },
  );
}

function hintFor(names: readonly string[]): string {
  if (!names.some((name) => /\.(bin|pt|pth|ckpt)$/.test(name)))
    return t('Run "{command}".', { command: 'wuerst models pull' });
  return t(
    'Only safetensors are read: save the weights again with save_pretrained(…, safe_serialization=True), or run "{command}".',
    { command: 'wuerst models pull' },
  );
}

const shardIndex = z.object({ weight_map: z.record(z.string(), z.string()) });

async function readIndex(file: string): Promise<string[]> {
  const parsed = shardIndex.safeParse(await readJson(file));
  if (!parsed.success)
    throw new OperatorError('checkpoint_corrupt', () => t('The file {file} should have a weight_map.', { file }));
  const names = [...new Set(Object.values(parsed.data.weight_map))];
  const outside = names.find((name) => name !== basename(name));
  if (outside === undefined) return names;
  throw new OperatorError('checkpoint_corrupt', () =>
    t('The file {file} names "{outside}" outside its folder.', { file, outside }),
  );
}

async function realFile(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (cause) {
    throw new OperatorError(
      'checkpoint_incomplete',
      () => t('The file {file} is missing: {reason}.', { file, reason: reason(cause) }),
      {
        hint: () => t('Run "{command}" to finish the download.', { command: 'wuerst models pull' }),
        cause,
      },
    );
  }
}

/** Absolute; at the latest the root. */
export function commonFolder(files: readonly string[]): string {
  const paths = files.map((file) => resolve(file));
  let folder = dirname(paths[0] ?? resolve('.'));
  const holds = (path: string) => path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
  while (!paths.every(holds)) folder = dirname(folder);
  return folder;
}
