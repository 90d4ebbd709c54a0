import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Caller, JobEvent } from '../../../src/bot/job.ts';
import { SpentTime } from '../../../src/bot/jobs/spent-time.ts';
import { ManualClock } from '../../manual-clock.ts';
import { caller } from '../history/history-fixture.ts';
import { openStudio } from './studio-fixture.ts';

type Opened = Awaited<ReturnType<typeof openStudio>>;

/** What a picture of the fake painter takes in all, once it was measured. */
const PICTURE = 0.9;

/** A picture was made before, so that times are known. */
async function opened(...[t, options]: Parameters<typeof openStudio>) {
  const studio = await openStudio(t, options);
  await studio.make('a panda', caller({ user: 'zoe', room: 'attic', guild: 'attic', payer: 'attic' }));
  const used = (user = 'ann') => studio.history.usage.today('user', 'web', user).seconds;
  return { ...studio, used };
}

/** Does something in the moment in which this many pictures of a job are kept. */
function afterPictures({ studio }: Pick<Opened, 'studio'>, count: number, act: (event: JobEvent) => void): void {
  const stop = studio.subscribe((event) => {
    if (event.type !== 'image' || event.job.images.length !== count) return;
    stop();
    act(event);
  });
}

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 0.1, `${actual} s, expected about ${expected} s`);
}

for (const [n, kept] of [
  [10, 9],
  [5, 2],
] as const) {
  test(`a request for ${n} pictures that is cancelled after ${kept} is charged ${kept}, in the same place`, async (t) => {
    const bench = await opened(t);
    const { ask, click, ended, used, history } = bench;
    afterPictures(bench, kept, ({ job }) => void click(`cancel:${job.id}`));
    const job = await ended((await ask(`a panda n:${n}`)).id);
    assert.deepEqual([job.state, job.images.length], ['cancelled', kept]);
    near(used(), kept * PICTURE);
    assert.equal(history.usage.today('guild', 'web', 'lobby').seconds, used());
  });
}

test('time that a cancelled request has taken is charged, and one that never started is given back whole', async (t) => {
  const { ask, click, started, used, clock } = await opened(t);
  const job = await ask('wait for a panda');
  await started(job.id);
  clock.advance(300);
  await click(`cancel:${job.id}`);
  near(used(), 0.3);
  const waiting = await ask('a panda');
  const other = await ask('another panda');
  await click(`cancel:${other.id}`);
  assert.ok(used() <= 0.3 + PICTURE + 0.05, 'a request that never started is given back whole');
  assert.equal((await click(`cancel:${waiting.id}`).catch(() => waiting)).id, waiting.id);
});

test('a request that fails after some of its pictures is charged for them, and one that could not be kept is not', async (t) => {
  let full = false;
  const write = async (file: { writeFile(content: Uint8Array): Promise<void> }, content: Uint8Array) => {
    if (full) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    await file.writeFile(content);
  };
  const bench = await opened(t, { images: { write } });
  afterPictures(bench, 3, () => {
    full = true;
  });
  const failed = await bench.make('a panda n:4');
  assert.deepEqual([failed.state, failed.error?.code, failed.images.length], ['failed', 'disk_full', 3]);
  near(bench.used(), 3 * PICTURE);
});

test('pictures that were kept before a crash are charged with those that are made after it', async (t) => {
  const { make, used } = await opened(t);
  assert.equal((await make('crash-midway panda n:3')).images.length, 3);
  near(used(), 3 * PICTURE);
});

test('a request that is cancelled while it waits again after a crash is charged for what is kept of it', async (t) => {
  const first = await opened(t);
  let state = '';
  const stop = first.studio.subscribe((event) => {
    if (event.type !== 'queued' || event.seq === null || event.job.images.length === 0) return;
    stop();
    void first.click(`cancel:${event.job.id}`);
    state = event.job.state;
  });
  const job = await first.ended((await first.ask('crash-midway panda n:3')).id);
  assert.deepEqual([state, job.state, job.images.length], ['queued', 'cancelled', 1]);
  near(first.used(), PICTURE);
});

test("loading the model and storing a picture are nobody's time", () => {
  const clock = new ManualClock();
  const spent = new SpentTime(clock);
  const step = { type: 'step', image: null, timestep: null, preview: null, total: 2 } as const;
  const told = (stage: 'load' | 'prior', done: number) => {
    spent.hold();
    // What has to be done about it takes its time.
    clock.advance(10_000);
    spent.goOn({ ...step, stage, step: done });
  };
  clock.advance(60_000);
  told('load', 0);
  clock.advance(60_000);
  told('load', 2);
  clock.advance(1000);
  told('prior', 1);
  clock.advance(500);
  assert.equal(spent.seconds, 1.5, 'the step that is being computed counts');
  spent.hold();
  clock.advance(500);
  assert.equal(spent.seconds, 1.5);
});

test('quotas of a workspace count the direct messages that it pays for, and not those of another', async (t) => {
  const { studio, history, ask, started, painter } = await opened(t);
  const team = { surface: 'slack', guild: 'T1', payer: 'slack:team:T1', room: 'T1:C1' } as const;
  const direct = (user: string, workspace = 'T1') =>
    caller({ ...team, guild: null, room: `${workspace}:D${user}`, payer: `slack:team:${workspace}`, user });
  const first = await ask('wait for a panda', direct('ann'));
  await started(first.id);
  assert.ok(history.usage.today('guild', 'slack', 'T1').seconds > 0);
  await studio.command('settings guild-jobs:2', caller({ ...team, user: 'mo', moderator: true }));
  await ask('a panda', caller({ ...team, user: 'bob' }));
  await assert.rejects(ask('a panda', direct('cid')), {
    code: 'limit_guild_jobs',
    message: /This place has 2 of at most 2/,
  });
  await assert.rejects(ask('a panda', caller({ ...team, user: 'cid' })), { code: 'limit_guild_jobs' });
  await ask('a panda', direct('cid', 'T2'));
  await studio.command('settings guild-jobs:default guild-seconds:1', caller({ ...team, user: 'mo', moderator: true }));
  await assert.rejects(ask('a panda', direct('dan')), { code: 'limit_guild_seconds' });
  painter.release();
});

const MANY_PLACES: Readonly<Record<string, (k: number) => Partial<Caller>>> = {
  'guilds of one owner': (k) => ({ surface: 'discord', guild: `${k}`, room: `${k}1`, payer: `discord:guild:${k}` }),
  workspaces: (k) => ({ surface: 'slack', guild: `T${k}`, room: `T${k}:C1`, payer: `slack:team:T${k}` }),
  'rooms that each pay for themselves': (k) => ({ guild: `r${k}`, room: `r${k}`, payer: `r${k}` }),
};

for (const [where, of] of Object.entries(MANY_PLACES)) {
  test(`requests of one person in 30 ${where} take turns with everybody as those in one`, async (t) => {
    const { ask, painter, ended, started } = await opened(t);
    const first = await ask('wait here', caller({ user: 'zoe', room: 'attic', guild: 'attic', payer: 'attic' }));
    await started(first.id);
    const { surface = 'web' } = of(0);
    const jobs = [];
    for (let k = 0; k < 30; k += 1) jobs.push(await ask(`eve ${k}`, caller({ ...of(k), user: 'eve' })));
    const village = caller({ surface, user: 'bob', guild: 'v', room: 'v', payer: 'v' });
    for (let k = 0; k < 10; k += 1) jobs.push(await ask(`bob ${k}`, village));
    jobs.push(await ask('newcomer', caller({ surface, user: 'cid', guild: 'c', room: 'c', payer: 'c' })));
    painter.release();
    await Promise.all(jobs.map(({ id }) => ended(id)));
    const order = painter.requests.map(({ prompt }) => prompt.split(' ')[0]).slice(2);
    assert.ok(order.indexOf('newcomer') <= 3, `the newcomer waited for ${order.indexOf('newcomer')}`);
    const bobs = order.slice(0, 21).filter((who) => who === 'bob').length;
    assert.ok(bobs >= 9, `bob had ${bobs} of the first 21 turns`);
  });
}

test('who waits in many guilds does so in the same order after a restart', async (t) => {
  const people = ['ann', 'bob', 'ann', 'cid', 'ann', 'ann', 'bob', 'cid', 'ann', 'bob'];
  const fill = async (options: Parameters<typeof openStudio>[1]) => {
    const bench = await openStudio(t, { ...options, still: true });
    for (const [k, user] of people.entries()) {
      await bench.ask(`${user} ${k}`, caller({ user, guild: `g${k % 4}`, room: `g${k % 4}`, payer: `g${k % 4}` }));
    }
    return bench;
  };
  const paintAll = async (bench: Opened) => {
    const waiting = bench.history.jobs.waiting().map(({ job }) => job.id);
    bench.studio.paint();
    await Promise.all(waiting.map((id) => bench.ended(id)));
    return bench.painter.requests.map(({ prompt }) => prompt);
  };
  const before = await fill({});
  const { folder } = before;
  await before.close();
  assert.deepEqual(await paintAll(await openStudio(t, { folder, still: true })), await paintAll(await fill({})));
});
