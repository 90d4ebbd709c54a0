import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { LOADER } from '../../program.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const PROVIDERS = JSON.stringify(new URL('../../../src/pipeline/runtime/probe.ts', import.meta.url).href);

test('onnxruntime keeps no identifier of the machine and reports nothing to its makers', async (t) => {
  const home = await temporaryFolder(t);
  const { CI: _, ORT_DISABLE_TELEMETRY: __, ...env } = process.env;
  const program = `const { probe } = await import(${PROVIDERS}); console.log((await probe('cpu')).works);`;
  const printed = execFileSync(process.execPath, [...LOADER, '--input-type=module', '--eval', program], {
    encoding: 'utf8',
    cwd: join(import.meta.dirname, '../../..'),
    env: { ...env, HOME: home, XDG_CACHE_HOME: home, TSX_DISABLE_CACHE: '1' },
  });
  assert.equal(printed.trim(), 'true');
  assert.deepEqual(await readdir(home), []);
});
