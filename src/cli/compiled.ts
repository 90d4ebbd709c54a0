#!/usr/bin/env node
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';
import { cacheFolder } from '../system/cache-folder.ts';
import { endOnSignalsAsFirstProcess } from '../system/stop-signals.ts';

/**
 * The program as it is installed: one file, with its machine code kept from the last picture. To compile what a picture needs
 * takes longer than everything else that this program does before the first step.
 *
 * @see https://nodejs.org/api/vm.html#scriptcreatecacheddata
 */

/** Name of the bundle in `chunks`, which changes with its content. The build writes it here. */
declare const PROGRAM: string;

/** In front of the code; so many that it stays aligned. */
const CHECKSUM_BYTES = 8;
/** Of versions of Node, and of this program. */
const MOST_KEPT = 4;

// Whoever stops a container that has just been started need not wait until it is killed.
endOnSignalsAsFirstProcess();

const path = fileURLToPath(new URL(`./chunks/${PROGRAM}`, import.meta.url));
const folder = join(cacheFolder(), 'compiled');
const file = join(folder, `${PROGRAM}-${process.version}-${process.arch}`);
const isUsed = process.env.NODE_DISABLE_COMPILE_CACHE === undefined;
const cachedData = isUsed ? kept() : undefined;
const source = readFileSync(path, 'utf8');
const parameters = 'module,require,__filename,__dirname,importModule';
const script = new Script(`(function(${parameters}){${source}\n})`, {
  filename: path,
  ...(cachedData === undefined ? {} : { cachedData }),
});
const program: { exports?: { readonly done: Promise<void> } } = {};
// A script has no imports of its own.
const importModule = (name: string) => import(name.startsWith('.') ? new URL(name, `file://${path}`).href : name);
script.runInThisContext()(program, createRequire(path), path, dirname(path), importModule);
await program.exports?.done;
if (isUsed && isWorthKeeping()) keep();

/** V8 checks the version, but a damaged byte would end the process. */
function kept(): Buffer | undefined {
  try {
    const bytes = readFileSync(file);
    const code = bytes.subarray(CHECKSUM_BYTES);
    return bytes.readUInt32LE(0) === crc32(code) ? code : undefined;
  } catch {
    return undefined;
  }
}

/** What no picture has been painted with lacks most functions. */
function isWorthKeeping(): boolean {
  const isCurrent = cachedData !== undefined && !script.cachedDataRejected;
  return !isCurrent && process.argv[2] === 'imagine' && !process.exitCode;
}

/** Where the folder cannot be written, the next start compiles again. */
function keep(): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const temporary = `${file}.${process.pid}.tmp`;
    const code = script.createCachedData();
    const checksum = Buffer.alloc(CHECKSUM_BYTES);
    checksum.writeUInt32LE(crc32(code));
    writeFileSync(temporary, Buffer.concat([checksum, code]), { mode: 0o600 });
    renameSync(temporary, file);
    const age = (name: string) => statSync(join(folder, name)).mtimeMs;
    const old = readdirSync(folder).toSorted((a, b) => age(b) - age(a));
    for (const name of old.slice(MOST_KEPT)) rmSync(join(folder, name), { force: true });
  } catch {
    // Nothing is lost but time.
  }
}
