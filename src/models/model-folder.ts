import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OperatorError } from '../system/errors.ts';

/** The folder of the models that come with the program, whether it runs from `src/` or `dist/`. */
export const EMBEDDED_MODELS = fileURLToPath(new URL('../../data/models', import.meta.url));
const DEFAULT_MODEL = 'cocktail';

/** `WUERST_MODELS`, else the folder of the embedded models. */
export function modelsFolder(env: NodeJS.ProcessEnv): string {
  return env.WUERST_MODELS ? resolve(env.WUERST_MODELS) : EMBEDDED_MODELS;
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
    throw new OperatorError('current_model_invalid', `Cannot read ${path}: ${(error as Error).message}.`);
  }
  const name = nameIn(text);
  if (name !== undefined) return name;
  throw new OperatorError('current_model_invalid', `The file ${path} does not look like { "model": "cocktail" }.`, {
    hint: 'Run "wuerst models use cocktail".',
  });
}

function nameIn(text: string): string | undefined {
  try {
    const { model } = JSON.parse(text) as { model?: unknown };
    return typeof model === 'string' && /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(model) ? model : undefined;
  } catch {
    return undefined;
  }
}

/** The model that the terminal paints with: `WUERST_MODEL`, else the chosen one. */
export function modelInUse(env: NodeJS.ProcessEnv): string {
  return env.WUERST_MODEL ?? currentModelFolder(modelsFolder(env));
}

/** Folder of the chosen model: what `WUERST_MODEL` defaults to. */
export function currentModelFolder(modelsDir: string): string {
  const name = readCurrentModel(modelsDir);
  return join(name === DEFAULT_MODEL ? EMBEDDED_MODELS : modelsDir, name);
}
