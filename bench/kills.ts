/**
 * Kills bot, workers, pipeline processes and Redis at random while they paint, as test/workers/kills.test.ts does, for as long as you
 * like: in rounds, after each of which everything is checked, so that one that is cut off has shown something.
 * Run with `node --import tsx bench/kills.ts --kills 1000`; it needs redis-server. The folder of a round with problems is kept.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type KillReport, killAround } from '../test/workers/kills.ts';

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '1000' }, round: { type: 'string', default: '50' } },
});
const kills = Number(values.kills);
const perRound = Number(values.round);
/** Jobs of a round whose pictures are painted again alone. */
const COMPARED = 20;

const start = performance.now();
const killed = { bot: 0, worker: 0, pipeline: 0, redis: 0 };
let jobs = 0;
let done = 0;
let compared = 0;
let problems = 0;
for (let made = 0; made < kills; made += perRound) {
  const report = await round(Math.min(perRound, kills - made));
  for (const victim of ['bot', 'worker', 'pipeline', 'redis'] as const) killed[victim] += report.killed[victim];
  jobs += report.jobs.length;
  done += report.jobs.filter(({ state }) => state === 'done').length;
  compared += report.compared;
  problems += report.problems.length;
  const sum = Object.values(killed).reduce((all, count) => all + count, 0);
  const victims = Object.entries(killed).map(([victim, count]) => `${victim} ${count}`);
  console.log(
    `${sum} of ${kills} kills (${victims.join(', ')}) after ${((performance.now() - start) / 1000).toFixed(0)} s: ` +
      `${jobs} jobs, ${done} done (${((100 * done) / jobs).toFixed(1)} %), pictures of ${compared} compared with those painted alone, ` +
      `${problems === 0 ? 'all held' : `${problems} PROBLEMS`}`,
  );
}
process.exitCode = problems > 0 || done < 0.95 * jobs ? 1 : 0;

async function round(count: number): Promise<KillReport> {
  const ends: (() => unknown)[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'wuerst-kills-'));
  try {
    const report = await killAround(
      { after: (end) => ends.push(end) },
      {
        ...{ kills: count, folder, open: 6, compared: COMPARED, random: Math.random },
        shares: { bot: 0.15, worker: 0.25, pipeline: 0.4, redis: 0.2 },
      },
    );
    for (const problem of report.problems) console.log(`PROBLEM: ${problem}`);
    if (report.problems.length > 0) console.log(`kept: ${folder}`);
    else ends.unshift(() => rmSync(folder, { recursive: true, force: true }));
    return report;
  } finally {
    for (const end of ends.reverse()) await end();
  }
}
