import { readFile } from 'node:fs/promises';
import type { z } from '../../system/zod-mini.ts';

/** @returns undefined for a file that is missing or damaged: the work that it describes is done again */
export async function readRecord<T>(path: string, schema: z.ZodMiniType<T>): Promise<T | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}
