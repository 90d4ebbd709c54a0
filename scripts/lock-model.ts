/**
 * Writes the lock file of a model folder from the bytes that are in it, for a model that ships with the program. Run with
 * `node --import tsx scripts/lock-model.ts [model folder]`.
 */
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileSizes } from '../src/models/model-files.ts';
import { type LockedFile, type LockFile, writeLock } from '../src/pipeline/hub/lock-file.ts';
import { VERSION } from '../src/pipeline/version.ts';
import { hashFile } from '../src/system/file-hash.ts';

const [folder = join(import.meta.dirname, '../data/models/cocktail')] = process.argv.slice(2);
const model = basename(folder);
const repositories: LockFile['repositories'] = {};
for (const entry of await readdir(folder, { withFileTypes: true })) {
  if (!entry.isDirectory() || entry.name.startsWith('.')) continue;
  const files: LockedFile[] = [];
  for (const path of [...(await fileSizes(join(folder, entry.name))).keys()].sort()) {
    if (path.split('/').includes('prepared')) continue;
    const { size } = await stat(join(folder, entry.name, path));
    const { sha256 } = await hashFile(join(folder, entry.name, path), size);
    files.push({ path, size, sha256 });
  }
  repositories[entry.name] = { repo: `${model}/${entry.name}`, revision: VERSION, files };
}
await writeLock(folder, { version: 1, model, endpoint: 'embedded', repositories });
