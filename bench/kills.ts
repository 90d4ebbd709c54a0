/**
 * Kills bot, workers, pipeline processes and Redis at random while they paint, as test/workers/kills.test.ts does, for as long as you
 * like. Run with `node --import tsx bench/kills.ts --kills 1000`; it needs redis-server.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { killAround } from '../test/workers/kills.ts';

const { values } = parseArgs({ options: { kills: { type: 'string', default: '1000' } } });
const kills = Number(values.kills);
const ends: (() => unknown)[] = [];
const folder = mkdtempSync(join(tmpdir(), 'wuerst-kills-'));
const start = performance.now();
try {
  const { jobs, killed, problems, compared } = await killAround(
    { after: (end) => ends.push(end) },
    {
      ...{ kills, folder, open: 3, compared: 100, random: Math.random },
      shares: { bot: 0.15, worker: 0.25, pipeline: 0.4, redis: 0.2 },
      onKill: (done) => {
        if (done % 10 === 0)
          console.log(`${done} of ${kills} kills after ${((performance.now() - start) / 1000).toFixed(0)} s`);
      },
    },
  );
  const done = jobs.filter(({ state }) => state === 'done').length;
  console.log(
    `killed: ${Object.entries(killed)
      .map(([victim, count]) => `${victim} ${count} times`)
      .join(', ')}`,
  );
  console.log(`${jobs.length} jobs, ${done} of them done (${((100 * done) / jobs.length).toFixed(1)} %)`);
  console.log(`pictures of ${compared} jobs compared with the same ones painted alone`);
  for (const problem of problems) console.log(`PROBLEM: ${problem}`);
  process.exitCode = problems.length > 0 || done < 0.95 * jobs.length ? 1 : 0;
} finally {
  for (const end of ends.reverse()) await end();
  rmSync(folder, { recursive: true, force: true });
}
