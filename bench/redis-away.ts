/**
 * What an absence of Redis does to a real bot and two real workers of the embedded model: what is asked for meanwhile, how it ends,
 * and what people and the operator read.
 * Run with `npm run build && node --import tsx bench/redis-away.ts --seconds 60 --data lost`; it needs redis-server.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { History } from '../src/bot/history/history.ts';
import { post } from '../test/bot-process.ts';
import { ChildLines } from '../test/child-lines.ts';
import { endProblems, pictureProblems } from '../test/workers/job-checks.ts';
import { freePort, RedisServer } from '../test/workers/redis-server.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '10' }, data: { type: 'string', default: 'kept' } },
});
const SECONDS = Number(values.seconds);
const ASKED = 10;
const ROOM = 'room';
const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const shownJob = z.object({ id: z.string(), state: z.string(), position: z.number().nullable() });
const accepted = z.object({ job: shownJob });
const logged = z.object({ level: z.union([z.string(), z.number()]), msg: z.string(), hint: z.string().optional() });

const ends: (() => unknown)[] = [];
const t = { after: (end: () => unknown) => ends.push(end) };
const folder = mkdtempSync(join(tmpdir(), 'wuerst-away-'));
t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
try {
  const redis = await RedisServer.start(t);
  const [webPort, workersPort] = [await freePort(), await freePort()];
  const common = { WUERST_REDIS: redis.address.url, WUERST_LOG_FORMAT: 'json', WUERST_PROVIDER: 'cpu' };
  const bot = new ChildLines(t, [process.execPath, CLI, 'start'], {
    ...{ ...common, WUERST_DATA: folder, WUERST_PROCESSES: '0' },
    ...{ WUERST_WEB_PORT: String(webPort), WUERST_WORKERS_PORT: String(workersPort) },
  });
  const workers = ['one', 'two'].map((name) => {
    const data = join(folder, name);
    mkdirSync(data);
    const at = ['--bot', `http://127.0.0.1:${workersPort}`, '--name', name, '--data', data, '--threads', '1'];
    return new ChildLines(t, [process.execPath, CLI, 'worker', ...at], common);
  });
  const url = `http://127.0.0.1:${webPort}/`;
  await until(async () => (await fetch(new URL('readyz', url))).ok);
  let asked = 0;
  const ask = async (more = '') => {
    const text = `a panda number ${asked} on a green background seed:${100 * asked} size:256x256 steps:6 decoder-steps:3 ${more}`;
    asked += 1;
    return accepted.parse(await post(url, `api/rooms/${ROOM}/commands`, { text, user: `user${asked % 3}` }, `${asked}`))
      .job;
  };
  const state = async (id: string) => shownJob.parse(await (await fetch(new URL(`api/jobs/${id}`, url))).json());
  const isOver = async (id: string) => !['queued', 'running'].includes((await state(id)).state);

  const running = [await ask('n:8'), await ask('n:8')];
  await until(async () =>
    (await Promise.all(running.map(({ id }) => state(id)))).every((job) => job.state === 'running'),
  );
  await redis.kill();
  const [botFrom, workersFrom] = [bot.lines.length, workers.map(({ lines }) => lines.length)];
  const killedAt = performance.now();
  const waiting: z.output<typeof shownJob>[] = [];
  for (let i = 0; i < ASKED; i += 1) {
    waiting.push(await ask('n:2'));
    await sleep(Math.max(0, killedAt + (1000 * SECONDS * (i + 1)) / ASKED - performance.now()));
  }
  const meanwhile = await Promise.all([...running, ...waiting].map(({ id }) => state(id)));
  const [botTo, workersTo] = [bot.lines.length, workers.map(({ lines }) => lines.length)];
  console.log(`Redis away for ${((performance.now() - killedAt) / 1000).toFixed(1)} s, its data ${values.data}`);
  console.log(
    `at its end: ${meanwhile.map((job) => `${job.state}${job.position === null ? '' : ` ${job.position}`}`).join(', ')}`,
  );
  show('the bot', bot.lines.slice(botFrom, botTo));
  for (const [i, worker] of workers.entries()) show('a worker', worker.lines.slice(workersFrom[i], workersTo[i]));

  await redis.start({ keepData: values.data === 'kept' });
  const backAt = performance.now();
  const last = await ask('n:2');
  await until(async () => {
    const jobs = await Promise.all([...waiting, last].map(({ id }) => state(id)));
    return jobs.some((job) => job.state !== 'queued');
  });
  console.log(`first job handed over ${((performance.now() - backAt) / 1000).toFixed(1)} s after Redis was back`);
  for (const { id } of [...running, ...waiting, last]) await until(() => isOver(id));
  console.log(`all over ${((performance.now() - backAt) / 1000).toFixed(1)} s after it`);
  show('the bot', bot.lines.slice(botTo));
  for (const [i, worker] of workers.entries()) show('a worker', worker.lines.slice(workersTo[i]));

  for (const { child } of [bot, ...workers]) child.kill('SIGTERM');
  const codes = await Promise.all([bot, ...workers].map(async ({ ended }) => (await ended).code));
  console.log(`stopped with ${codes.join(', ')}`);
  const history = History.open({ folder });
  const jobs = history.lists.page({ surface: 'web', limit: 1000 });
  const starts = jobs.map(({ id }) => history.jobs.starts(id));
  const problems = [...endProblems(history, ROOM, jobs), ...(await pictureProblems(history, folder, jobs))];
  history.close();
  const done = jobs.filter(({ state: end }) => end === 'done').length;
  console.log(
    `${asked} asked for, ${jobs.length} jobs, ${done} done, started ${starts.join(', ')} times; all pictures compared with those painted alone`,
  );
  for (const problem of problems) console.log(`PROBLEM: ${problem}`);
  process.exitCode = problems.length > 0 || jobs.length !== asked || done < jobs.length ? 1 : 0;
} finally {
  for (const end of ends.reverse()) await end();
}

/** What was logged, each sentence once. */
function show(who: string, lines: readonly string[]): void {
  const said = new Map<string, number>();
  for (const line of lines) {
    const read = logged.safeParse(jsonOf(line));
    if (!read.success) continue;
    const { level, msg, hint } = read.data;
    const text = `${level} ${msg}${hint === undefined ? '' : ` ${hint}`}`;
    said.set(text, (said.get(text) ?? 0) + 1);
  }
  for (const [text, count] of said) console.log(`  ${who}${count > 1 ? ` (${count} times)` : ''}: ${text}`);
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition().catch(() => false))) await sleep(100);
}
