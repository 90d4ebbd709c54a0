import { resolve } from 'node:path';
import { t } from '../texts/translate.ts';
import { OperatorError } from './errors.ts';

/** Adds the variables of `.env` in this folder to the environment, except those that are set. The file may be missing. */
export function loadDotEnv(folder: string = process.cwd()): void {
  const path = resolve(folder, '.env');
  try {
    process.loadEnvFile(path);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return;
    throw new OperatorError('env_unreadable', () => t('The file {path} cannot be read.', { path }), { cause });
  }
}
