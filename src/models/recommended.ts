import { readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { generationConfig, type Recommended, recommendedBy } from '../pipeline/images/generation-config.ts';
import { OperatorError } from '../system/errors.ts';
import { t } from '../texts/translate.ts';
import { BUILT_IN_MANIFEST, type Manifest, readManifest } from './manifest.ts';

const FILE = 'generation_config.json';

/**
 * What a model recommends: by `generation_config.json` in its folder, else by the manifest's entry of its name.
 *
 * @throws OperatorError `generation_config_invalid`, naming the file, the key and what was expected
 */
export function recommendedFor(folder: string): Recommended {
  const own = readGenerationConfig(folder);
  if (own !== undefined) return own;
  const entry = manifestBeside(folder).models.find(({ name }) => name === basename(resolve(folder)));
  return recommendedBy({ nativeSizes: entry?.nativeSizes, ...entry?.recommended });
}

/** Any other program's file may have the manifest's name there. */
function manifestBeside(folder: string): Manifest {
  try {
    return readManifest(dirname(resolve(folder)));
  } catch {
    return BUILT_IN_MANIFEST;
  }
}

function readGenerationConfig(folder: string): Recommended | undefined {
  const path = join(folder, FILE);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    if ('code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) return undefined;
    throw invalid(path, 'code' in cause ? `cannot be read: ${cause.code}` : `is not JSON: ${cause.message}`, cause);
  }
  const result = generationConfig.safeParse(value);
  if (result.success) return recommendedBy(result.data);
  const [issue] = result.error.issues;
  const at = issue?.path.length ? ` at ${issue.path.join('.')}` : '';
  throw invalid(path, `is wrong${at}: ${issue?.message}`, result.error);
}

function invalid(path: string, what: string, cause: Error): OperatorError {
  return new OperatorError('generation_config_invalid', () => t('The file {path} {what}.', { path, what }), {
    hint: () =>
      t('For example {example}.', {
        example: `{ "steps": 12, "guidance": 4, "decoderSteps": 4 }. Without this file the usual values are used`,
      }),
    cause,
  });
}
