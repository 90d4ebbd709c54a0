import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What node needs for the files of this repository: nothing where `npm test` has compiled them. */
export const LOADER: readonly string[] = import.meta.url.endsWith('.ts')
  ? ['--import', import.meta.resolve('tsx')]
  : [];

/** The arguments with which node runs a file. @param file made with `import.meta.url`, so that it names what was compiled */
export function running(file: URL): readonly string[] {
  return [...LOADER, fileURLToPath(file)];
}

/** `wuerst`, as the terminal runs it. */
export const WUERST = running(new URL('../src/cli.ts', import.meta.url));

/** Of the repository itself, also for tests that were compiled into a copy of it. */
export const REPOSITORY = dirname(realpathSync(join(import.meta.dirname, '../package.json')));
