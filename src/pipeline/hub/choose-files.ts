import { dirname } from 'node:path';
import { OperatorError } from '../../system/errors.ts';
import { listedAs, t } from '../../texts/translate.ts';
import { hasTokenizer, namesIn, TOKENIZER_FILES, within } from '../checkpoint/contents.ts';
import { weightSets } from '../checkpoint/weight-files.ts';
import type { HubFile } from './hub.ts';
import type { Repository } from './repository.ts';

/**
 * The files of a listing that are needed to run: every weight in one precision only, one tokenizer.
 *
 * @param variant precision such as `fp16`; weights that the hub does not have in it are taken in the plain one
 * @throws OperatorError `repository_incomplete` naming everything that the listing lacks
 */
export function chooseFiles(repository: Repository, listing: ReadonlyMap<string, HubFile>, variant = ''): HubFile[] {
  const paths = [...repository.files, ...(repository.optional ?? []).filter((path) => listing.has(path))];
  /** Precisions that weights without plain files are in. */
  const others = new Set<string>();
  for (const stem of repository.weights) {
    const folder = dirname(stem);
    const sets = weightSets(namesIn(folder, listing.keys()));
    const set = [variant, ''].map((wanted) => sets.find((one) => one.variant === wanted)).find(Boolean);
    for (const other of sets) if (!set && other.missing.length === 0) others.add(other.variant);
    paths.push(...(set?.files.map((name) => within(folder, name)) ?? [`${stem}.safetensors`]));
  }
  for (const folder of repository.tokenizers) {
    const found = TOKENIZER_FILES.map((name) => `${folder}/${name}`).filter((path) => listing.has(path));
    paths.push(...(hasTokenizer(folder, (path) => listing.has(path)) ? found : [`${folder}/tokenizer.json`]));
  }
  const missing = paths.filter((path) => !listing.has(path));
  if (missing.length > 0) {
    const [other] = others;
    const { repo } = repository;
    const message = () => t('The repository {repo} has no {files}.', { repo, files: missing.join(', ') });
    throw new OperatorError('repository_incomplete', message, {
      hint: other
        ? () =>
            t(
              "It has these weights in {variants} only: add --variant {variant} to the command (variant: '{variant}' in the library).",
              {
                variants: listedAs('conjunction', [...others]),
                variant: other,
              },
            )
        : () => t('Choose another revision with --revision, or check HF_ENDPOINT.'),
    });
  }
  return paths.flatMap((path) => listing.get(path) ?? []);
}
