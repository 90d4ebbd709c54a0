import { OperatorError } from '../../system/errors.ts';
import type { HubFile } from './hub.ts';
import type { Repository } from './repository.ts';

const TOKENIZER_FILES = [
  'tokenizer.json',
  'vocab.json',
  'merges.txt',
  'special_tokens_map.json',
  'tokenizer_config.json',
  'added_tokens.json',
];

/**
 * The files of a listing that are needed to run: every weight in one precision only, one tokenizer.
 *
 * @param variant precision such as `fp16`; weights that the hub does not have in it are taken in the plain one
 * @throws OperatorError `repository_incomplete` naming everything that the listing lacks
 */
export function chooseFiles(
  repository: Repository,
  listing: ReadonlyMap<string, HubFile>,
  variant?: string,
): HubFile[] {
  const paths = [...repository.files];
  for (const stem of repository.weights) {
    const preferred = `${stem}.${variant}.safetensors`;
    paths.push(variant !== undefined && listing.has(preferred) ? preferred : `${stem}.safetensors`);
  }
  for (const folder of repository.tokenizers) {
    const found = TOKENIZER_FILES.map((name) => `${folder}/${name}`).filter((path) => listing.has(path));
    paths.push(...(hasTokenizer(folder, (path) => listing.has(path)) ? found : [`${folder}/tokenizer.json`]));
  }
  const missing = paths.filter((path) => !listing.has(path));
  if (missing.length > 0) {
    throw new OperatorError(
      'repository_incomplete',
      `The repository ${repository.repo} has no ${missing.join(', ')}.`,
      {
        hint: 'Choose another revision with --revision, or check HF_ENDPOINT.',
      },
    );
  }
  return paths.flatMap((path) => listing.get(path) ?? []);
}

/** The files that a folder on disk lacks, in any precision. */
export function missingFiles(repository: Repository, has: (path: string) => boolean): string[] {
  return [
    ...repository.files.filter((path) => !has(path)),
    ...repository.weights
      .filter((stem) => !has(`${stem}.safetensors`) && !has(`${stem}.fp16.safetensors`))
      .map((stem) => `${stem}.safetensors`),
    ...repository.tokenizers.filter((folder) => !hasTokenizer(folder, has)).map((folder) => `${folder}/tokenizer.json`),
  ];
}

function hasTokenizer(folder: string, has: (path: string) => boolean): boolean {
  return has(`${folder}/tokenizer.json`) || (has(`${folder}/vocab.json`) && has(`${folder}/merges.txt`));
}
