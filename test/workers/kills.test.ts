import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killAround } from './kills.ts';
import { endsOf, folderOf } from './workshop.ts';

test('bot, workers, pipeline processes and Redis killed 30 times at random: every job ends once, with the pictures that it has alone', {
  timeout: 900_000,
}, async (t) => {
  const plan: string[] = [];
  const { jobs, killed, problems, compared } = await killAround(endsOf(t), {
    ...{ kills: 30, folder: folderOf(t), open: 3, compared: 8, random: Math.random },
    shares: { bot: 0.1, worker: 0.2, pipeline: 0.5, redis: 0.2 },
    onKill: (_, victim) => plan.push(victim),
  });
  t.diagnostic(`${plan.join(', ')}: ${jobs.length} jobs, ${compared} compared`);
  assert.equal(
    Object.values(killed).reduce((sum, count) => sum + count),
    30,
  );
  assert.deepEqual(problems, []);
  const done = jobs.filter(({ state }) => state === 'done').length;
  assert.ok(done >= 0.95 * jobs.length, `${done} of ${jobs.length} are done`);
});
