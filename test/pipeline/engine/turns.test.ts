import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Turn, Turns } from '../../../src/pipeline/engine/turns.ts';

function scene(most: number) {
  let now = 0;
  const turns = new Turns(
    () => most,
    () => now,
  );
  return {
    pass: (ms: number) => {
      now += ms;
    },
    begin: (alike: string, rows: number | 'alone' = 1, signal = new AbortController().signal) =>
      turns.begin({ alike, rows, signal }),
  };
}

/** Whether a promise has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const open = Symbol();
  await new Promise((resolve) => setImmediate(resolve));
  return (await Promise.race([promise, Promise.resolve(open)])) !== open;
}

test('requests that are alike paint together as far as the batch has room; others take turns in their order', async () => {
  const { begin } = scene(3);
  const first = await begin('a');
  const second = await begin('a', 2);
  const third = begin('a');
  const other = begin('b');
  const fourth = begin('a');
  assert.equal(await isSettled(third), false);
  first.end();
  const began = await third;
  second.end();
  began.end();
  const otherTurn = await other;
  assert.equal(await isSettled(fourth), false);
  otherTurn.end();
  (await fourth).end();
});

test('a request that is larger than the batch paints alone, and one that gives up its turn holds nobody back', async () => {
  const { begin } = scene(2);
  const large = await begin('a', 8);
  const stop = new AbortController();
  const given = begin('b', 1, stop.signal);
  const last = begin('a');
  stop.abort(new Error('enough'));
  await assert.rejects(given, /enough/);
  assert.equal(await isSettled(last), false);
  large.end();
  (await last).end();
  await assert.rejects(begin('a', 1, stop.signal), /enough/);
});

test('a request that has to be alone from now on waits for the others, those that come later wait for it', async () => {
  const { begin, pass } = scene(4);
  const [one, two] = [await begin('a'), await begin('a')];
  pass(10);
  const alone = one.alone();
  assert.equal(await isSettled(alone), false);
  const later = begin('a');
  assert.equal(await isSettled(later), false);
  pass(20);
  two.end();
  await alone;
  pass(15);
  await one.alone();
  assert.equal(one.share, 20 / 25, 'time without a turn counts for nobody');
  assert.equal(await isSettled(later), false);
  one.end();
  const last = await later;
  await last.alone();
  pass(5);
  assert.equal(last.share, 1);
  const stop = new AbortController();
  const never = begin('a', 'alone', stop.signal);
  stop.abort(new Error('enough'));
  await assert.rejects(never, /enough/);
  last.end();
  (await begin('b')).end();
});

test('time is shared out by rows', async () => {
  const { begin, pass } = scene(4);
  const one = await begin('a');
  pass(10);
  assert.equal(one.share, 1);
  const three = await begin('a', 3);
  pass(40);
  assert.deepEqual([one.share, three.share], [20 / 50, 30 / 40]);
  three.end();
  pass(50);
  assert.equal(one.share, 70 / 100);
});

test('the shares of all requests add up to the time that was worked', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ rows: fc.integer({ min: 1, max: 3 }), ms: fc.integer({ min: 1, max: 50 }) }), {
        minLength: 1,
        maxLength: 12,
      }),
      async (requests) => {
        const { begin, pass } = scene(6);
        const open: { turn: Turn; since: number; rows: number }[] = [];
        let [now, charged, worked] = [0, 0, 0];
        const end = () => {
          const first = open.shift();
          if (!first) return;
          charged += first.turn.share * (now - first.since);
          first.turn.end();
        };
        for (const { rows, ms } of requests) {
          while (open.reduce((sum, one) => sum + one.rows, 0) + rows > 6) end();
          open.push({ turn: await begin('a', rows), since: now, rows });
          pass(ms);
          now += ms;
          worked += ms;
        }
        while (open.length > 0) end();
        assert.ok(Math.abs(charged - worked) < 1e-6, `${charged} of ${worked}`);
      },
    ),
  );
});
