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
  /** Of the weights. */
  readonly bytes: number;
  /** Whether the weights are those that were written. */
  readonly intact: boolean;
}

/** The picture classifier in a folder, its weights compared with their hash; `undefined` for none. @throws OperatorError `classifier_config_invalid` */
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
  const weights = join(folder, WEIGHTS_FILE);
  const bytes = (await ifThere(stat(weights)))?.size ?? 0;
  const intact = bytes > 0 && (await hashFile(weights, bytes)).sha256 === read.data.sha256;
  return { ...read.data, folder, bytes, intact };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
