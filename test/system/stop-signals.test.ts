import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { AS_FIRST_PROCESS, firstProcess } from '../first-process.ts';
import { LOADER } from '../program.ts';

const MODULE = new URL('../../src/system/stop-signals.ts', import.meta.url).href;

test('a signal that nothing listens to ends process 1, too, and one that something listens to is left to that', async (t) => {
  const program = `
    import { endOnSignalsAsFirstProcess } from '${MODULE}';
    endOnSignalsAsFirstProcess();
    process.once('SIGHUP', () => console.log('heard'));
    setInterval(() => {}, 1000);
    console.log('up');
  `;
  const [file = '', ...args] = [...AS_FIRST_PROCESS, process.execPath, ...LOADER, '--input-type=module'];
  const child = spawn(file, [...args, '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  assert.equal(String(await once(child.stdout, 'data')), 'up\n');
  const pid = firstProcess(child);
  process.kill(pid, 'SIGHUP');
  assert.equal(String(await once(child.stdout, 'data')), 'heard\n');
  process.kill(pid, 'SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [128 + 15, null]);
});
