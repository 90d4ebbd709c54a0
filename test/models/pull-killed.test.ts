import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { running } from '../program.ts';
import { LARGE } from './checkpoints.ts';
import { assertOnlyRightFiles, DEFAULT_FILES, partsOf } from './pulled.ts';
import { type Scene, scene } from './scene.ts';

const ENTRY = new URL('./models-entry.ts', import.meta.url);
const TOKEN = 'hf_onlyForTheHub';

function startPull(t: TestContext, env: NodeJS.ProcessEnv): ChildProcess {
  const child = spawn(process.execPath, [...running(ENTRY), 'pull'], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

/** Runs a pull until most of the largest file is on the disk, then ends it. @returns its output and how it ended */
async function endHalfway(t: TestContext, { hub, modelsDir, env }: Scene, signal: NodeJS.Signals) {
  hub.fault = ({ path }) => (path === `/${LARGE}` ? { cutAfter: 900_000, hang: () => {} } : undefined);
  const child = startPull(t, env);
  const output = Promise.all([child.stdout, child.stderr].map((stream) => (stream ? text(stream) : '')));
  while (![...partsOf(modelsDir).values()].some((size) => size > 500_000)) {
    assert.equal(child.exitCode, null, 'the pull is still running');
    await pause(5);
  }
  child.kill(signal);
  const [exitCode, endedBy] = await once(child, 'exit');
  hub.fault = () => undefined;
  return { output: (await output).join(''), exitCode, endedBy };
}

test('a pull that is killed leaves no half file under a final name, and the next one goes on', async (t) => {
  const place = await scene(t, { HF_TOKEN: TOKEN });
  const { output, endedBy } = await endHalfway(t, place, 'SIGKILL');
  assert.equal(endedBy, 'SIGKILL');
  const landed = assertOnlyRightFiles(place.hub, place.modelsDir);
  assert.ok(landed.length > 0 && !landed.includes(`wuerstchen/${LARGE}`));
  assert.match((await place.models('list')).out, /wuerstchen-v2 +partial, \d+ files missing/);
  const [there = 0] = partsOf(place.modelsDir).values();

  place.hub.seen.length = 0;
  const { error, out, err } = await place.models('pull');
  assert.equal(error, undefined);
  assert.deepEqual(assertOnlyRightFiles(place.hub, place.modelsDir), DEFAULT_FILES);
  assert.deepEqual(
    place.hub.sent(LARGE).map(({ range }) => range),
    [`bytes=${there}-`],
  );
  for (const path of landed) {
    const sent = place.hub.sent(path.split('/').slice(1).join('/'));
    assert.ok(!sent.some((request) => request.path.includes(`/${path}`)), `${path} was here already`);
  }
  assert.match(err, new RegExp(`fetching wuerstchen/${LARGE}, 1.2 MB from \\d+\\.\\d kB on`));
  assert.ok(!(output + out + err).includes(TOKEN));
  assert.deepEqual([...partsOf(place.modelsDir)], []);
});

test('a pull that is stopped with Ctrl-C keeps what it has', async (t) => {
  const place = await scene(t);
  const { exitCode, endedBy } = await endHalfway(t, place, 'SIGINT');
  assert.deepEqual([exitCode, endedBy], [1, null]);
  const [there = 0] = partsOf(place.modelsDir).values();
  place.hub.seen.length = 0;
  assert.equal((await place.models('pull')).error, undefined);
  assert.deepEqual(
    place.hub.sent(LARGE).map(({ range }) => range),
    [`bytes=${there}-`],
  );
});
