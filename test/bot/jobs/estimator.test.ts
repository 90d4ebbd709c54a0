import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ImagineRequest, JobEvent, Stage } from '../../../src/bot/job.ts';
import { Estimator, Progress, workOf } from '../../../src/bot/jobs/estimator.ts';
import { EventBus } from '../../../src/bot/jobs/event-bus.ts';
import { stepCount } from '../../../src/pipeline/images/stage-c-steps.ts';
import { finishedJob, newJob, openHistory, request } from '../history/history-fixture.ts';

/** A machine whose steps take time by the pixel. */
function timingsOf({ width, height, n, decoderSteps, guidance, steps }: ImagineRequest, slowness = 1) {
  const megapixels = (width * height) / 1e6;
  const prior = stepCount(steps) * (guidance > 1 ? 2 : 1) * n * 20 * megapixels * slowness;
  const decoder = decoderSteps * n * 50 * megapixels * slowness;
  return {
    load: 90_000,
    text: 15 * slowness,
    prior,
    decoder,
    vqgan: 200 * n * megapixels,
    encode: 80 * n * megapixels,
  };
}

function secondsOf(timings: ReturnType<typeof timingsOf>): number {
  return (timings.text + timings.prior + timings.decoder + timings.vqgan + timings.encode) / 1000;
}

/** Before anything was measured, no end is promised. */
function isMeasured(estimator: Estimator): boolean {
  return estimator.eta(10, 0) !== null;
}

test('one finished request is enough to expect others, of other sizes, steps and numbers', (t) => {
  const { history } = openHistory(t);
  const estimator = new Estimator(history.memos, () => ['c0ffee cpu']);
  assert.equal(isMeasured(estimator), false, 'nothing is promised before anything was measured');
  const first = request({ width: 1024, height: 1024, n: 1 });
  estimator.learn(workOf(first, null), timingsOf(first));
  for (const change of [{}, { n: 4 }, { width: 2048 }, { width: 512, height: 512 }, { steps: 60, guidance: 1 }]) {
    const asked = request({ width: 1024, height: 1024, n: 1, ...change });
    const expected = estimator.seconds(workOf(asked, null));
    const actual = secondsOf(timingsOf(asked));
    assert.ok(Math.abs(expected / actual - 1) < 0.01, `${JSON.stringify(change)}: ${expected} for ${actual}`);
  }
  const variation = estimator.seconds(workOf(first, 'vary-subtle'));
  assert.ok(variation < estimator.seconds(workOf(first, null)) / 2, 'without Stage C');
  const [larger, whole] = [workOf(first, 'larger'), workOf(first, null)].map(({ units }) => units.prior);
  assert.ok((larger ?? 1) / (whole ?? 1) < 0.2, 'an enlarged picture keeps most of its steps');
});

test('what was learned outlives a restart, and belongs to its checkpoint and machine', (t) => {
  const { history } = openHistory(t);
  const asked = request({ n: 1 });
  const work = workOf(asked, null);
  new Estimator(history.memos, () => ['one cpu']).learn(work, timingsOf(asked));
  const again = new Estimator(history.memos, () => ['one cpu']);
  assert.ok(Math.abs(again.seconds(work) / secondsOf(timingsOf(asked)) - 1) < 0.01);
  assert.equal(isMeasured(new Estimator(history.memos, () => ['two cpu'])), false);
  let loaded: string[] = [];
  const late = new Estimator(history.memos, () => loaded);
  assert.equal(isMeasured(late), false);
  loaded = ['one cpu'];
  assert.equal(isMeasured(late), true);
});

test('the range of an expected end holds what really happens, and narrows as times prove steady', (t) => {
  const { history } = openHistory(t);
  const estimator = new Estimator(history.memos, () => ['c0ffee cpu']);
  const asked = request({ n: 1 });
  const work = workOf(asked, null);
  const widths: number[] = [];
  for (let round = 0; round < 30; round += 1) {
    const timings = timingsOf(asked, 1 + 0.05 * Math.sin(round));
    const eta = estimator.eta(estimator.seconds(work), 0);
    if (eta !== null) {
      const actual = secondsOf(timings) * 1000;
      assert.ok(eta.from <= actual && actual <= eta.to, `${eta.from} to ${eta.to} for ${actual}`);
      widths.push(eta.to - eta.from);
    }
    estimator.learn(work, timings);
  }
  assert.ok((widths.at(-1) ?? 0) < (widths[0] ?? 0) / 2);
});

test('measurements that make no sense change nothing', (t) => {
  const { history } = openHistory(t);
  const estimator = new Estimator(history.memos, () => ['c0ffee cpu']);
  const work = workOf(request(), null);
  const before = estimator.seconds(work);
  estimator.learn(work, { prior: Number.NaN, decoder: -5, vqgan: Number.POSITIVE_INFINITY });
  assert.equal(estimator.seconds(work), before);
});

test('progress goes from 0 towards 1 and never back, whatever order steps come in', () => {
  const stages: readonly Stage[] = ['load', 'text', 'prior', 'decoder', 'vqgan', 'encode'];
  const seconds = [
    ['text', 0.1],
    ['prior', 3],
    ['decoder', 6],
    ['vqgan', 1],
    ['encode', 0.5],
  ] as const;
  const step = fc.record({
    stage: fc.constantFrom(...stages),
    image: fc.option(fc.nat({ max: 3 })),
    step: fc.integer({ min: -1, max: 40 }),
    total: fc.integer({ min: 0, max: 30 }),
    finished: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), (steps, pictures) => {
      const progress = new Progress(seconds, pictures);
      let last = progress.step('load', null, 0, 1);
      assert.equal(last, 0);
      for (const { stage, image, step, total, finished } of steps) {
        const fraction = finished && image !== null ? progress.image(image) : progress.step(stage, image, step, total);
        assert.ok(fraction >= last && fraction <= 1);
        last = fraction;
      }
    }),
  );
});

test('events that a listener causes come after the one that it hears, for everybody', async (t) => {
  const { history } = openHistory(t);
  const { id } = await finishedJob(history, ['a'], newJob());
  const job = history.jobs.get(id);
  assert.ok(job !== null);
  const bus = new EventBus(assert.fail);
  const heard: string[] = [];
  const event = (type: 'started' | 'done'): JobEvent => ({ seq: 1, type, job });
  bus.subscribe(({ type }) => {
    heard.push(`first ${type}`);
    if (type === 'started') bus.emit(event('done'));
  });
  const leave = bus.subscribe(({ type }) => void heard.push(`second ${type}`));
  bus.emit(event('started'));
  assert.deepEqual(heard, ['first started', 'second started', 'first done', 'second done']);
  leave();
  bus.emit(null);
  bus.emit(event('done'));
  assert.deepEqual(heard.slice(4), ['first done']);
});
