import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { pino } from 'pino';
import { z } from 'zod';
import type { Adapter, Core, Trouble } from '../src/adapters/adapter.ts';
import { History } from '../src/bot/history/history.ts';
import { readConfig } from '../src/config.ts';
import { startBot } from '../src/main.ts';
import { OperatorError } from '../src/system/errors.ts';
import { acquireLock } from '../src/system/file-lock.ts';
import { BotProcess, post, temporaryFolder } from './bot-process.ts';
import { assertEndedOnce } from './ended-once.ts';

const ENGINE = new URL('./bot/slow-engine.ts', import.meta.url).href;
const shownJob = z.object({ state: z.string(), error: z.object({ code: z.string() }).nullable() });
const accepted = z.object({ job: z.object({ id: z.string(), state: z.string() }) });

test('a bot is a page, a queue and a pipeline process over one data folder, and leaves nothing running', async (t) => {
  const folder = temporaryFolder(t);
  const config = readConfig({ WUERST_DATA: folder, WUERST_WEB_PORT: '0' });
  const logger = pino({ level: 'silent' });
  const bot = await startBot(config, { engine: ENGINE, logger, watchProcess: false });
  t.after(() => bot.stop());
  const url = bot.url ?? '';
  assert.equal((await fetch(new URL('readyz', url))).status, 200);
  const ended = new Promise<void>((resolve) => {
    bot.studio.subscribe(({ type }) => type === 'done' && resolve());
  });
  const { job } = accepted.parse(
    await post(url, 'api/rooms/lobby/commands', { text: '/wuerst a red fox n:2', user: 'ann' }),
  );
  await ended;
  const shown = z
    .object({ state: z.string(), images: z.array(z.object({ url: z.string(), actions: z.array(z.string()) })) })
    .parse(await (await fetch(new URL(`api/jobs/${job.id}`, url))).json());
  assert.equal(shown.state, 'done');
  assert.deepEqual(shown.images[1]?.actions.toSorted(), [
    ...['delete', 'favourite', 'info', 'larger', 'larger-2x', 'remix', 'reroll', 'save-preset', 'vary-strong'],
    'vary-subtle',
  ]);
  assert.equal((await fetch(new URL(shown.images[0]?.url ?? '', url))).status, 200);
  const metrics = await (await fetch(new URL('metrics', url))).text();
  assert.match(metrics, /wuerst_jobs_total\{surface="web",outcome="done"\} 1/);
  assert.match(metrics, /wuerst_pipeline_starts 1/);
  assert.match(metrics, /wuerst_data_bytes\{kind="database"\} [1-9]/);
  assert.match(metrics, /wuerst_data_free_bytes [1-9]/);
  assert.match(metrics, /wuerst_painter_images_total\{painter="this machine"\} 2/);
  assert.match(metrics, /wuerst_painter_seconds_total\{painter="this machine"\} \d/);
  assert.match(metrics, /wuerst_step_seconds_count\{stage="prior"\} 1/);
  assert.match(metrics, /wuerst_queue_wait_seconds_count\{class="web-guild"\} 1/);
  await assert.rejects(startBot(config, { engine: ENGINE, logger, watchProcess: false }), {
    code: 'lock_held',
    message: /Another process uses the data folder/,
  });
  await bot.stop();
  await assert.rejects(fetch(url));
  const again = await startBot(config, { engine: ENGINE, logger, watchProcess: false });
  assert.equal(again.studio.job(job.id)?.state, 'done');
  await again.stop();
});

test('a job that kills its pipeline process twice fails with a reason, and everybody else goes on', async (t) => {
  const config = readConfig({ WUERST_DATA: temporaryFolder(t), WUERST_WEB_PORT: '0' });
  const bot = await startBot(config, { engine: ENGINE, logger: pino({ level: 'silent' }), watchProcess: false });
  t.after(() => bot.stop());
  const url = bot.url ?? '';
  const ask = async (text: string, room: string) =>
    accepted.parse(await post(url, `api/rooms/${room}/commands`, { text, user: 'ann' })).job.id;
  const ended = new Map<string, string>();
  const all = new Promise<void>((resolve) => {
    bot.studio.subscribe(({ type, job }) => {
      if (type === 'done' || type === 'failed') ended.set(job.id, `${type} ${job.error?.code ?? ''}`);
      if (ended.size === 2) resolve();
    });
  });
  const [deadly, calm] = [await ask('die fox', 'kitchen'), await ask('calm fox', 'lobby')];
  await all;
  assert.equal(ended.get(deadly), 'failed pipeline_crashed');
  assert.equal(ended.get(calm), 'done ');
  assert.match(await (await fetch(new URL('metrics', url))).text(), /wuerst_pipeline_crashes 2/);
});

test('what keeps the bot from starting is said, and nothing of it stays behind', async (t) => {
  const folder = temporaryFolder(t);
  const config = readConfig({ WUERST_DATA: folder, WUERST_WEB_PORT: '0' });
  const options = { logger: pino({ level: 'silent' }), watchProcess: false };
  const broken = {
    surface: 'terminal' as const,
    start: async () => {
      throw new Error('no such token');
    },
    stop: async () => {},
  };
  await assert.rejects(startBot(config, { ...options, engine: ENGINE, adapters: [broken] }), /no such token/);
  const bot = await startBot(config, { ...options, engine: ENGINE });
  await bot.stop();
});

/** A platform that is lost when told so. */
class LostPlatform implements Adapter {
  readonly surface = 'terminal';
  trouble: Trouble | undefined;
  #onTrouble: () => void = () => {};

  async start(_core: Core, onTrouble: () => void = () => {}): Promise<void> {
    this.#onTrouble = onTrouble;
  }

  async stop(): Promise<void> {}

  fail(isLasting: boolean): void {
    const error = new OperatorError('token_revoked', () => 'The token was revoked.', { hint: () => 'Get a new one.' });
    this.trouble = { error, isLasting };
    this.#onTrouble();
  }
}

test('a bot whose last surface is lost ends with the reason, and goes on while another one may come back', async (t) => {
  const config = { ...readConfig({ WUERST_DATA: temporaryFolder(t) }), web: undefined };
  const [one, other] = [new LostPlatform(), new LostPlatform()];
  const options = { engine: ENGINE, logger: pino({ level: 'silent' }), watchProcess: false };
  const bot = await startBot(config, { ...options, adapters: [one, other] });
  t.after(() => bot.stop());
  const ended = assert.rejects(bot.stopped, {
    code: 'no_surface_left',
    message: /stops\. The token was revoked\./,
    hint: /new one/,
  });
  one.fail(true);
  other.fail(false);
  assert.equal(bot.pipelines[0]?.state, 'ready');
  other.fail(true);
  await ended;
  assert.equal(bot.pipelines[0]?.state, 'stopped');
});

test('a lost surface beside the web chat is told by the probe and the metrics', async (t) => {
  const config = readConfig({ WUERST_DATA: temporaryFolder(t), WUERST_WEB_PORT: '0' });
  const platform = new LostPlatform();
  const options = { engine: ENGINE, logger: pino({ level: 'silent' }), watchProcess: false };
  const bot = await startBot(config, { ...options, adapters: [platform] });
  t.after(() => bot.stop());
  const ask = (path: string) => fetch(new URL(path, bot.url));
  assert.equal((await ask('readyz')).status, 200);
  platform.fail(true);
  assert.equal((await ask('readyz')).status, 503);
  assert.match(await (await ask('readyz')).text(), /"terminal":\{"status":"not ready".*The token was revoked\./);
  const metrics = await (await ask('metrics')).text();
  assert.match(metrics, /wuerst_surface_ready\{surface="web"\} 1/);
  assert.match(metrics, /wuerst_surface_ready\{surface="terminal"\} 0/);
});

test('SIGTERM lets go of what is not done in time, and the next start goes on with it', async (t) => {
  const folder = temporaryFolder(t);
  const first = new BotProcess(t, folder);
  const url = await first.url();
  const { job } = accepted.parse(await post(url, 'api/rooms/lobby/commands', { text: 'endless fox', user: 'ann' }));
  const { job: next } = accepted.parse(await post(url, 'api/rooms/lobby/commands', { text: 'a fox', user: 'ann' }));
  await first.line(`step ${job.id}`);
  first.child.kill('SIGTERM');
  assert.deepEqual(await first.ended, { code: 0, signal: null });
  assert.ok(first.lines.includes('stopped'));
  const history = History.open({ folder });
  assert.deepEqual(
    history.jobs.waiting().map(({ job: { id }, attempts, resumed }) => [id, attempts, resumed]),
    [
      [job.id, 0, true],
      [next.id, 0, false],
    ],
  );
  history.close();
  const second = new BotProcess(t, folder);
  const address = await second.url();
  await second.line(`step ${job.id}`);
  await fetch(new URL(`api/jobs/${job.id}?user=ann`, address), { method: 'DELETE' });
  assert.ok(await second.line(`done ${next.id}`));
  const refused = new BotProcess(t, folder);
  assert.match((await refused.line('refused')) ?? '', /refused lock_held/);
  assert.equal((await refused.ended).code, 2);
});

test('however often and however the bot is told to stop, it drains and no start counts against the running job', async (t) => {
  const folder = temporaryFolder(t);
  let id = '';
  for (const signals of [['SIGHUP'], ['SIGTERM', 'SIGTERM'], ['SIGINT', 'SIGINT']] as const) {
    const bot = new BotProcess(t, folder);
    const url = await bot.url();
    if (id === '') {
      const asked = await post(url, 'api/rooms/lobby/commands', { text: 'endless fox', user: 'ann' });
      id = accepted.parse(asked).job.id;
    }
    await bot.line(`step ${id}`);
    // A terminal sends it to the pipeline process too.
    process.kill(Number((await bot.line('pipeline '))?.split(' ')[1]), signals[0]);
    for (const signal of signals) bot.child.kill(signal);
    assert.deepEqual(await bot.ended, { code: 0, signal: null });
    assert.ok(bot.lines.includes('stopped'));
    const history = History.open({ folder });
    assert.deepEqual([history.jobs.stored(id)?.job.state, history.jobs.stored(id)?.attempts], ['queued', 0]);
    history.close();
  }
});

test('a bot that has not started yet stops at once', async (t) => {
  const folder = temporaryFolder(t);
  const lock = await acquireLock(join(folder, 'pipeline.lock'));
  t.after(() => lock.release());
  const bot = new BotProcess(t, folder);
  await bot.line('starting');
  bot.child.kill('SIGTERM');
  assert.deepEqual(await bot.ended, { code: 0, signal: null });
});

test('the bot drains when npm or its shell ends without telling it', async (t) => {
  const folder = temporaryFolder(t);
  const bot = new BotProcess(t, folder, { npm_lifecycle_event: 'start' }, ['sh', '-c', '"$@"; true', 'sh']);
  const url = await bot.url();
  const asked = await post(url, 'api/rooms/lobby/commands', { text: 'endless fox', user: 'ann' });
  const { id } = accepted.parse(asked).job;
  await bot.line(`step ${id}`);
  bot.child.kill('SIGTERM');
  assert.equal(await bot.line('stopped'), 'stopped');
  await bot.ended;
  const again = new BotProcess(t, folder);
  assert.ok(await again.line(`step ${id}`));
});

test('a job is given up when its pipeline process died with the bot twice, and not when the bot alone was killed', async (t) => {
  const folder = temporaryFolder(t);
  const first = new BotProcess(t, folder);
  const url = await first.url();
  const { job } = accepted.parse(await post(url, 'api/rooms/lobby/commands', { text: 'endless fox', user: 'ann' }));
  const under = async (bot: BotProcess) => Number((await bot.line('pipeline '))?.split(' ')[1]);
  let bot = first;
  for (let round = 0; round < 3; round += 1) {
    assert.ok(await bot.line(`step ${job.id}`));
    bot.child.kill('SIGKILL');
    await bot.ended;
    bot = new BotProcess(t, folder);
    await bot.url();
  }
  for (let round = 0; round < 2; round += 1) {
    assert.ok(await bot.line(`step ${job.id}`));
    process.kill(await under(bot), 'SIGKILL');
    bot.child.kill('SIGKILL');
    await bot.ended;
    bot = new BotProcess(t, folder);
    await bot.url();
  }
  const answer = await fetch(new URL(`api/jobs/${job.id}?user=ann`, await bot.url()));
  const { state, error } = shownJob.parse(await answer.json());
  assert.equal(state, 'failed');
  assert.equal(error?.code, 'pipeline_crashed');
});

test('kill -9 at any moment: every accepted job is finished exactly once, or reported', async (t) => {
  const folder = temporaryFolder(t);
  const keys = new Map<string, string>();
  // Lines that the bot may print before it dies: at the start, amid a job, between two, while one is accepted.
  for (const [round, lines] of [1, 4, 9, 17, 2, 30, 13, 6].entries()) {
    const bot = new BotProcess(t, folder);
    const url = await bot.url();
    let left = lines;
    bot.onLine = () => {
      left -= 1;
      if (left === 0) bot.child.kill('SIGKILL');
    };
    for (let k = 0; k < 4; k += 1) {
      const key = `${round}-${k}`;
      const body = { text: `/wuerst fox ${key} n:${1 + (k % 3)}`, user: `user${k % 2}` };
      const answer = await post(url, `api/rooms/room${k % 2}/commands`, body, key).catch(() => null);
      if (answer !== null) keys.set(key, accepted.parse(answer).job.id);
    }
    await bot.ended;
  }
  const last = new BotProcess(t, folder);
  const url = await last.url();
  for (const [key, id] of keys) {
    const [, k = '0'] = key.split('-');
    const body = { text: `/wuerst fox ${key} n:${1 + (Number(k) % 3)}`, user: `user${Number(k) % 2}` };
    const again = accepted.parse(await post(url, `api/rooms/room${Number(k) % 2}/commands`, body, key));
    assert.equal(again.job.id, id, 'the same key is the same job, also after a crash');
  }
  const isOpen = ({ state }: { readonly state: string }) => state === 'queued' || state === 'running';
  while ([...(await roomJobs(url, 'room0')), ...(await roomJobs(url, 'room1'))].some(isOpen));
  last.child.kill('SIGTERM');
  await last.ended;

  const history = History.open({ folder });
  t.after(() => history.close());
  const jobs = assertEndedOnce(history, ['room0', 'room1']);
  assert.ok(keys.size >= 8 && jobs.length >= keys.size);
  assert.equal(new Set(jobs.map(({ request }) => request.prompt)).size, jobs.length, 'nothing was accepted twice');
});

async function roomJobs(url: string, room: string) {
  const response = await fetch(new URL(`api/rooms/${room}/jobs?limit=100`, url));
  return z.object({ jobs: z.array(z.object({ state: z.string() })) }).parse(await response.json()).jobs;
}
