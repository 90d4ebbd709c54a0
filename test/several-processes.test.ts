import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Caller, Job, JobEvent } from '../src/bot/job.ts';
import { readConfig } from '../src/config.ts';
import { startBot } from '../src/main.ts';
import { createLogger } from '../src/system/logging.ts';
import { jobIn } from './bot/studio/studio-fixture.ts';
import { temporaryFolder } from './bot-process.ts';
import { HeldPainting } from './held-painting.ts';

const REQUESTS = ['a panda on a green background seed:7 n:1', 'a rocket in space seed:8 n:1'];
const SETTINGS = 'size:256x256 steps:20 decoder-steps:6';

async function botWith(t: TestContext, env: Readonly<Record<string, string>>) {
  const painting = new HeldPainting(t);
  const bot = await startBot(
    readConfig({ WUERST_DATA: temporaryFolder(t), WUERST_WEB_PORT: '0', WUERST_PROVIDER: 'cpu', ...env }),
    { engine: painting.engine, logger: createLogger({ level: 'silent', secrets: [] }), watchProcess: false },
  );
  t.after(() => bot.stop());
  const events: JobEvent[] = [];
  const listeners = new Set<() => void>();
  const look = () => {
    for (const listener of listeners) listener();
  };
  bot.painters.on('changed', look);
  bot.studio.subscribe((event) => {
    events.push(event);
    look();
  });
  /** Resolves when something holds, which is looked at after each event. */
  const until = <T>(what: () => T | undefined) =>
    new Promise<T>((resolve) => {
      const look = () => {
        const found = what();
        if (found === undefined) return;
        listeners.delete(look);
        resolve(found);
      };
      listeners.add(look);
      look();
    });
  const ask = async (text: string, user: string) =>
    jobIn(await bot.studio.command(`${text} ${SETTINGS}`, callerOf(user))).id;
  const ended = (id: string) =>
    until((): Job | undefined => {
      const job = bot.studio.job(id);
      return job?.finishedAt === null ? undefined : (job ?? undefined);
    });
  return { bot, events, until, ask, ended, painting };
}

function callerOf(user: string): Caller {
  const place = { room: user, guild: user, payer: user };
  return { surface: 'web', user, name: user, ...place, moderator: false, ageRestricted: false };
}

function hashes({ images }: Job): readonly string[] {
  return images.map(({ hash }) => hash);
}

test('of two processes one is killed in the middle of a job: both jobs end once, with the pictures of one process', async (t) => {
  const alone = await botWith(t, { WUERST_THREADS: '1' });
  const wanted = [];
  for (const [index, text] of REQUESTS.entries()) {
    wanted.push(hashes(await alone.ended(await alone.ask(text, `user${index}`))));
  }
  const { bot, events, until, ask, ended, painting } = await botWith(t, { WUERST_THREADS: '2', WUERST_PROCESSES: '2' });
  await until(() => (bot.painters.free().length === 2 ? true : undefined));
  painting.holdAt('prior');
  const ids: string[] = [];
  for (const [index, text] of REQUESTS.entries()) ids.push(await ask(text, `user${index}`));
  const isUnderWay = () => events.some(({ type, job }) => type === 'step' && job.id === ids[1]);
  const second = await until(() => (isUnderWay() ? bot.pipelines[1] : undefined));
  assert.equal(second.state, 'busy', 'the second job has a process of its own');
  process.kill(second.pid ?? 0, 'SIGKILL');
  painting.goOn();
  const jobs = [];
  for (const id of ids) jobs.push(await ended(id));
  assert.deepEqual(jobs.map(hashes), wanted);
  for (const id of ids) {
    const told = events.filter(({ type, job }) => job.id === id && ['image', 'done', 'failed'].includes(type));
    assert.deepEqual(
      told.map(({ type }) => type),
      ['image', 'done'],
    );
  }
  const starts = ids.map((id) => events.filter(({ type, job }) => type === 'started' && job.id === id).length);
  assert.deepEqual(starts, [1, 2], 'only the job of the killed one was started again');
  assert.deepEqual(
    bot.pipelines.map(({ crashes }) => crashes),
    [0, 1],
  );
  await until(() => (bot.painters.free().length === 2 ? true : undefined));
});

test('of two processes that share a request one is killed: it ends once, with the pictures of one process', async (t) => {
  const text = 'a cat on a blue background seed:40 n:4';
  const alone = await botWith(t, { WUERST_THREADS: '1' });
  const wanted = hashes(await alone.ended(await alone.ask(text, 'ann')));
  const { bot, events, until, ask, ended, painting } = await botWith(t, { WUERST_THREADS: '2', WUERST_PROCESSES: '2' });
  await until(() => (bot.painters.free().length === 2 ? true : undefined));
  painting.holdAt('prior');
  const id = await ask(text, 'ann');
  const showsAll = (event: JobEvent) => event.type === 'step' && event.previewOf?.length === 4;
  const second = await until(() => (events.some(showsAll) ? bot.pipelines[1] : undefined));
  assert.equal(second.state, 'busy', 'both work on it, and what they make is shown together');
  process.kill(second.pid ?? 0, 'SIGKILL');
  painting.goOn();
  const job = await ended(id);
  assert.deepEqual(hashes(job), wanted);
  const told = events.filter((event) => event.job.id === id && event.seq !== null).map(({ type }) => type);
  assert.equal(told.filter((type) => type === 'image').length, 4);
  assert.deepEqual(
    told.filter((type) => type === 'started' || type === 'done'),
    ['started', 'started', 'done'],
  );
});
