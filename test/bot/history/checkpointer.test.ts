import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startCheckpointer } from '../../../src/bot/history/checkpointer.ts';
import { newJob, openHistory, temporaryFolder } from './history-fixture.ts';

test('what was written is in the database file when the thread has stopped, and the main thread moved none of it', async (t) => {
  const { history, folder } = openHistory(t);
  const path = join(folder, 'wuerst.db');
  const problems: unknown[] = [];
  const checkpointer = startCheckpointer({ path, onProblem: (error) => problems.push(error) });
  const before = statSync(path).size;
  for (let k = 0; k < 200; k++) history.jobs.accept(newJob());
  assert.equal(statSync(path).size, before);
  await checkpointer.stop();
  assert.ok(statSync(path).size > before);
  assert.deepEqual(problems, []);
});

test('what a person erases is in no file right away, also while the thread works', async (t) => {
  const { history, folder } = openHistory(t);
  const path = join(folder, 'wuerst.db');
  const checkpointer = startCheckpointer({ path, onProblem: assert.ifError });
  const { job } = history.jobs.accept(newJob());
  history.jobs.cancel(job.id, { code: 'cancelled', message: 'Cancelled.' });
  history.personalData.erase(job.caller.surface, job.caller.user);
  for (const file of [path, `${path}-wal`]) assert.equal(readFileSync(file).includes(job.request.prompt), false);
  await checkpointer.stop();
});

test('a thread that cannot open the file says so once, and stops', async (t) => {
  const problems: unknown[] = [];
  const path = join(temporaryFolder(t), 'missing.db');
  const checkpointer = startCheckpointer({ path, onProblem: (error) => problems.push(error) });
  await checkpointer.stop();
  assert.deepEqual(problems.map(String), ['Error: unable to open database file']);
});
