import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { OperatorError } from '../../system/errors.ts';
import { hashFile } from '../../system/file-hash.ts';
import { ifThere } from '../../system/if-there.ts';
import { t } from '../../texts/translate.ts';

export const WEIGHTS_FILE = 'model.safetensors';
export const LICENCE_FILE = 'LICENSE';

/** What the network is, and where it comes from. */
const config = z.object({
  _class_name: z.literal('MobileNetV2Classifier'),
  width: z.number(),
  side: z.number(),
  classes: z.array(z.string()).readonly(),
  package: z.string(),
  version: z.string(),
  model: z.string(),
  license: z.string(),
  source: z.string(),
  /** Of the weights. */
  sha256: z.string(),
});
export type InstalledConfig = z.output<typeof config>;

export interface InstalledClassifier extends InstalledConfig {
  readonly folder: string;
  /** Of the weights; 0 where they are missing. */
  readonly bytes: number;
}

/** The picture classifier in a folder, its weights unread; `undefined` for none. @throws OperatorError `classifier_config_invalid` */
export async function readInstalled(folder: string): Promise<InstalledClassifier | undefined> {
  const path = join(folder, 'config.json');
  const text = await ifThere(readFile(path, 'utf8'));
  if (text === undefined) return undefined;
  const read = config.safeParse(parsed(text));
  if (!read.success) {
    throw new OperatorError(
      'classifier_config_invalid',
      () => t('The file {path} is not one that wuerst wrote.', { path }),
      {
        hint: () => t('Run: {command}', { command: 'wuerst models pull safety' }),
      },
    );
  }
  const bytes = (await ifThere(stat(join(folder, WEIGHTS_FILE))))?.size ?? 0;
  return { ...read.data, folder, bytes };
}

/** Whether the weights are those that were written. */
export async function isIntact({ folder, bytes, sha256 }: InstalledClassifier): Promise<boolean> {
  return bytes > 0 && (await hashFile(join(folder, WEIGHTS_FILE), bytes)).sha256 === sha256;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
