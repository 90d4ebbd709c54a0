import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { withoutMark } from '../../system/byte-order-mark.ts';
import { OperatorError } from '../../system/errors.ts';
import { foreignWords, reasonOf } from '../../system/foreign-words.ts';
import type { z } from '../../system/zod-mini.ts';
import { t } from '../../texts/translate.ts';
import { isLfsPointer, lfsPointerError } from './lfs-pointer.ts';

/** A folder with a `config.json`. */
export interface ConfiguredFolder {
  readonly dir: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** Reads `config.json`-like objects through a schema. @throws OperatorError naming the key, wanted and found. */
export function parseConfig<T>(schema: z.ZodMiniType<T>, { dir, config }: ConfiguredFolder, className: string): T {
  const { _class_name: found, architectures } = config;
  const classes = [found, ...(Array.isArray(architectures) ? architectures : [])].filter((name) => name !== undefined);
  if (!classes.includes(className)) {
    throw new OperatorError('class_unknown', () =>
      t('Expected class {className} in {file}, found {classes}.', {
        className,
        file: join(dir, 'config.json'),
        classes: classes.map(String).join(', ') || t('none'),
      }),
    );
  }
  const result = schema.safeParse(config, { jitless: true });
  if (result.success) return result.data;
  throw configInvalid(join(dir, 'config.json'), result.error);
}

interface Problem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Names every wrong key, in one line. */
export function configInvalid(file: string, { issues }: { readonly issues: readonly Problem[] }): OperatorError {
  const problems = () =>
    issues.map(({ path, message }) => [...(path.length > 0 ? [path.join('.')] : []), foreignWords(message)].join(': '));
  return new OperatorError('config_invalid', () =>
    t('The file {file} is not as expected: {problems}.', { file, problems: problems().join('; ') }),
  );
}

/** A folder with a `model_index.json`. */
interface Repository {
  readonly dir: string;
  readonly index: Readonly<Record<string, unknown>>;
}

/** Opens a pipeline repository and checks its class name. */
export async function openRepository(dir: string, className: string): Promise<Repository> {
  await requireFolder(dir);
  const file = join(dir, 'model_index.json');
  const index = await readJson(file);
  if (index._class_name !== className) {
    throw new OperatorError('class_unknown', () =>
      t('Expected class {className} in {file}, found {found}.', {
        className,
        file,
        found: String(index._class_name ?? t('none')),
      }),
    );
  }
  return { dir, index };
}

export async function readJson(file: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = withoutMark(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new OperatorError(
      'checkpoint_unreadable',
      () => t('Cannot read {file}: {reason}.', { file, reason: reason(cause) }),
      {
        hint: () => t('A model folder holds wuerstchen-prior/ and wuerstchen/ in the diffusers layout.'),
        cause,
      },
    );
  }
  if (isLfsPointer(text)) throw lfsPointerError(file);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (cause) {
    throw new OperatorError(
      'checkpoint_corrupt',
      () => t('The file {file} is not JSON: {reason}.', { file, reason: reasonOf(cause) }),
      {
        cause,
      },
    );
  }
  throw new OperatorError('checkpoint_corrupt', () => t('The file {file} should hold a JSON object.', { file }));
}

/** @throws OperatorError `checkpoint_missing`, `checkpoint_not_a_folder` or `checkpoint_unreadable` */
export async function requireFolder(dir: string): Promise<void> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(dir)).isDirectory();
  } catch (cause) {
    throw new OperatorError(
      'checkpoint_missing',
      () => t('There is no checkpoint at {dir}: {reason}.', { dir: dir || '""', reason: reason(cause) }),
      {
        hint: () => t('Run "wuerst models list" to see what is here, "wuerst models pull" to fetch more.'),
        cause,
      },
    );
  }
  if (!isFolder)
    throw new OperatorError('checkpoint_not_a_folder', () =>
      t('The checkpoint at {dir} is a file; a checkpoint is a folder.', { dir }),
    );
  await readdir(dir).catch((cause: unknown) => {
    throw new OperatorError(
      'checkpoint_unreadable',
      () => t('Cannot list {dir}: {reason}.', { dir, reason: reason(cause) }),
      {
        hint: () => t('This program needs to list the folder and read its files.'),
        cause,
      },
    );
  });
}

/** The code of a system error, or the error as text. */
export function reason(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
