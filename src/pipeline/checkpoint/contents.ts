import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ifThere } from '../../system/if-there.ts';
import { isLfsPointerFile } from './lfs-pointer.ts';
import { weightSetsIn } from './weight-files.ts';

/** What a repository has to hold; all paths are relative to it. */
export interface Contents {
  readonly files: readonly string[];
  /** Path without `.safetensors`: a precision, or the number of a shard, stands in between. */
  readonly weights: readonly string[];
  /** Folders with either `tokenizer.json` or `vocab.json` and `merges.txt`. */
  readonly tokenizers: readonly string[];
}

/** Everything that a tokenizer is read from. */
export const TOKENIZER_FILES = [
  'tokenizer.json',
  'vocab.json',
  'merges.txt',
  'special_tokens_map.json',
  'tokenizer_config.json',
  'added_tokens.json',
];

/** The two repositories that a model consists of. */
export const HALVES = {
  prior: {
    /** In `model_index.json`. */
    className: 'WuerstchenPriorPipeline',
    /** The hub's name of the repository. */
    repository: 'wuerstchen-prior',
    networks: ['prior'],
    /** What stands before the names of its folders in a repository of the combined pipeline. */
    combinedPrefix: 'prior_',
  },
  decoder: {
    className: 'WuerstchenDecoderPipeline',
    repository: 'wuerstchen',
    networks: ['decoder', 'vqgan'],
    combinedPrefix: '',
  },
} as const;
export type HalfName = keyof typeof HALVES;
export const COMBINED_CLASS = 'WuerstchenCombinedPipeline';

export const PRIOR_CONTENTS = contentsOf('prior');
export const DECODER_CONTENTS = contentsOf('decoder');
/** A repository of one Stage C alone. */
export const STAGE_C_CONTENTS: Contents = {
  files: ['config.json'],
  weights: ['diffusion_pytorch_model'],
  tokenizers: [],
};

/** @param prefix of the names of its folders */
export function contentsOf(half: HalfName, prefix = ''): Contents {
  const networks = HALVES[half].networks.map((name) => prefix + name);
  const folders = [...networks, `${prefix}text_encoder`];
  return {
    files: [
      'model_index.json',
      ...folders.map((folder) => `${folder}/config.json`),
      `${prefix}scheduler/scheduler_config.json`,
    ],
    weights: [...networks.map((name) => `${name}/diffusion_pytorch_model`), `${prefix}text_encoder/model`],
    tokenizers: [`${prefix}tokenizer`],
  };
}

/** A path relative to a repository, in which `.` is the repository itself. */
export function within(folder: string, name: string): string {
  return folder === '.' ? name : `${folder}/${name}`;
}

/** Names of those paths that lie in a folder itself. */
export function namesIn(folder: string, paths: Iterable<string>): string[] {
  return [...paths].filter((path) => dirname(path) === folder).map((path) => basename(path));
}

/** Whether a folder has a tokenizer in one of its two forms. */
export function hasTokenizer(folder: string, has: (path: string) => boolean): boolean {
  return has(`${folder}/tokenizer.json`) || (has(`${folder}/vocab.json`) && has(`${folder}/merges.txt`));
}

/**
 * What a repository on disk lacks, in whichever precision its weights are. Links are followed; a Git LFS pointer in place of a
 * file counts as missing.
 *
 * @param counts whether a file that is there counts. @default all do
 */
export async function missingIn(
  dir: string,
  { files, weights, tokenizers }: Contents,
  counts: (path: string) => boolean = () => true,
): Promise<string[]> {
  const folders = new Set(
    [...files, ...weights, ...tokenizers.map((folder) => `${folder}/*`)].map((path) => dirname(path)),
  );
  const there = new Set<string>();
  const missing: string[] = [];
  for (const folder of folders) {
    for (const { name, isPointer } of await filesIn(join(dir, folder))) {
      const path = within(folder, name);
      if (counts(path)) there.add(path);
      if (isPointer) missing.push(path);
    }
  }
  missing.push(...files.filter((path) => !there.has(path)));
  for (const stem of weights) {
    const folder = dirname(stem);
    const [set] = await weightSetsIn(join(dir, folder), namesIn(folder, there)).catch(() => []);
    missing.push(...(set ? set.missing.map((name) => within(folder, name)) : [`${stem}.safetensors`]));
  }
  const has = (path: string) => there.has(path);
  return [
    ...missing,
    ...tokenizers.filter((folder) => !hasTokenizer(folder, has)).map((folder) => `${folder}/tokenizer.json`),
  ];
}

/** Text that Git LFS leaves in place of a file is shorter. */
const LONGEST_POINTER = 1024;

async function filesIn(folder: string): Promise<{ readonly name: string; readonly isPointer: boolean }[]> {
  const names = (await ifThere(readdir(folder))) ?? [];
  const found = names.map(async (name) => {
    const path = join(folder, name);
    const stats = await ifThere(stat(path));
    if (!stats?.isFile()) return [];
    return [{ name, isPointer: stats.size < LONGEST_POINTER && (await isLfsPointerFile(path)) }];
  });
  return (await Promise.all(found)).flat();
}
