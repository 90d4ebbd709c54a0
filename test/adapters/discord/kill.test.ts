import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { sendCommand } from './payloads.ts';
import { StandIn, type StoredMessage } from './stand-in.ts';

const CHILD = fileURLToPath(new URL('./kill-child.ts', import.meta.url));
const KILLS = 8;

function resultsOf(messages: readonly StoredMessage[], job: string): StoredMessage[] {
  return messages.filter(
    (m) => m.embeds[0]?.footer?.text === job && m.attachments.some((a) => a.filename.startsWith('a-')),
  );
}

test('killed again and again at any moment, every job is shown once and none twice', { timeout: 60_000 }, async (t) => {
  const standIn = await StandIn.start();
  const file = join(mkdtempSync(join(tmpdir(), 'kill-')), 'core.json');
  let child: ChildProcess | null = null;
  t.after(async () => {
    child?.kill('SIGKILL');
    await standIn.close();
  });
  const channel = standIn.channel().id;
  // Also lost answers: to deferring, to edits, to posts.
  standIn.faults.push({ method: 'PATCH', path: /./, how: 'drop-after', times: 3 });
  standIn.faults.push({ method: 'POST', path: /callback$/, how: 'drop-after', times: 2 });

  const born = async (): Promise<ChildProcess> => {
    const process = fork(CHILD, [standIn.apiBase, file], { execArgv: ['--import', 'tsx'], stdio: 'inherit' });
    await once(process, 'message');
    return process;
  };
  for (let round = 0; round < KILLS; round++) {
    child = await born();
    for (let k = 0; k < 4; k++) {
      sendCommand(standIn, 'wuerst', { prompt: `round ${round} number ${k}` }, { channel });
      await wait(Math.random() * 60);
    }
    // The moments worth dying in are few: between storing, answering, editing and noting.
    await wait(Math.random() * 250);
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  child = await born();
  const state = () =>
    JSON.parse(readFileSync(file, 'utf8')) as { jobs: { id: string }[]; delivered: [string, string | null][] };
  await standIn.until(
    () => state().jobs.length > 0 && state().delivered.length === state().jobs.length,
    'all delivered',
  );

  const { jobs, delivered } = state();
  t.diagnostic(`${jobs.length} jobs, ${standIn.messages.size} messages, ${standIn.requests.length} requests`);
  assert.ok(jobs.length >= KILLS, `${jobs.length} jobs`);
  assert.deepEqual(
    delivered.filter(([, problem]) => problem !== null),
    [],
  );
  for (const { id } of jobs) {
    const results = resultsOf(standIn.visible(), id);
    assert.equal(results.length, 1, `job ${id} is shown ${results.length} times`);
    assert.equal(results[0]?.attachments.length, 1);
  }
  assert.deepEqual(standIn.violations, []);
});
