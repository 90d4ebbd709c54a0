import { readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { generationConfig, type Recommended, recommendedBy } from '../pipeline/images/generation-config.ts';
import { OperatorError, type OperatorText } from '../system/errors.ts';
import { reasonOf, ruleBroken } from '../system/foreign-words.ts';
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
    throw invalid(
      () =>
        'code' in cause
          ? t('Cannot read {path}: {reason}.', { path, reason: reasonOf(cause) })
          : t('The file {path} is not JSON: {reason}.', { path, reason: reasonOf(cause) }),
      cause,
    );
  }
  const result = generationConfig.safeParse(value);
  if (result.success) return recommendedBy(result.data);
  throw invalid(() => {
    const [issue] = generationConfig.safeParse(value).error?.issues ?? [];
    const wrong = { path, key: issue?.path.join('.') ?? '', reason: ruleBroken(issue) };
    return wrong.key === ''
      ? t('The file {path} is wrong: {reason}.', wrong)
      : t('The file {path} is wrong at {key}: {reason}.', wrong);
  }, result.error);
}

function invalid(message: OperatorText, cause: Error): OperatorError {
  return new OperatorError('generation_config_invalid', message, {
    hint: () =>
      t('For example {example}. Without this file the usual values are used.', {
        example: '{ "steps": 12, "guidance": 4, "decoderSteps": 4 }',
      }),
    cause,
  });
}
