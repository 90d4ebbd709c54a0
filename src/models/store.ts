import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { layoutOf } from '../pipeline/checkpoint/layout.ts';
import { availableStyles, type Style } from '../pipeline/derived-weights/styles.ts';
import { readLock } from '../pipeline/hub/lock-file.ts';
import { UserError } from '../system/errors.ts';
import { withFolderLock } from '../system/file-lock.ts';
import { ifThere } from '../system/if-there.ts';
import { makeFolder } from '../system/make-folder.ts';
import { writeJson } from '../system/write-json.ts';
import { t, translatable } from '../texts/translate.ts';
import { type ModelEntry, readManifest } from './manifest.ts';
import { bytesFreed, fileSizes, missingFiles, neededIn } from './model-files.ts';
import { EMBEDDED_MODELS, readCurrentModel } from './model-folder.ts';

/** In the order of lists. */
export const STYLES: readonly Style[] = ['base', 'aesthetic', 'interpolated'];

export interface ModelStatus {
  readonly name: string;
  readonly folder: string;
  /** `partial`: some files are missing, which a pull would fetch. */
  readonly state: 'ready' | 'partial' | 'absent';
  /** Missing files, relative to the folder. */
  readonly missing: readonly string[];
  readonly bytes: number;
  /** Styles that can be used; `interpolated` too if it can be mixed from base and aesthetic. */
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
 * @param current name of the model in use; null if that does not matter
 */
export async function listModels(
  modelsDir: string,
  current: string | null = readCurrentModel(modelsDir),
): Promise<ModelStatus[]> {
  const { models } = readManifest(modelsDir);
  const statuses = [];
  for (const model of models) statuses.push(await statusOf(modelsDir, model, current));
  for (const name of await foldersIn(modelsDir)) {
    if (models.some((model) => model.name === name)) continue;
    const folder = join(modelsDir, name);
    const { prior, decoder } = layoutOf(folder);
    if (!prior && !decoder) continue;
    const model = {
      name,
      purpose: translatable('a folder of yours'),
      license: translatable('not known'),
      embedded: false,
      repositories: [],
    };
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
  const sizes = await fileSizes(folder);
  // An unreadable lock file is reported by "verify" and "pull"; the list shows the files that are there.
  const lock = await readLock(folder).catch(() => undefined);
  const missing: string[] = [];
  const always = model.repositories.filter(({ style }) => style === undefined);
  for (const needed of neededIn(folder, always)) missing.push(...(await missingFiles(needed, lock)));
  return {
    ...{ name, folder, source, purpose, license, nativeSizes },
    state: missing.length === 0 && sizes.size > 0 ? 'ready' : sizes.size > 0 ? 'partial' : 'absent',
    missing,
    bytes: [...sizes.values()].reduce((total, size) => total + size, 0),
    styles: STYLES.filter((style) => availableStyles(folder).styles.includes(style)),
    inUse: name === current,
  };
}

/** @throws UserError `unknown_model` naming those that exist. */
export async function findModel(modelsDir: string, name: string): Promise<ModelEntry> {
  return named(readManifest(modelsDir).models, name);
}

function named<T extends { readonly name: string }>(models: readonly T[], name: string): T {
  const model = models.find((one) => one.name === name);
  if (model) return model;
  const known = models.map((one) => one.name).join(', ');
  throw new UserError('unknown_model', t('There is no model "{name}", only {known}.', { name, known }), {
    hint: t('For example: {command}', { command: 'wuerst models pull wuerstchen-v2' }),
  });
}

export function folderOf(modelsDir: string, model: ModelEntry): string {
  return join(model.embedded ? EMBEDDED_MODELS : modelsDir, model.name);
}

/** @throws UserError when the model is unknown or not complete. */
export async function useModel(modelsDir: string, name: string): Promise<ModelStatus> {
  // The earlier choice does not matter and may be unreadable: this command repairs it.
  const status = named(await listModels(modelsDir, null), name);
  if (status.state !== 'ready') throw notReady(status);
  makeFolder(modelsDir);
  await writeJson(join(modelsDir, 'current.json'), { model: name });
  return { ...status, inUse: true };
}

/** A model that can be removed. */
export interface Removable extends ModelStatus {
  /** Bytes that are free afterwards: what links lead to stays. */
  readonly freed: number;
}

/** Deletes a model's folder. @throws UserError for the embedded model, the one in use, and unknown or absent ones. */
export async function removeModel(modelsDir: string, name: string): Promise<Removable> {
  const status = await checkRemovable(modelsDir, name);
  await withFolderLock(status.folder, {}, () => rm(status.folder, { recursive: true, force: true }));
  return status;
}

/** Makes the checks of {@link removeModel} without removing anything. */
export async function checkRemovable(modelsDir: string, name: string): Promise<Removable> {
  const status = named(await listModels(modelsDir), name);
  if (status.source === 'embedded') {
    throw new UserError('model_embedded', t('The model {name} comes with wuerst and cannot be removed.', { name }), {
      hint: t('Only fetched models can be removed.'),
    });
  }
  if (status.inUse) {
    throw new UserError('model_in_use', t('The model {name} is in use.', { name }), {
      hint: t('Choose another one first, for example: {command}', { command: 'wuerst models use cocktail' }),
    });
  }
  // An interrupted pull may have left nothing but hidden parts: the folder counts, not its files.
  if (status.state === 'absent' && !(await foldersIn(modelsDir)).includes(name)) {
    throw new UserError(
      'model_absent',
      t('The model {name} is not on this disk: there is no folder {folder}.', { name, folder: status.folder }),
    );
  }
  return { ...status, freed: await bytesFreed(status.folder) };
}

function notReady({ name, state, missing, source, folder }: ModelStatus): UserError {
  const lacks = { name, file: missing[0] ?? '', count: missing.length };
  const message =
    state === 'absent'
      ? t('The model {name} is not on this disk.', { name })
      : t(
          'The model {name} lacks the file {file}. | The model {name} lacks {count} files, the first of them {file}.',
          lacks,
        );
  // Where a folder of the operator's own came from is not known.
  const hint =
    source === 'own'
      ? t('Put what is missing into {folder}.', { folder })
      : t('Run: {command}', { command: `wuerst models pull ${name}` });
  return new UserError('model_incomplete', message, { hint });
}

async function foldersIn(modelsDir: string): Promise<string[]> {
  const entries = (await ifThere(readdir(modelsDir, { withFileTypes: true }))) ?? [];
  return entries.filter((entry) => !entry.name.startsWith('.') && !entry.isFile()).map((entry) => entry.name);
}
