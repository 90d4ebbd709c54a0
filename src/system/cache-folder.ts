import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where this program keeps what it can make or fetch again, for everything that this person runs. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'wuerst');
}
