import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../system/errors.ts';
import { withFolderLock } from '../system/file-lock.ts';
import { makeFolder } from '../system/make-folder.ts';
import { writeJson } from '../system/write-json.ts';
import { missingFiles } from './choose-files.ts';
import { isOutdated, readLock } from './lock-file.ts';
import { loadManifest, type ModelEntry, type Style } from './manifest.ts';
import { EMBEDDED_MODELS, readCurrentModel } from './model-folder.ts';
import { filesOf } from './verify.ts';

export interface ModelStatus {
  readonly name: string;
  readonly folder: string;
  /** `partial`: some files are there, a pull would finish it. */
  readonly state: 'ready' | 'partial' | 'absent';
  /** Files that are not there, relative to the folder. */
  readonly missing: readonly string[];
  readonly bytes: number;
  /** Styles that can be used at once; `interpolated` also when both its parents are there to be mixed. */
  readonly styles: readonly Style[];
  readonly inUse: boolean;
  /** `own`: a folder that no manifest describes. */
  readonly source: 'embedded' | 'hub' | 'own';
  readonly purpose: string;
  readonly license: string;
  /** [width, height] in pixels that the checkpoint was trained on; none for `own`. */
  readonly nativeSizes: ModelEntry['nativeSizes'];
}

/**
 * Every model of the manifest, and folders beside them that look like one.
 *
 * @param current name of the model in use, null when that doesn't matter
 */
export async function listModels(
  modelsDir: string,
  current: string | null = readCurrentModel(modelsDir),
): Promise<ModelStatus[]> {
  const { models } = await loadManifest(modelsDir);
  const statuses = [];
  for (const model of models) statuses.push(await statusOf(modelsDir, model, current));
  for (const name of await foldersIn(modelsDir)) {
    if (models.some((model) => model.name === name)) continue;
    const folder = join(modelsDir, name);
    const found = await filesIfAny(folder);
    if (!found.includes('wuerstchen-prior/model_index.json')) continue;
    const model = { name, purpose: 'a folder of yours', license: 'not known', embedded: false, repositories: [] };
    statuses.push(await statusOf(modelsDir, { ...model, nativeSizes: [] }, current, 'own'));
  }
  return statuses;
}

async function statusOf(
  modelsDir: string,
  model: ModelEntry,
  current: string | null,
  source: ModelStatus['source'] = model.embedded ? 'embedded' : 'hub',
): Promise<ModelStatus> {
  const { name, purpose, license, nativeSizes } = model;
  const folder = folderOf(modelsDir, model);
  const sizes = new Map<string, number>();
  for (const path of await filesIfAny(folder)) {
    const found = await stat(join(folder, path)).catch(() => undefined);
    if (found) sizes.set(path, found.size);
  }
  // A lock file that cannot be read is what "verify" and "pull" speak of; the list shows what is there.
  const lock = await readLock(folder).catch(() => undefined);
  const missing = model.repositories
    .filter(({ style }) => !style)
    .flatMap((repo) =>
      missingFiles(repo, (path) => sizes.has(`${repo.folder}/${path}`) && !isOutdated(lock, repo.folder, path)).map(
        (path) => `${repo.folder}/${path}`,
      ),
    );
  return {
    name,
    folder,
    state: missing.length === 0 && sizes.size > 0 ? 'ready' : sizes.size > 0 ? 'partial' : 'absent',
    missing,
    bytes: [...sizes.values()].reduce((total, size) => total + size, 0),
    styles: stylesOf((path) => sizes.has(path)),
    inUse: name === current,
    source,
    purpose,
    license,
    nativeSizes,
  };
}

function stylesOf(has: (path: string) => boolean): Style[] {
  const weights = (folder: string) =>
    has(`${folder}/config.json`) &&
    ['', '.fp16'].some((variant) => has(`${folder}/diffusion_pytorch_model${variant}.safetensors`));
  const base = weights('wuerstchen-prior-model-base');
  const aesthetic = weights('wuerstchen-prior-model-finetuned');
  const own = weights('wuerstchen-prior-model-interpolated') || weights('wuerstchen-prior/prior');
  const styles: Style[] = [];
  if (base) styles.push('base');
  if (aesthetic) styles.push('aesthetic');
  if (own || (base && aesthetic)) styles.push('interpolated');
  return styles;
}

/** @throws UserError `unknown_model` naming those that exist. */
export async function findModel(modelsDir: string, name: string): Promise<ModelEntry> {
  const { models } = await loadManifest(modelsDir);
  const model = models.find((entry) => entry.name === name);
  if (model) return model;
  throw unknownModel(
    name,
    models.map((entry) => entry.name),
  );
}

export function folderOf(modelsDir: string, model: ModelEntry): string {
  return join(model.embedded ? EMBEDDED_MODELS : modelsDir, model.name);
}

/** @throws UserError when the model is unknown or not complete. */
export async function useModel(modelsDir: string, name: string): Promise<ModelStatus> {
  // What was chosen before doesn't matter, nor whether it can be read: this is how to mend it.
  const status = statusNamed(await listModels(modelsDir, null), name);
  if (status.state !== 'ready') throw notReady(status);
  makeFolder(modelsDir);
  await writeJson(join(modelsDir, 'current.json'), { model: name });
  return { ...status, inUse: true };
}

/** Deletes a model's folder. @throws UserError for the embedded model, the one in use, and unknown or absent ones. */
export async function removeModel(modelsDir: string, name: string): Promise<ModelStatus> {
  const status = await checkRemovable(modelsDir, name);
  await withFolderLock(status.folder, {}, () => rm(status.folder, { recursive: true, force: true }));
  return status;
}

/** As {@link removeModel}, without removing: what would go. */
export async function checkRemovable(modelsDir: string, name: string): Promise<ModelStatus> {
  const status = statusNamed(await listModels(modelsDir), name);
  if (status.source === 'embedded') {
    throw new UserError('model_embedded', `${name} comes with wuerst and stays`, {
      hint: 'Only fetched models can be removed.',
    });
  }
  if (status.inUse) {
    throw new UserError('model_in_use', `${name} is the model in use`, {
      hint: 'Choose another one first, for example: wuerst models use cocktail',
    });
  }
  // A pull that was cut early left only its parts, which are hidden: the folder counts, not the files.
  if (status.state === 'absent' && !(await foldersIn(modelsDir)).includes(name)) {
    throw new UserError('model_absent', `${name} is not on this disk: there is no ${status.folder}`);
  }
  return status;
}

function statusNamed(models: readonly ModelStatus[], name: string): ModelStatus {
  const status = models.find((model) => model.name === name);
  if (status) return status;
  throw unknownModel(
    name,
    models.map((model) => model.name),
  );
}

function unknownModel(name: string, known: readonly string[]): UserError {
  return new UserError('unknown_model', `there is no model "${name}"; there are ${known.join(', ')}`, {
    hint: 'For example: wuerst models pull wuerstchen-v2',
  });
}

function notReady({ name, state, missing }: ModelStatus): UserError {
  const what = state === 'absent' ? 'is not on this disk' : `lacks ${missing.length} files, ${missing[0]} first`;
  return new UserError('model_incomplete', `${name} ${what}`, { hint: `Run: wuerst models pull ${name}` });
}

async function foldersIn(modelsDir: string): Promise<string[]> {
  try {
    const entries = await readdir(modelsDir, { withFileTypes: true });
    return entries.filter((entry) => !entry.name.startsWith('.') && !entry.isFile()).map((entry) => entry.name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function filesIfAny(folder: string): Promise<string[]> {
  try {
    return await filesOf(folder);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}
