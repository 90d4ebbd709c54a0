import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CallBudget } from '../../../src/adapters/slack/web-api/call-budget.ts';
import { RateLimited } from '../../../src/adapters/slack/web-api/errors.ts';
import { ManualClock } from '../../manual-clock.ts';
import { PIXEL } from '../fake-core.ts';
import { sendCommand } from './payloads.ts';
import { type Setting, setting } from './setting.ts';

const MINUTE = 60_000;

function busiestMinute(times: readonly number[]): number {
  return Math.max(0, ...times.map((at, k) => times.slice(k).filter((later) => later < at + MINUTE).length));
}

function updates(s: Setting): number[] {
  return s.standIn.calls.filter(({ method }) => method === 'chat.update').map(({ at }) => at);
}

async function begin(s: Setting, count: number): Promise<string[]> {
  const channels = Array.from({ length: 5 }, () => s.standIn.channel().id);
  for (let k = 0; k < count; k++) await sendCommand(s.standIn, `fox ${k}`, { channel: channels[k % 5] ?? '' });
  await s.pass(() => s.standIn.visible().length === count, 500);
  return [...s.core.jobsById.keys()];
}

test('50 jobs in flight share the calls of the workspace, and each final state is delivered', async (t) => {
  const s = await setting(t);
  const jobs = await begin(s, 50);
  for (const id of jobs) s.core.started(id);
  const start = s.clock.now();
  await s.pass(() => {
    const share = (s.clock.now() - start) / (2 * MINUTE);
    for (const id of jobs) s.core.step(id, Math.min(1, share), PIXEL);
    return share > 1;
  }, 1000);
  const progress = updates(s).length;
  for (const id of jobs) s.core.finish(id);
  await s.pass(() => s.core.delivered.size === 50, 500);
  assert.ok(busiestMinute(updates(s)) <= 50, `${busiestMinute(updates(s))} updates in a minute`);
  assert.equal(s.standIn.tooMany, 0);
  assert.ok(progress > 60, `${progress} updates of progress`);
  const perJob = s.standIn.visible().map((message) => message.updates.length);
  assert.ok(Math.max(...perJob) - Math.min(...perJob) <= 3, `${perJob}`);
  assert.ok(s.standIn.visible().every((message) => s.standIn.shownFiles(message).length === 1));
});

test('a job on its own is updated often, with previews', async (t) => {
  const s = await setting(t);
  const [id] = await begin(s, 1);
  assert.ok(id);
  s.core.started(id);
  const start = s.clock.now();
  await s.pass(() => {
    s.core.step(id, Math.min(1, (s.clock.now() - start) / MINUTE), PIXEL);
    return s.clock.now() - start > MINUTE;
  });
  assert.ok(updates(s).length >= 15, `${updates(s).length} updates`);
  const previews = [...s.standIn.files.values()].filter(({ name }) => name === 'preview.png');
  assert.ok(previews.length >= 4, `${previews.length} previews`);
  s.core.finish(id);
  await s.pass(() => s.core.delivered.size === 1);
  assert.ok(previews.every(({ deleted }) => deleted));
  // When each arrives is up to a busy machine; how many there are is not.
  const shown = s.standIn.visible()[0]?.updates ?? [];
  assert.ok(shown.length <= MINUTE / 2000 + 3, `${shown.length} updates`);
});

test("Slack's Retry-After is waited for, by every job of the workspace, and loses no final state", async (t) => {
  const s = await setting(t);
  const jobs = await begin(s, 5);
  s.standIn.faults.push({ method: 'chat.update', how: { retryAfter: 30 }, times: 1 });
  s.standIn.faults.push({ method: 'files.getUploadURLExternal', how: { retryAfter: 10 }, times: 1 });
  s.standIn.faults.push({ method: 'files.info', how: { retryAfter: 5 }, times: 2 });
  for (const id of jobs) s.core.finish(id);
  await s.pass(() => s.core.delivered.size === 5);
  for (const [method, seconds] of [
    ['chat.update', 30],
    ['files.getUploadURLExternal', 10],
  ] as const) {
    const calls = s.standIn.calls.filter((call) => call.method === method);
    const limited = calls.findIndex(({ error }) => error === 'ratelimited');
    const at = calls[limited]?.at ?? 0;
    // Calls that were under way when the answer came are not held against it.
    const early = calls.slice(limited + 1).filter((call) => call.at > at + 2000 && call.at < at + seconds * 1000);
    assert.deepEqual(early, [], method);
  }
});

test('many posts in one channel are spread as Slack wants them', async (t) => {
  const s = await setting(t);
  for (let k = 0; k < 70; k++) await sendCommand(s.standIn, `fox ${k}`, { channel: s.channel });
  await s.pass(() => s.standIn.visible(s.channel).length === 70, 1000);
  const posts = s.standIn.calls.filter(({ method }) => method === 'chat.postMessage').map(({ at }) => at);
  assert.ok(busiestMinute(posts) <= 60, `${busiestMinute(posts)} posts in a minute`);
  assert.equal(s.standIn.tooMany, 0);
});

test('the budget is never exceeded, every final call goes out, and each key keeps its order', async () => {
  const call = fc.record({
    key: fc.integer({ min: 0, max: 8 }),
    final: fc.boolean(),
    wait: fc.integer({ min: 0, max: 4000 }),
    limited: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 120 }), async (calls) => {
      const clock = new ManualClock();
      const budget = new CallBudget({ clock, perMinute: 20, burst: 5 });
      const times: number[] = [];
      const finals = new Map<string, number>();
      const ran = new Map<string, number>();
      for (const [index, { key, final, wait, limited }] of calls.entries()) {
        let refuse = limited;
        if (final) finals.set(String(key), index);
        budget.submit(String(key), final ? 'final' : 'progress', async () => {
          times.push(clock.now());
          if (refuse) {
            refuse = false;
            throw new RateLimited(3000);
          }
          if (final) ran.set(String(key), index);
        });
        await Promise.resolve();
        clock.advance(wait);
      }
      for (let step = 0; step < 2000 && budget.size > 0; step++) {
        clock.advance(1000);
        for (let turn = 0; turn < 4; turn++) await Promise.resolve();
      }
      assert.equal(budget.size, 0);
      assert.ok(busiestMinute(times) <= 20, `${busiestMinute(times)} calls in a minute`);
      assert.deepEqual(ran, finals);
    }),
    { numRuns: 60 },
  );
});
