import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { mention, sendCommand } from './payloads.ts';
import { StandIn } from './stand-in.ts';

const CHILD = fileURLToPath(new URL('./kill-child.ts', import.meta.url));
const KILLS = 4;
const COMMANDS = 6;

test('killed again and again at any moment, every command and mention becomes one job that is shown once', {
  timeout: 60_000,
}, async (t) => {
  const standIn = await StandIn.start();
  standIn.limited = false;
  const file = join(mkdtempSync(join(tmpdir(), 'kill-')), 'core.json');
  let child: ChildProcess | null = null;
  t.after(async () => {
    child?.kill('SIGKILL');
    await standIn.close();
  });
  // Also lost answers.
  standIn.faults.push({ method: 'chat.postMessage', how: 'drop-after', times: 2 });
  standIn.faults.push({ method: 'chat.update', how: 'drop-after', times: 2 });
  standIn.faults.push({ method: 'files.completeUploadExternal', how: 'drop-after', times: 2 });

  const born = async (): Promise<ChildProcess> => {
    const process = fork(CHILD, [standIn.apiUrl, file], { execArgv: ['--import', 'tsx'], stdio: 'inherit' });
    await once(process, 'message');
    return process;
  };
  const sent: Promise<unknown>[] = [];
  for (let round = 0; round < KILLS; round++) {
    child = await born();
    const channel = standIn.channel().id;
    for (let k = 0; k < COMMANDS; k++) {
      const text = `round ${round} number ${k}`;
      sent.push(k % 2 === 0 ? sendCommand(standIn, text, { channel }) : mention(standIn, { text, channel }));
      await wait(Math.random() * 60);
    }
    // The moments worth dying in are few: between storing, posting, uploading, updating and noting.
    await wait(Math.random() * 500);
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  child = await born();
  await Promise.all(sent);
  const state = () =>
    JSON.parse(readFileSync(file, 'utf8')) as { jobs: { id: string }[]; delivered: [string, string | null][] };
  await standIn.until(() => state().delivered.length === KILLS * COMMANDS, 'all delivered');

  const { jobs, delivered } = state();
  const lines = standIn.visible().filter((message) => standIn.shownFiles(message).length === 0);
  t.diagnostic(`${jobs.length} jobs, ${lines.length} lines left behind, ${standIn.calls.length} calls`);
  assert.equal(jobs.length, KILLS * COMMANDS);
  assert.deepEqual(
    delivered.filter(([, problem]) => problem !== null),
    [],
  );
  for (const { id } of jobs) {
    const results = standIn.visible().filter((message) => message.job === id && standIn.shownFiles(message).length > 0);
    assert.equal(results.length, 1, `job ${id} is shown ${results.length} times`);
  }
  assert.deepEqual(
    standIn.keptFiles().map(({ name }) => name),
    jobs.map(() => 'a-red-fox-0.png'),
  );
  assert.deepEqual(standIn.violations, []);
});
