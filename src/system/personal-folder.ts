import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where this program keeps what must outlive its caches, for everything that this person runs outside of a data folder. */
export function personalFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'wuerst');
}
