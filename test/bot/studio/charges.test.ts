import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Caller, type JobEvent, personalPayer, ruledBy } from '../../../src/bot/job.ts';
import { SpentTime } from '../../../src/bot/jobs/spent-time.ts';
import { openSqlite } from '../../../src/system/sqlite.ts';
import { ManualClock } from '../../manual-clock.ts';
import { caller } from '../history/history-fixture.ts';
import { imageOf, openStudio } from './studio-fixture.ts';

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

test('a newcomer starts after one request of each guild and of each person who waits elsewhere too, whoever asked before', async (t) => {
  const { studio, ask, history } = await openStudio(t, { still: true });
  const at = (user: string, guild: string) =>
    caller({ surface: 'discord', user, guild, room: `${guild}1`, payer: `discord:guild:${guild}` });
  const asked = fc.array(fc.tuple(fc.nat({ max: 4 }), fc.nat({ max: 6 }), fc.integer({ min: 1, max: 3 })), {
    maxLength: 40,
  });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(asked, async (requests) => {
      run += 1;
      for (const [person, guild, n] of requests) await ask(`a panda n:${n}`, at(`person ${person}`, `${guild}`));
      const newcomer = await ask('a panda', at(`newcomer ${run}`, `new ${run}`));
      const { position } = studio.queuePosition(newcomer.id);
      const waiting = history.jobs.waiting();
      const before = waiting.filter(({ job }) => (studio.queuePosition(job.id).position ?? 0) < (position ?? 0));
      const shares = before.map(({ job, queuePayer }) => queuePayer ?? job.caller.payer);
      assert.equal(new Set(shares).size, shares.length, shares.join());
      for (const { job } of waiting) await studio.act(`cancel:${job.id}`, job.caller);
    }),
    { numRuns: 25 },
  );
});

test('a name that looks like that of a guild pays for a person all the same', () => {
  const payer = personalPayer('web', 'x:guild:lobby');
  assert.equal(ruledBy({ guild: null, payer }), null);
  assert.equal(ruledBy({ guild: null, payer: 'slack:team:T1' }), 'T1');
});

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

/** Pictures that the pipeline was asked for, without those of other people's requests. */
function paintings(painter: Opened['painter']): number {
  return painter.requests.flatMap(({ images }) => images).length;
}

/** A chain of pictures, each made from the one before, whose last one waits to be varied while all are deleted. */
async function deletedChain(bench: Opened, { length, n }: { readonly length: number; readonly n: number }) {
  const { ask, make, click, ended, started, painter } = bench;
  let newest = await make(`a panda size:256x256 n:${n}`);
  const chain = [newest];
  // Larger makes one picture; the embedding of what was enlarged is in no seed.
  const verbs = n === 1 ? ['larger', 'vary-strong'] : ['vary-subtle'];
  for (let k = 1; k < length; k += 1) {
    newest = await ended((await click(`${verbs[Math.min(k, verbs.length) - 1]}:${imageOf(newest)}`)).id);
    chain.push(newest);
  }
  const busy = await ask('wait here', caller({ user: 'zoe', room: 'attic', guild: 'attic', payer: 'attic' }));
  await started(busy.id);
  const last = await click(`vary-subtle:${imageOf(newest)}`);
  for (const job of chain) await bench.studio.act(`delete:${job.id}`, caller());
  return { last, release: () => painter.release(), busy };
}

for (const [length, n] of [
  [3, 1],
  [5, 4],
] as const) {
  test(`a variation whose ${length} parents are deleted while it waits pays for painting them again, once`, async (t) => {
    const bench = await opened(t);
    const { last, release, busy } = await deletedChain(bench, { length, n });
    const before = { painted: paintings(bench.painter), used: bench.used() };
    const reserved = bench.history.jobs.stored(last.id)?.estimate ?? Number.NaN;
    release();
    await bench.ended(busy.id);
    const job = await bench.ended(last.id);
    const painted = paintings(bench.painter) - before.painted;
    assert.equal(job.state, 'done');
    assert.ok(painted <= length + job.request.n, `${painted} paintings`);
    near(bench.used() - (before.used - reserved), painted * PICTURE);
  });
}

test('parents that would be painted again without end are refused, and nothing is painted or charged', async (t) => {
  const bench = await opened(t);
  const { make, click, ended, history, folder, used } = bench;
  let job = await make('a panda size:128x128');
  for (let k = 0; k < 14; k += 1) job = await ended((await click(`vary-subtle:${imageOf(job)}`)).id);
  const sqlite = openSqlite(`${folder}/wuerst.db`);
  sqlite.exec('UPDATE recipes SET embedding = NULL, embedding_dims_json = NULL');
  sqlite.close();
  const before = { painted: paintings(bench.painter), used: used() };
  await assert.rejects(click(`vary-subtle:${imageOf(job)}`), {
    code: 'parents_deleted',
    message: /more than 10 pictures/,
  });
  assert.equal(history.images.file(imageOf(job))?.state, 'present');
  await history.tidy({ maxBytes: 0 });
  assert.equal(await bench.studio.imagePath(imageOf(job), caller()), null);
  assert.deepEqual({ painted: paintings(bench.painter), used: used() }, before);
});

test('a picture that was tidied away is made again on the account of who asks for it, within their quotas', async (t) => {
  const { studio, make, history, used, painter, ask, started, ended } = await opened(t);
  const jobs = [await make('a panda'), await make('two pandas'), await make('three pandas')];
  const [one = '', two = '', three = ''] = jobs.map((job) => imageOf(job));
  const owners = used();
  await history.tidy({ maxBytes: 0 });
  const eve = caller({ user: 'eve' });
  assert.ok((await studio.imagePath(one, eve)) !== null);
  assert.deepEqual([used(), used('eve')], [owners, PICTURE]);
  assert.ok((await studio.imagePath(one, eve)) !== null);
  assert.equal(used('eve'), PICTURE, 'nothing is made twice');

  const mo = caller({ user: 'mo', moderator: true });
  await studio.command('settings user-seconds:1', mo);
  await assert.rejects(studio.imagePath(two, eve), { code: 'limit_user_seconds' });
  await studio.command('settings user-seconds:default user-jobs:1', mo);
  const busy = await ask('wait here', caller({ user: 'zoe' }));
  await started(busy.id);
  const first = studio.imagePath(two, eve);
  await assert.rejects(studio.imagePath(three, eve), { code: 'limit_user_jobs' });
  await assert.rejects(ask('a panda', eve), { code: 'limit_user_jobs' }, 'it counts as a request');
  const same = studio.imagePath(two, caller({ user: 'dan' }));
  painter.release();
  assert.equal(await first, await same);
  await ended(busy.id);
  assert.equal(used('dan'), 0, 'who only waits with others pays nothing');
  await studio.command('settings user-jobs:default blocked-users:eve', mo);
  await assert.rejects(studio.imagePath(three, eve), { code: 'blocked_user' });
});

test('showing a request whose files are gone is on the account of who has it shown', async (t) => {
  const { studio, make, history, used, say } = await opened(t);
  const job = await make('a panda n:3');
  const owners = used();
  await history.tidy({ maxBytes: 0 });
  const eve = caller({ user: 'eve' });
  await studio.command(`show ${job.id}`, eve);
  // As the message that shows it does, which does not know who asked.
  const paths = await Promise.all(job.images.map(({ id }) => studio.imagePath(id)));
  assert.ok(paths.every((path) => path !== null));
  assert.equal(used(), owners);
  near(used('eve'), 3 * PICTURE);
  await history.tidy({ maxBytes: 0 });
  await say('settings user-seconds:1', caller({ user: 'mo', moderator: true }));
  await assert.rejects(studio.act(`show:${imageOf(job)}`, eve), { code: 'limit_user_seconds' });
});

test('pictures that one person has made again wait for their turns like requests', async (t) => {
  const { studio, make, history, ask, started, painter, ended } = await opened(t);
  const jobs = [];
  for (let k = 0; k < 6; k += 1) jobs.push(await make(`panda ${k}`));
  await history.tidy({ maxBytes: 0 });
  const busy = await ask('wait here', caller({ user: 'zoe' }));
  await started(busy.id);
  const at = (k: number) => caller({ user: 'eve', room: `r${k}`, guild: `r${k}`, payer: `r${k}` });
  const made = jobs.map((job, k) => studio.imagePath(imageOf(job), at(k)));
  const guest = await ask('newcomer', caller({ user: 'cid', room: 'c', guild: 'c', payer: 'c' }));
  const before = painter.requests.length;
  painter.release();
  await ended(guest.id);
  const waited = painter.requests.slice(before).findIndex(({ prompt }) => prompt === 'newcomer');
  assert.ok(waited <= 2, `the newcomer waited for ${waited} pictures`);
  await Promise.all(made);
});

test('one request costs at most so many usual pictures, whatever makes it costly, and the answer says what would do', async (t) => {
  const { ask, say, studio, make, click, used } = await opened(t);
  const mo = caller({ user: 'mo', moderator: true });
  for (const text of [
    'a panda n:10 size:2048x2048 guidance:7 decoder-guidance:3 steps:100',
    'a panda n:9 steps:100 decoder-steps:100 size:2048x2048',
    'a panda n:10 size:1792x2048 decoder-steps:100 steps:60',
    '{a, b} panda n:10 size:2048x2048 decoder-steps:100',
  ]) {
    const error = await studio.command(text, caller()).then(
      () => assert.fail(`${text} was accepted`),
      ({ code, message, hint }: { code: string; message: string; hint: string }) => ({ code, message, hint }),
    );
    assert.equal(error.code, 'limit_cost', text);
    assert.match(error.message, /at most 100 pictures of the usual size and steps; this one costs about [1-9]\d\d+\./);
    const [, example = ''] = /^For example ([^.]+)\. The rule is the setting cost\.$/.exec(error.hint) ?? [];
    assert.match(example, /^n:\d/, error.hint);
    const keys = [...example.matchAll(/([a-z-]+):/g)].map(([, key]) => key);
    const kept = text.split(' ').filter((word) => !keys.includes(word.split(':')[0]));
    const corrected = `${kept.join(' ').replace('{a, b}', 'a')} ${example}`;
    const job = await ask(corrected);
    await studio.act(`cancel:${job.id}`, caller());
  }
  assert.equal((await make('a panda n:10')).state, 'done');
  const before = used();
  await say('settings everywhere-cost:3', mo);
  await assert.rejects(ask('a panda n:4'), { code: 'limit_cost', hint: /^For example n:3\./ });
  const job = await make('a panda n:3 size:1024x1024');
  await say('settings everywhere-cost:1', mo);
  await assert.rejects(click(`larger-2x:${imageOf(job)}`), { code: 'limit_cost' }, 'also what a button makes');
  assert.equal((await make('a panda')).state, 'done');
  await say('settings everywhere-cost:none', mo);
  await ask('a panda n:10 size:2048x2048 decoder-steps:100');
  assert.ok(before > 0);
});
