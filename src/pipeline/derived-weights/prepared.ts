import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hashFile } from '../../system/file-hash.ts';
import { z } from '../../system/zod-mini.ts';
import type { Component, Prepared } from '../checkpoint/checkpoint.ts';
import { readHeader } from '../checkpoint/safetensors.ts';
import type { WeightRecipe } from '../checkpoint/weight-recipe.ts';
import { readRecord } from './read-record.ts';

/** To be raised when the output for the same recipes changes. */
const FORMAT = 2;

const source = z.object({ file: z.string(), size: z.number(), mtimeMs: z.number() });
const recordSchema = z.object({
  /** Of the recipes and the format. */
  recipes: z.string(),
  sources: z.array(source),
  size: z.number(),
  mtimeMs: z.number(),
  sha256: z.string(),
});
/** What a prepared file was made of; stands beside it as `<file>.json`. */
export type PreparedRecord = z.output<typeof recordSchema>;

/** The prepared weights of a component lie in a folder of their own within it. */
export function preparedFile({ dir, precision }: Component): string {
  return join(dir, 'prepared', `${precision}.safetensors`);
}

/**
 * Opens the prepared weights that graphs over `planned` asked for. No weight is read, unless the file was touched since.
 *
 * @returns null when they are not there, are not the bytes that were written, or were made of other files or by other recipes
 */
export async function openPrepared(planned: Component): Promise<Prepared | null> {
  const file = preparedFile(planned);
  const record = await readPreparedRecord(file);
  if (record?.recipes !== hashRecipes(planned.recipes)) return null;
  if (JSON.stringify(record.sources) !== JSON.stringify(await describeSources(planned))) return null;
  const found = await stat(file).catch(() => undefined);
  if (found?.size !== record.size) return null;
  if (found.mtimeMs !== record.mtimeMs && (await hashFile(file, found.size)).sha256 !== record.sha256) return null;
  const entries = await readHeader(file);
  return new Map([...entries].map(([name, entry]) => [name, { ...entry, file }]));
}

export function readPreparedRecord(file: string): Promise<PreparedRecord | undefined> {
  return readRecord(`${file}.json`, recordSchema);
}

export function hashRecipes(recipes: readonly WeightRecipe[]): string {
  return createHash('sha256')
    .update(JSON.stringify([FORMAT, recipes]))
    .digest('hex');
}

/** The checkpoint's files: a changed one has another size or another time. */
export async function describeSources({ files, dir }: Component): Promise<PreparedRecord['sources']> {
  const described = files.map(async (file) => {
    const { size, mtimeMs } = await stat(file);
    return { file: dirname(file) === dir ? basename(file) : file, size, mtimeMs };
  });
  return Promise.all(described);
}
