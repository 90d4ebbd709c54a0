import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** `owner/name`, as on the hub. */
const REPOSITORY = /^\w[\w.-]*\/\w[\w.-]*$/;

export function isRepositoryName(text: string): boolean {
  return REPOSITORY.test(text) && !text.includes('..');
}

/**
 * The repository that a decoder's model card names as its prior, as diffusers finds it: the first one of `prior:` in the YAML
 * at the beginning of `README.md`.
 */
export function priorOfCard(dir: string): string | undefined {
  let card: string;
  try {
    card = readFileSync(join(dir, 'README.md'), 'utf8');
  } catch {
    return undefined;
  }
  const [, yaml = ''] = /^\uFEFF?---[ \t]*\r?\n(.*?)^---/ms.exec(card) ?? [];
  const [, value = ''] = /^prior:([^\n]*(?:\r?\n[ \t]*-[^\n]*)*)/m.exec(yaml) ?? [];
  return value
    .replace(/(^|\s)#[^\n]*/g, '')
    .split(/[\s,[\]"']+/)
    .find(isRepositoryName);
}
