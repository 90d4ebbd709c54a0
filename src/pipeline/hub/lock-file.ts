import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { OperatorError } from '../../system/errors.ts';
import { reasonOf } from '../../system/foreign-words.ts';
import { ifThere } from '../../system/if-there.ts';
import { writeJson } from '../../system/write-json.ts';
import { t } from '../../texts/translate.ts';

const NAME = 'wuerst.lock.json';
const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
const inside = z
  .string()
  .refine((path) => !path.startsWith('/') && !/[\\:]/.test(path) && !path.split('/').includes('..'));

const lockSchema = z.object({
  version: z.literal(1),
  model: z.string(),
  /** Where everything below was read from. */
  endpoint: z.string(),
  /** Precision variant that was asked for, e.g. `fp16`. */
  variant: z.string().optional(),
  /** By folder inside the model folder. */
  repositories: z.record(
    inside,
    z.object({
      repo: z.string(),
      /** Commit on the hub. */
      revision: z.string(),
      /** A pull was interrupted: files that are not listed here are missing or of another revision. */
      unfinished: z.boolean().optional(),
      files: z.array(
        z.object({
          path: inside,
          size: z.int().nonnegative(),
          sha256: hex(64),
          /** Files the hub keeps in git itself are checked by git's blob id; their sha256 is that of the checked bytes. */
          gitOid: hex(40).optional(),
        }),
      ),
    }),
  ),
});

/** What was fetched into a model folder, as the hub described it at that time. */
export type LockFile = z.output<typeof lockSchema>;
export type LockedRepository = LockFile['repositories'][string];
export type LockedFile = LockedRepository['files'][number];

/** @returns undefined if the model folder has none: it is embedded or was copied by hand */
export async function readLock(modelFolder: string): Promise<LockFile | undefined> {
  const path = join(modelFolder, NAME);
  const text = await ifThere(readFile(path, 'utf8')).catch((cause: Error) => {
    throw new OperatorError(
      'lock_unreadable',
      () => t('Cannot read {path}: {reason}.', { path, reason: reasonOf(cause) }),
      { cause },
    );
  });
  if (text === undefined) return undefined;
  try {
    return lockSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new OperatorError(
      'lock_invalid',
      () => t('The file {path} is not a lock file that wuerst wrote.', { path }),
      {
        hint: () => t('Delete it and run "{command}" again: intact files are kept.', { command: 'wuerst models pull' }),
        cause,
      },
    );
  }
}

export async function writeLock(modelFolder: string, lock: LockFile): Promise<void> {
  await writeJson(join(modelFolder, NAME), lock);
}

/** Whether a file may be of another revision than its repository, because a pull was interrupted before it. */
export function isOutdated(lock: LockFile | undefined, folder: string, path: string): boolean {
  const repository = lock?.repositories[folder];
  return repository?.unfinished === true && !repository.files.some((file) => file.path === path);
}
