import { rm } from 'node:fs/promises';
import { OperatorError, UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import { type InstalledClassifier, readInstalled } from './installed.ts';
import type { PublishedClassifier } from './published.ts';

/** The picture classifier as it is listed: what is here, or else what can be fetched. */
export interface ClassifierStatus {
  readonly state: 'absent' | 'ready' | 'damaged';
  /** `nsfwjs 4.3.0 mobilenet_v2_mid` */
  readonly name: string;
  readonly license: string;
  /** On this disk, or to fetch. */
  readonly bytes: number;
}

export async function classifierStatus(folder: string, published: PublishedClassifier): Promise<ClassifierStatus> {
  const toFetch = { name: nameOf(published), license: published.license, bytes: published.tarball.size };
  try {
    const found = await readInstalled(folder);
    if (found === undefined) return { state: 'absent', ...toFetch };
    const { license, bytes } = found;
    return { state: bytes > 0 ? 'ready' : 'damaged', name: nameOf(found), license, bytes };
  } catch (error) {
    if (error instanceof OperatorError) return { state: 'damaged', ...toFetch };
    throw error;
  }
}

/** @throws UserError `model_absent` */
export function required(found: InstalledClassifier | undefined): InstalledClassifier {
  if (found !== undefined) return found;
  throw new UserError('model_absent', t('There is no picture classifier on this disk.'), {
    hint: t('To fetch it: wuerst models pull safety'),
  });
}

/** @throws UserError `model_absent` */
export async function removeClassifier(folder: string): Promise<InstalledClassifier> {
  const found = required(await readInstalled(folder));
  await rm(folder, { recursive: true });
  return found;
}

export function nameOf({ package: name, version, model }: Pick<PublishedClassifier, 'package' | 'version' | 'model'>) {
  return `${name} ${version} ${model}`;
}
