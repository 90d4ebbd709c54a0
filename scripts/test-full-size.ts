/**
 * Tests everything that only shows at the published model's full size, on seeded random weights. Looks first whether disk
 * and memory suffice, then writes the checkpoints, which stay for the next time.
 *
 * usage: npm run test:full-size
 *
 * WUERST_FULL_SIZE names the folder; otherwise it is in the user's cache.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { freemem, homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { byteSize } from '../src/system/byte-size.ts';
import { checkSpace } from '../src/system/disk.ts';
import { fileOf, PARTS, sizeOf, writeFullSize } from './full-size/full-size-model.ts';

/** The largest network with its working memory, twice: some tests compare two of the same. */
const MEMORY = 12e9;
/** Two mixes of styles and the networks in other precisions. */
const BESIDE = 16e9;

const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
const dir = resolve(process.env.WUERST_FULL_SIZE ?? join(cache, 'wuerst/full-size'));
const tests = join(import.meta.dirname, '../test/full-size');

let missing = BESIDE;
for (const part of PARTS) {
  const { bytes } = sizeOf(part, 'F32');
  const there = await stat(join(dir, fileOf(part, 'F32'))).catch(() => undefined);
  if (there?.size !== bytes) missing += bytes;
}
try {
  await checkSpace(dir, missing);
} catch (error) {
  stop(`${(error as Error).message}. WUERST_FULL_SIZE may name a folder on another disk.`);
}
if (freemem() < MEMORY) {
  stop(`${byteSize(MEMORY)} of memory are needed, ${byteSize(freemem())} are free. Close what else uses it.`);
}
for await (const { path, written } of writeFullSize(dir, { parts: PARTS })) {
  console.log(`${written ? 'wrote' : 'there is'} ${path}`);
}
const files = readdirSync(tests)
  .filter((name) => name.endsWith('.full-size.ts'))
  .sort()
  .map((name) => join(tests, name));
const { status } = spawnSync(
  process.execPath,
  ['--import', 'tsx', '--test', '--test-concurrency=1', '--test-reporter=spec', ...files],
  { stdio: 'inherit', env: { ...process.env, WUERST_FULL_SIZE: dir } },
);
process.exitCode = status ?? 1;

function stop(why: string): never {
  console.error(why);
  process.exit(2);
}
