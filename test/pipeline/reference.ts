import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Folder of the numbers to compare with: the copy here, or another set in the same format. */
export const REFERENCE = process.env.WUERST_REFERENCE ?? join(import.meta.dirname, '../fixtures/reference');

/** Folders in one part of the set, e.g. the cases of `prior`; none when the set lacks that part. */
export function foldersIn(part: string): string[] {
  const dir = join(REFERENCE, part);
  if (!existsSync(dir)) return [];
  const entries = readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return entries.map(({ name }) => join(dir, name)).sort();
}
