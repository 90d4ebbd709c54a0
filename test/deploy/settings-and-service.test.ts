import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseEnv } from 'node:util';
import { readConfig, VARIABLES } from '../../src/config.ts';
import { envExample } from '../../src/system/env-example.ts';

const ROOT = join(import.meta.dirname, '../..');

test('.env.example has every setting as it is now: npm run env-example writes it', async () => {
  const written = await readFile(join(ROOT, '.env.example'), 'utf8');
  assert.equal(written, envExample(VARIABLES));
  assert.deepEqual({ ...parseEnv(written) }, {});
});

test('with every # before a setting removed, it is a file of empty settings, which count as not set', async () => {
  const filled = (await readFile(join(ROOT, '.env.example'), 'utf8')).replace(/^# (?=[A-Z][A-Z_]+=$)/gm, '');
  const settings = parseEnv(filled);
  assert.deepEqual(Object.keys(settings).toSorted(), VARIABLES.map(({ name }) => name).toSorted());
  assert.deepEqual(readConfig(settings), readConfig({}));
});

test('systemd accepts the service without a complaint', () => {
  const { status, stdout, stderr } = spawnSync(
    'systemd-analyze',
    ['verify', '--man=no', join(ROOT, 'wuerst.service')],
    { encoding: 'utf8' },
  );
  const complaints = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('wuerst.service'));
  assert.deepEqual(complaints, []);
  assert.equal(status, 0, stderr);
});

test("the service keeps its data where WUERST_DATA says, and waits longer than the bot's own deadline", async () => {
  const service = await readFile(join(ROOT, 'wuerst.service'), 'utf8');
  const [, state = ''] = /^StateDirectory=(\w+)$/m.exec(service) ?? [];
  assert.ok(service.includes(`WUERST_DATA=/var/lib/${state} `));
  assert.ok(service.includes(`WUERST_MODELS=/var/lib/${state}/models\n`), 'the package is not for writing');
  const [, seconds = ''] = /^TimeoutStopSec=(\d+)$/m.exec(service) ?? [];
  assert.ok(Number(seconds) * 1000 > readConfig({}).drainMs + 10_000);
  assert.match(
    service,
    /^OOMPolicy=continue$/m,
    'else systemd ends the bot when the kernel ends a process that paints',
  );
});
