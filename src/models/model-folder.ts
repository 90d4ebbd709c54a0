import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { layoutOf } from '../pipeline/checkpoint/layout.ts';
import { OperatorError } from '../system/errors.ts';
import { reasonOf } from '../system/foreign-words.ts';
import { t } from '../texts/translate.ts';

/** The folder of the models that come with the program, whether it runs from `src/` or `dist/`. */
export const EMBEDDED_MODELS = fileURLToPath(new URL('../../data/models', import.meta.url));
const DEFAULT_MODEL = 'cocktail';
const MODEL_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;

/** `WUERST_MODELS`, else the folder of the embedded models. */
export function modelsFolder(env: NodeJS.ProcessEnv): string {
  return env.WUERST_MODELS ? resolve(env.WUERST_MODELS) : EMBEDDED_MODELS;
}

/** Whether models are pulled into an installed package, which npm replaces as a whole when it installs another version. */
export function goesWithPackage(modelsDir: string, embedded = EMBEDDED_MODELS): boolean {
  return modelsDir === embedded && /[\\/]node_modules[\\/]/.test(modelsDir);
}

/** `WUERST_LORAS`, else the folder `loras` beside the models. */
export function lorasFolder(env: NodeJS.ProcessEnv): string {
  return env.WUERST_LORAS ? resolve(env.WUERST_LORAS) : join(modelsFolder(env), 'loras');
}

/** What `wuerst models` calls the picture classifier. */
export const SAFETY = 'safety';

/** Folder of the picture classifier, among the models. */
export function safetyFolder(env: NodeJS.ProcessEnv): string {
  return join(modelsFolder(env), SAFETY);
}

/**
 * The chosen model's name, from `current.json` in the models folder; cocktail if nothing was chosen.
 *
 * @throws OperatorError `current_model_invalid`
 */
export function readCurrentModel(modelsDir: string): string {
  const path = join(modelsDir, 'current.json');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return DEFAULT_MODEL;
    throw new OperatorError('current_model_invalid', () =>
      t('Cannot read {path}: {reason}.', { path, reason: reasonOf(error) }),
    );
  }
  const name = nameIn(text);
  if (name !== undefined) return name;
  throw new OperatorError(
    'current_model_invalid',
    () => t('The file {path} does not look like {example}.', { path, example: '{ "model": "cocktail" }' }),
    {
      hint: () => t('Run "{command}".', { command: 'wuerst models use cocktail' }),
    },
  );
}

function nameIn(text: string): string | undefined {
  try {
    const { model } = JSON.parse(text) as { model?: unknown };
    return typeof model === 'string' && MODEL_NAME.test(model) ? model : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Absolute folder of the model that is painted with: the one given, as a folder or by its name, else the chosen one. A folder here
 * that holds a model wins over a model of that name.
 */
export function modelInUse(env: NodeJS.ProcessEnv, given: string | undefined = env.WUERST_MODEL): string {
  const modelsDir = modelsFolder(env);
  if (!given) return folderNamed(modelsDir, readCurrentModel(modelsDir));
  const { prior, decoder } = layoutOf(given);
  const named = MODEL_NAME.test(given) ? folderNamed(modelsDir, given) : given;
  return resolve(!prior && !decoder && existsSync(named) ? named : given);
}

function folderNamed(modelsDir: string, name: string): string {
  return join(name === DEFAULT_MODEL ? EMBEDDED_MODELS : modelsDir, name);
}
