import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { History, type StoredJob } from '../../../src/bot/history/history.ts';
import { FairQueue } from '../../../src/bot/queue/fair-queue.ts';
import { UserError } from '../../../src/system/errors.ts';
import {
  auditLog,
  caller,
  deliveryOf,
  finishedImage,
  finishedJob,
  latestSeq,
  NOON,
  newJob,
  openHistory,
  recipe,
  request,
} from './history-fixture.ts';

const BOOM = { code: 'boom', message: 'It broke.', hint: 'Try again.' };

test('an accepted job comes back with every parameter, also from a file opened anew', (t) => {
  const { history, folder } = openHistory(t);
  const derivation = { verb: 'larger', parentImage: 'imageimage12', parentJob: 'jobjobjob1', strength: 1.5 } as const;
  const input = newJob({
    caller: caller({ surface: 'discord', guild: null, moderator: true, ageRestricted: true }),
    request: request({
      seed: 2n ** 64n - 1n,
      steps: 20,
      guidance: 4.25,
      spoiler: true,
      negative: 'text',
      style: '0.25',
    }),
    derivation,
    notes: ['"poster:red" was read as text'],
    priority: -1.5,
    estimate: 12.345,
  });
  const { job, repeated, arrival, event } = history.jobs.accept(input);
  assert.match(job.id, /^[a-z0-9]{10}$/);
  assert.equal(repeated, false);
  assert.equal(event?.type, 'queued');
  history.close();

  const again = openHistory(t, { folder }).history.jobs.stored(job.id);
  assert.deepEqual(again, {
    job: {
      id: job.id,
      caller: input.caller,
      state: 'queued',
      request: input.request,
      derivation,
      images: [],
      error: null,
      notes: input.notes,
      createdAt: NOON,
      startedAt: null,
      finishedAt: null,
    },
    attempts: 0,
    estimate: 12.345,
    arrival,
    priority: -1.5,
    resumed: false,
  });
  assert.deepEqual(job, again?.job);
});

test('seeds of all 64 bits and any text survive storing', (t) => {
  const { history } = openHistory(t);
  const text = fc.string({ unit: 'binary', maxLength: 40 });
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      text,
      text,
      fc.array(text),
      (seed, prompt, name, notes) => {
        const { job } = history.jobs.accept(
          newJob({ request: request({ seed, prompt }), caller: caller({ name }), notes }),
        );
        const found = history.jobs.get(job.id);
        assert.equal(found?.request.seed, seed);
        assert.equal(found?.request.prompt, prompt);
        assert.equal(found?.caller.name, name);
        assert.deepEqual(found?.notes, notes);
      },
    ),
    { numRuns: 100 },
  );
});

test('hostile text is only text: quotes, NUL, emoji, right-to-left marks, percent signs', (t) => {
  const { history } = openHistory(t);
  const hostile = [
    `'; DROP TABLE jobs; --`,
    'before\0after',
    '👩‍👩‍👧 família',
    '\u202Egnp.exe\u202C שלום',
    '100%_sure\\',
    '<script>alert(1)</script> @everyone',
  ];
  for (const [index, prompt] of hostile.entries()) {
    const who = caller({ user: prompt, name: prompt, room: prompt, guild: prompt, payer: prompt });
    const { job } = history.jobs.accept(newJob({ caller: who, request: request({ prompt }), idempotencyKey: prompt }));
    history.messages.save(job.id, { text: prompt });
    assert.deepEqual(history.jobs.get(job.id)?.caller, who);
    assert.deepEqual(history.messages.get(job.id), { text: prompt });
    assert.equal(history.jobs.byKey(who, prompt)?.stored.job.id, job.id);
    assert.deepEqual(
      history.lists.page({ surface: 'web', room: prompt, limit: 5 }).map(({ id }) => id),
      [job.id],
    );
    // As it would have to be typed: its brackets are no weights.
    const typed = prompt.replace(/[()]/g, '\\$&');
    assert.equal(history.lists.recentPrompts(who, prompt.slice(1, 8), 5)[0]?.prompt, typed, `text ${index}`);
    assert.equal(history.events.since('web', prompt, 0, 5).length, 1);
  }
  assert.equal(history.jobs.waiting().length, hostile.length);
});

test('a job goes its way through the states, each with a durable event and a growing number', async (t) => {
  const { history, clock } = openHistory(t);
  const { job } = history.jobs.accept(newJob());
  clock.now += 1000;
  const started = history.jobs.start(job.id);
  assert.equal(started?.job.state, 'running');
  assert.equal(started?.job.startedAt, NOON + 1000);
  const image = await history.images.finish(job.id, finishedImage('one', { index: 0, seed: 7n }));
  assert.ok(image?.type === 'image');
  assert.match(image.image.id, /^[a-z0-9]{12}$/);
  assert.deepEqual(image.job.images, [image.image]);
  clock.now += 1000;
  const done = history.jobs.finish(job.id, { seconds: 2 });
  assert.equal(done?.job.state, 'done');
  assert.equal(done?.job.finishedAt, NOON + 2000);

  const replay = history.events.since('web', 'lobby', 0, 100);
  assert.deepEqual(
    replay.map(({ type }) => type),
    ['queued', 'started', 'image', 'done'],
  );
  const seqs = replay.map(({ seq }) => seq ?? 0);
  assert.deepEqual(
    seqs,
    seqs.toSorted((a, b) => a - b),
  );
  assert.equal(latestSeq(history), seqs.at(-1));
  assert.deepEqual(history.events.since('web', 'lobby', seqs[1] ?? 0, 1), [{ ...image, job: done?.job }]);
  assert.deepEqual(history.events.since('web', 'elsewhere', 0, 100), []);
  assert.deepEqual(history.events.since('slack', 'lobby', 0, 100), []);
});

test('of two racing ends of a job only the first counts', async (t) => {
  const { history } = openHistory(t);
  const { job } = history.jobs.accept(newJob());
  assert.equal(history.jobs.finish(job.id, { seconds: 1 }), null);
  history.jobs.start(job.id);
  assert.equal(history.jobs.start(job.id), null);
  assert.equal(history.jobs.cancel(job.id, BOOM)?.type, 'cancelled');
  const seq = latestSeq(history);
  assert.equal(history.jobs.finish(job.id, { seconds: 1 }), null);
  assert.equal(history.jobs.fail(job.id, BOOM), null);
  assert.equal(history.jobs.requeue(job.id), null);
  assert.equal(await history.images.finish(job.id, finishedImage('late')), null);
  assert.equal(history.jobs.start('unknown'), null);
  assert.deepEqual(history.jobs.get(job.id)?.error, BOOM);
  assert.equal(latestSeq(history), seq);
});

test('attempts are counted before each start, survive a restart and can be forgiven', (t) => {
  const { history, folder } = openHistory(t);
  const { job } = history.jobs.accept(newJob());
  const fresh = history.jobs.accept(newJob()).job.id;
  history.jobs.start(job.id);
  history.close();

  const after = openHistory(t, { folder }).history;
  assert.deepEqual(
    after.jobs.running().map((stored) => [stored.job.id, stored.attempts]),
    [[job.id, 1]],
  );
  assert.equal(after.jobs.requeue(job.id)?.type, 'queued');
  after.jobs.start(job.id);
  assert.equal(after.jobs.stored(job.id)?.attempts, 2);
  after.jobs.requeue(job.id, { forgiveAttempt: true });
  assert.equal(after.jobs.stored(job.id)?.attempts, 1);
  assert.deepEqual(
    after.jobs.waiting().map((stored) => [stored.job.id, stored.resumed]),
    [
      [job.id, true],
      [fresh, false],
    ],
  );
});

function enqueue(queue: FairQueue, { job, arrival, estimate, priority, resumed }: StoredJob): void {
  const { payer, user } = job.caller;
  queue.enqueue(async () => undefined, { id: job.id, payer, user, cost: estimate, seq: arrival, priority, resumed });
}

test('waiting jobs start in the same order after a restart', (t) => {
  const { history, folder } = openHistory(t);
  const before = new FairQueue();
  for (let index = 0; index < 60; index += 1) {
    const payer = `guild ${index % 4}`;
    const estimate = 1 + ((index * 7) % 5) / 3;
    const who = caller({ payer, user: `user ${index % 9}` });
    history.atomically(() => {
      enqueue(before, history.jobs.accept(newJob({ caller: who, estimate, priority: index === 50 ? 1 : 0 })));
      history.shares.save(before.changes());
      before.saved();
    });
    if (index % 3 === 2) {
      history.atomically(() => {
        const id = before.places(1).next().value?.id ?? '';
        before.dequeue();
        before.settle(id, estimate / 2);
        history.jobs.start(id);
        history.jobs.finish(id, { seconds: estimate / 2 });
        history.shares.save(before.changes());
        before.saved();
      });
    }
  }
  history.close();

  const again = openHistory(t, { folder }).history;
  const after = new FairQueue();
  after.restore(again.shares.all());
  for (const stored of again.jobs.waiting()) enqueue(after, stored);
  assert.equal(after.size, 40);
  assert.deepEqual([...after.places()], [...before.places()]);
});

test('the same key of the same person answers with the same job and writes nothing', (t) => {
  const { history, folder } = openHistory(t);
  const first = history.jobs.accept(newJob({ idempotencyKey: 'k' }));
  const seq = latestSeq(history);
  const second = history.jobs.accept(newJob({ idempotencyKey: 'k', request: request({ prompt: 'another' }) }));
  assert.deepEqual(second, { ...first, repeated: true, event: null });
  assert.equal(latestSeq(history), seq);
  assert.equal(history.usage.today('user', 'web', 'ann').seconds, 10);
  for (const other of [caller({ user: 'bob' }), caller({ surface: 'slack' })]) {
    assert.equal(history.jobs.accept(newJob({ caller: other, idempotencyKey: 'k' })).repeated, false);
  }
  history.close();
  const after = openHistory(t, { folder }).history;
  assert.equal(after.jobs.accept(newJob({ idempotencyKey: 'k' })).job.id, first.job.id);
});

test('accelerator time is reserved, corrected at the end and refunded to exactly nothing', (t) => {
  const { history, clock } = openHistory(t);
  const seconds = (kind: 'user' | 'guild', party: string) => history.usage.today(kind, 'web', party).seconds;
  const [a, b, c] = [0.1, 0.2, 0.7].map((estimate) => history.jobs.accept(newJob({ estimate })).job.id);
  const direct = history.jobs.accept(newJob({ caller: caller({ guild: null, payer: 'ann' }), estimate: 4 })).job.id;
  assert.equal(seconds('user', 'ann'), 5);
  assert.equal(seconds('guild', 'lobby'), 1);
  history.jobs.start(a ?? '');
  history.jobs.finish(a ?? '', { seconds: 0.5 });
  assert.equal(seconds('user', 'ann'), 5.4);
  history.jobs.fail(b ?? '', BOOM);
  history.jobs.cancel(c ?? '', BOOM);
  history.jobs.cancel(direct, BOOM);
  assert.equal(seconds('user', 'ann'), 0.5);
  assert.equal(seconds('guild', 'lobby'), 0.5);

  const late = history.jobs.accept(newJob({ estimate: 3 })).job.id;
  assert.equal(history.usage.today('user', 'web', 'ann').resetsAt, Date.UTC(2030, 0, 16));
  clock.now = Date.UTC(2030, 0, 16);
  assert.equal(seconds('user', 'ann'), 0, 'a new day starts at midnight UTC');
  history.jobs.cancel(late, BOOM);
  assert.equal(seconds('user', 'ann'), 0, 'the refund goes to the day that was charged');
});

test('history pages go from new to old without gap or repetition', (t) => {
  const { history } = openHistory(t);
  const people = ['ann', 'bob'];
  const all = Array.from({ length: 30 }, (_, index) => {
    const user = people[index % 2] ?? '';
    const room = index % 3 === 0 ? 'den' : 'lobby';
    return history.jobs.accept(newJob({ caller: caller({ user, room }) })).job;
  });
  for (const filter of [{}, { room: 'den' }, { user: 'bob' }, { room: 'lobby', user: 'ann' }]) {
    const wanted = all.filter(
      ({ caller: { room, user } }) => room === (filter.room ?? room) && user === (filter.user ?? user),
    );
    const seen: string[] = [];
    for (let page = history.lists.page({ surface: 'web', ...filter, limit: 4 }); page.length > 0; ) {
      seen.push(...page.map(({ id }) => id));
      page = history.lists.page({ surface: 'web', ...filter, limit: 4, before: seen.at(-1) ?? '' });
    }
    assert.deepEqual(seen, wanted.map(({ id }) => id).toReversed());
  }
  assert.deepEqual(history.lists.page({ surface: 'web', before: '../../etc', limit: 4 }), []);
  assert.deepEqual(history.lists.page({ surface: 'slack', limit: 4 }), []);
});

test('prompts for completion are the person’s own, once each, newest first, whatever the letter case', (t) => {
  const { history } = openHistory(t);
  const ask = (prompt: string, user = 'ann') =>
    history.jobs.accept(newJob({ caller: caller({ user }), request: request({ prompt }) })).job.id;
  const fox = ask('A Red FOX');
  ask('a blue hen');
  const percent = ask('100% fox');
  ask('fox of bob', 'bob');
  const again = ask('A Red FOX');
  assert.deepEqual(history.lists.recentPrompts(caller(), 'fox', 5), [
    { id: again, prompt: 'A Red FOX' },
    { id: percent, prompt: '100% fox' },
  ]);
  assert.deepEqual(
    history.lists.recentPrompts(caller(), '%', 5).map(({ id }) => id),
    [percent],
  );
  assert.equal(history.lists.recentPrompts(caller(), '', 2).length, 2);
  assert.equal(history.lists.promptById(fox, caller()), 'A Red FOX');
  assert.equal(history.lists.promptById(fox, caller({ user: 'bob' })), null);
});

test('unfinished jobs are found by person over all guilds, and by guild', (t) => {
  const { history } = openHistory(t);
  const here = history.jobs.accept(newJob()).job.id;
  const there = history.jobs.accept(newJob({ caller: caller({ guild: 'den' }) })).job.id;
  const bob = history.jobs.accept(newJob({ caller: caller({ user: 'bob' }) })).job.id;
  const gone = history.jobs.accept(newJob()).job.id;
  history.jobs.start(here);
  history.jobs.cancel(gone, BOOM);
  const ids = (party: Parameters<typeof history.lists.unfinished>[0]) =>
    history.lists.unfinished(party).map(({ id }) => id);
  assert.deepEqual(ids({ surface: 'web', user: 'ann' }), [here, there]);
  assert.deepEqual(ids({ surface: 'web', guild: 'lobby' }), [here, bob]);
});

test('a finished job is undelivered until its message is marked, and the first mark stays', async (t) => {
  const { history, clock } = openHistory(t);
  const waiting = history.jobs.accept(newJob()).job.id;
  const { id } = await finishedJob(history, ['x']);
  history.messages.save(id, { channel: 'c', token: 't' });
  assert.deepEqual(
    history.lists.undelivered('web').map((job) => job.id),
    [id],
  );
  assert.deepEqual(history.lists.undelivered('discord'), []);
  history.messages.markDelivered(id, 'the channel is gone');
  clock.now += 5;
  history.messages.markDelivered(id);
  assert.deepEqual(deliveryOf(history, id), { at: NOON, problem: 'the channel is gone' });
  assert.deepEqual(history.lists.undelivered('web'), []);
  assert.equal(history.messages.get(waiting), null);
});

test('settings of a guild tighten those that hold everywhere', (t) => {
  const { history } = openHistory(t);
  const lobby = { surface: 'web', guild: 'lobby' } as const;
  const by = { surface: 'web', user: 'ann' } as const;
  assert.equal(history.settings.at(lobby).weight, 1);
  history.settings.set('everywhere', 'userSeconds', 600, by);
  history.settings.set(lobby, 'nsfw', 'off', by);
  history.settings.set(lobby, 'blockedWords', ['%', `'`], by);
  const now = history.settings.at(lobby);
  assert.deepEqual([now.userSeconds, now.nsfw, now.blockedWords], [600, 'off', ['%', `'`]]);
  assert.equal(history.settings.at({ surface: 'web', guild: 'den' }).nsfw, 'age-restricted');
  history.settings.set(lobby, 'nsfw', undefined, by);
  assert.equal(history.settings.at(lobby).nsfw, 'age-restricted');
  history.settings.set('everywhere', 'nsfw', 'off', by);
  assert.equal(history.settings.at(lobby).nsfw, 'off');
  assert.deepEqual(history.settings.own(lobby), { blockedWords: ['%', `'`] });
  assert.throws(
    () => history.settings.set(lobby, 'weight', 0, by),
    (error) => error instanceof UserError && error.code === 'setting_value' && /0\.01 to 100/.test(error.hint ?? ''),
  );
  const log = auditLog(history, 'web', 'lobby');
  assert.deepEqual(
    log.map(({ actor, action, target }) => [actor, action, target]),
    [
      ['ann', 'set', 'nsfw'],
      ['ann', 'set', 'blockedWords'],
      ['ann', 'set', 'nsfw'],
    ],
  );
  assert.equal(auditLog(history, 'web', null).length, 2);
});

test('a confirmation can be taken once, and not after it expired', (t) => {
  const { history, clock } = openHistory(t);
  const confirmation = {
    caller: caller(),
    requests: [request({ seed: 2n ** 63n }), request({ prompt: 'b' })],
    expiresAt: NOON + 100,
  };
  const id = history.confirmations.save(confirmation);
  assert.deepEqual(history.confirmations.get(id), confirmation);
  assert.deepEqual(history.confirmations.take(id), confirmation);
  assert.equal(history.confirmations.take(id), null);
  const late = history.confirmations.save(confirmation);
  clock.now += 100;
  assert.equal(history.confirmations.take(late), null);
});

test('what was learned is there after a restart', (t) => {
  const { history, folder } = openHistory(t);
  const time = { stage: 'prior', width: 1024, height: 1024, seconds: 0.4, samples: 3 } as const;
  history.memos.saveStepTime('c', { ...time, samples: 1 });
  history.memos.saveStepTime('c', time);
  history.memos.set('queue', 'clock', 12.5);
  history.memos.set('queue', 'flow', { tag: 0 });
  history.memos.set('queue', 'flow', { tag: 1 });
  history.close();
  const { memos } = openHistory(t, { folder }).history;
  assert.deepEqual(memos.stepTimes('c'), [time]);
  assert.deepEqual([memos.get('queue', 'clock'), memos.get('queue', 'flow')], [12.5, { tag: 1 }]);
  assert.equal(memos.get('another', 'flow'), undefined);
});

test('recipes and embeddings come back bit for bit', async (t) => {
  const { history } = openHistory(t);
  const { job } = history.jobs.accept(newJob());
  history.jobs.start(job.id);
  const wanted = recipe({ verb: 'vary-strong', parentImage: 'p', strength: 0.4, stageCSeed: 2n ** 64n - 1n });
  // A view into a larger buffer, as the pipeline process sends them.
  const data = new Float32Array(17).subarray(1).map((_, index) => Math.fround(index ** 9 * -0.1));
  const embedding = { dims: [1, 4, 2, 2], data };
  const event = await history.images.finish(job.id, finishedImage('x', { recipe: wanted, embedding }));
  assert.ok(event?.type === 'image');
  const details = history.images.get(event.image.id);
  assert.deepEqual(details, { image: event.image, jobId: job.id, recipe: wanted, embedding });
  await assert.rejects(
    history.images.finish(job.id, finishedImage('y', { index: 1, embedding: { dims: [3], data } })),
    /Expected 3 values/,
  );
  assert.equal(history.jobs.get(job.id)?.images.length, 1);
});

test('several calls can count together or not at all', (t) => {
  const { history } = openHistory(t);
  assert.throws(
    () =>
      history.atomically(() => {
        history.jobs.accept(newJob());
        history.jobs.accept(newJob({ estimate: Number.NaN }));
      }),
    { code: 'database_failed' },
  );
  assert.deepEqual(history.jobs.waiting(), []);
  assert.equal(history.usage.today('user', 'web', 'ann').seconds, 0);
  assert.equal(history.atomically(() => [history.jobs.accept(newJob()), history.jobs.accept(newJob())]).length, 2);
});

test('the data folder holds nothing that a second history of the same folder would not see', (t) => {
  const { history, folder } = openHistory(t);
  const second = History.open({ folder });
  t.after(() => second.close());
  const { job } = history.jobs.accept(newJob({ idempotencyKey: 'k' }));
  assert.equal(second.jobs.accept(newJob({ idempotencyKey: 'k' })).job.id, job.id);
});
