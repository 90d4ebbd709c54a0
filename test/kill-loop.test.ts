import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { z } from 'zod';
import { History } from '../src/bot/history/history.ts';
import { BotProcess, post, temporaryFolder } from './bot-process.ts';
import { assertEndedOnce } from './ended-once.ts';

const ROUNDS = 6;
const JOBS = 3;
const REAL = { TEST_ENGINE: 'real', WUERST_PROVIDER: 'cpu' };
const accepted = z.object({ job: z.object({ id: z.string() }) });

test('the bot or its pipeline process killed at random moments of real painting: each job ends exactly once', async (t) => {
  const folder = temporaryFolder(t);
  const keys = new Map<string, string>();
  const plan: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const victim = round % 3 === 2 ? 'pipeline' : 'bot';
    let left = randomInt(1, 40);
    plan.push(`${victim} after ${left} lines`);
    const bot = new BotProcess(t, folder, REAL);
    const url = await bot.url();
    bot.onLine = () => {
      left -= 1;
      if (left !== 0) return;
      if (victim === 'bot') bot.child.kill('SIGKILL');
      else killPipeline(bot);
    };
    for (let k = 0; k < JOBS; k += 1) {
      const id = await ask(url, `${round}-${k}`).catch(() => null);
      if (id !== null) keys.set(`${round}-${k}`, id);
    }
    if (victim === 'pipeline') await allDone(bot, [...keys.values()]);
    bot.child.kill('SIGKILL');
    await bot.ended;
  }
  const last = new BotProcess(t, folder, REAL);
  const url = await last.url();
  for (const [key, id] of keys)
    assert.equal(await ask(url, key), id, 'the same key is the same job, also after a crash');
  while (await someOpen(url));
  last.child.kill('SIGTERM');
  assert.deepEqual(await last.ended, { code: 0, signal: null });

  const history = History.open({ folder });
  t.after(() => history.close());
  t.diagnostic(plan.join(', '));
  const jobs = assertEndedOnce(history, ['room0', 'room1', 'room2']);
  assert.ok(jobs.length >= keys.size && jobs.some(({ state }) => state === 'done'));
  assert.equal(new Set(jobs.map(({ request }) => request.prompt)).size, jobs.length, 'nothing was accepted twice');
});

async function ask(url: string, key: string): Promise<string> {
  const text = `a fox ${key} size:256x256 steps:6 decoder-steps:2 n:2`;
  const body = { text, user: 'ann' };
  return accepted.parse(await post(url, `api/rooms/room${key.split('-')[1]}/commands`, body, key)).job.id;
}

/** The process that the newest start named. It may be gone already. */
function killPipeline({ lines }: BotProcess): void {
  const pid = Number(lines.findLast((line) => line.startsWith('pipeline '))?.slice('pipeline '.length));
  if (pid > 0) process.kill(pid, 'SIGKILL');
}

/** What was accepted ends while this bot lives; it says so, or dies. */
async function allDone(bot: BotProcess, ids: readonly string[]): Promise<void> {
  const isOver = (id: string) => bot.lines.includes(`done ${id}`) || bot.lines.includes(`failed ${id}`);
  const own = ids.filter((id) => bot.lines.some((line) => line.endsWith(` ${id}`)));
  for (const id of own) {
    if (!isOver(id)) await Promise.race([bot.line(`done ${id}`), bot.line(`failed ${id}`)]);
  }
}

async function someOpen(url: string): Promise<boolean> {
  const schema = z.object({ jobs: z.array(z.object({ state: z.string() })) });
  const pages = [0, 1, 2].map(async (k) => {
    const response = await fetch(new URL(`api/rooms/room${k}/jobs?limit=100`, url));
    return schema.parse(await response.json()).jobs;
  });
  return (await Promise.all(pages)).flat().some(({ state }) => state === 'queued' || state === 'running');
}
