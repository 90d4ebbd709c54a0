/**
 * The bot with 1, 2 and 4 workers whose engine only waits as long as an accelerator would compute: throughput against linear, the
 * delay of a hand-over (from the bot's decision until it hears that the worker's pipeline process has begun, so there and back), and what
 * a job costs Redis and the database.
 * Run with `node --import tsx bench/machines.ts`; it needs redis-server.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { History } from '../src/bot/history/history.ts';
import { isOver } from '../src/bot/job.ts';
import { Painters } from '../src/bot/jobs/painters.ts';
import { createStudio } from '../src/bot/studio/studio.ts';
import { VERSION } from '../src/pipeline/version.ts';
import { createLogger } from '../src/system/logging.ts';
import { ownBotId } from '../src/workers/bot/bot-id.ts';
import { startWorkforce } from '../src/workers/bot/workforce.ts';
import { RedisServer } from '../test/workers/redis-server.ts';
import { WorkerProcess } from '../test/workers/worker-process.ts';

const { values } = parseArgs({
  options: { jobs: { type: 'string', default: '100' }, workers: { type: 'string', default: '1,2,4' } },
});
/** A job of one picture; each computes for 2.6 s. */
const TEXT = 'a panda on a green background size:256x256 steps:28 decoder-steps:20';
const SECONDS = (28 * 50 + 20 * 60) / 1000;

interface Row {
  readonly workers: number;
  readonly jobsPerSecond: number;
  readonly handOverP50: number;
  readonly handOverP99: number;
  /** As each worker's first is: nothing of it is compiled yet, in no process. */
  readonly handOverMost: number;
  readonly redisCommands: number;
  readonly writes: number;
}

const rows: Row[] = [];
for (const count of values.workers.split(',').map(Number)) rows.push(await measured(count, Number(values.jobs)));
const [first] = rows;
for (const row of rows) {
  const share = first === undefined ? 0 : row.jobsPerSecond / row.workers / (first.jobsPerSecond / first.workers);
  console.log(
    `${row.workers} workers: ${row.jobsPerSecond.toFixed(3)} jobs/s (${(row.jobsPerSecond * SECONDS).toFixed(2)} of ${row.workers} accelerators busy, ${share.toFixed(3)} of linear), ` +
      `hand-over p50 ${row.handOverP50.toFixed(0)} ms, p99 ${row.handOverP99.toFixed(0)} ms, at most ${row.handOverMost.toFixed(0)} ms, ` +
      `a job: ${row.redisCommands.toFixed(1)} Redis commands, ${row.writes.toFixed(1)} transactions of the database`,
  );
}

async function measured(count: number, jobsEach: number): Promise<Row> {
  const ends: (() => unknown)[] = [];
  const t = { after: (end: () => unknown) => ends.push(end) };
  const folder = mkdtempSync(join(tmpdir(), 'wuerst-machines-'));
  try {
    // As docs/workers.md sets it up: what Redis keeps need not survive its machine.
    const redis = await RedisServer.start(t, ['appendonly no']);
    const history = History.open({ folder });
    // Its log is read at the end for what was written.
    history.database.pragma('wal_autocheckpoint = 0');
    const painters = new Painters();
    const logger = createLogger({ level: 'silent', secrets: [] });
    const studio = createStudio({ history, painters, version: VERSION, logger });
    const force = await startWorkforce({
      ...{ redis: redis.address, host: '127.0.0.1', port: 0, bot: ownBotId(history), painters, logger, lookMs: 1000 },
      info: () => painters.weights ?? undefined,
      orders: () => ({}),
      loras: () => [],
    });
    const workers = Array.from({ length: count }, (_, i) => {
      const engine = new URL('./simulated-engine.ts', import.meta.url).href;
      const near = { redis: redis.address.url, bot: force.url, name: `w${i}`, data: mkdtempSync(join(folder, 'w-')) };
      return new WorkerProcess(t, { ...near, engine, model: 'simulated', timing: {} });
    });
    await studio.open();
    studio.paint();
    while (painters.all.filter(({ ready }) => ready).length < count)
      await new Promise((resolve) => painters.once('changed', () => resolve(undefined)));
    const startedAt = new Map<string, number>();
    const delays: number[] = [];
    const total = jobsEach * count;
    let asked = 0;
    let over = 0;
    const ask = () => {
      asked += 1;
      return studio.command(`${TEXT} seed:${asked}`, guest(`guild ${asked % 10}`));
    };
    let finished = () => {};
    const all = new Promise<void>((resolve) => {
      finished = resolve;
    });
    studio.subscribe(({ type, job }) => {
      if (type === 'started') startedAt.set(job.id, performance.now());
      const since = startedAt.get(job.id);
      if (type === 'step' && since !== undefined) {
        delays.push(performance.now() - since);
        startedAt.delete(job.id);
      }
      if (isOver(job) && type !== 'step' && type !== 'image') {
        over += 1;
        if (asked < total) void ask();
        if (over === total) finished();
      }
    });
    const commitsBefore = commitsOf(history);
    const commands = await countCommands(t, redis.port);
    const start = performance.now();
    // Enough that one waits for each worker; then another for each that ends.
    while (asked < Math.min(total, 2 * count)) await ask();
    await all;
    const seconds = (performance.now() - start) / 1000;
    delays.sort((a, b) => a - b);
    const at = (share: number) => delays[Math.min(delays.length - 1, Math.floor(share * delays.length))] ?? Number.NaN;
    const row = {
      workers: count,
      jobsPerSecond: total / seconds,
      handOverP50: at(0.5),
      handOverP99: at(0.99),
      handOverMost: at(1),
      redisCommands: commands() / total,
      writes: (commitsOf(history) - commitsBefore) / total,
    };
    for (const { child } of workers) child.kill('SIGKILL');
    await Promise.all([studio.close(0), force.stop(0)]);
    history.close();
    return row;
  } finally {
    for (const end of ends.reverse()) await end();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Counts the commands of clients from now on; what their scripts call is part of them. */
async function countCommands(t: { after(end: () => unknown): void }, port: number): Promise<() => number> {
  const redis = new Redis(port);
  const monitor = await redis.monitor();
  redis.disconnect();
  monitor.on('error', () => {});
  t.after(() => monitor.disconnect());
  let count = 0;
  monitor.on('monitor', (_time: string, _args: readonly string[], source: string) => {
    if (source !== 'lua') count += 1;
  });
  return () => count;
}

/** Transactions that have changed the database: the frames of its log that end one. */
function commitsOf({ database }: History): number {
  const log = readFileSync(`${database.path}-wal`);
  const pageBytes = log.readUInt32BE(8);
  const salt = log.subarray(16, 24);
  let commits = 0;
  for (let at = 32; at + 24 <= log.length; at += 24 + pageBytes) {
    if (log.subarray(at + 8, at + 16).equals(salt) && log.readUInt32BE(at + 4) > 0) commits += 1;
  }
  return commits;
}

function guest(room: string) {
  return {
    surface: 'web' as const,
    ...{ user: room, name: room, room, guild: room, payer: room, moderator: true, ageRestricted: false },
  };
}
