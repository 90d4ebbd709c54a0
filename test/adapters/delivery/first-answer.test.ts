import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FirstAnswers } from '../../../src/adapters/delivery/first-answer.ts';
import type { Outcome } from '../../../src/bot/core.ts';
import { UserError } from '../../../src/system/errors.ts';
import { ManualClock } from '../../manual-clock.ts';
import { EMPTY_REPLY, FakeCore } from '../fake-core.ts';

const OUTCOME: Outcome = { kind: 'reply', reply: { ...EMPTY_REPLY, title: 'Done.' } };

function setting() {
  const clock = new ManualClock();
  const reported: unknown[] = [];
  const answers = new FirstAnswers(new FakeCore(), clock, (error) => reported.push(error));
  return { clock, reported, answers };
}

test('a repeated delivery is not new, unless the first one was forgotten', () => {
  const { answers } = setting();
  assert.deepEqual([answers.isNew('a'), answers.isNew('b'), answers.isNew('a')], [true, true, false]);
  answers.forget('a');
  assert.equal(answers.isNew('a'), true);
});

test('an outcome that comes within a moment is not acknowledged first', async () => {
  const { answers } = setting();
  const decision = await answers.decide(
    async () => OUTCOME,
    () => assert.fail('Nothing should be acknowledged.'),
  );
  assert.deepEqual(decision, { outcome: OUTCOME, acknowledged: null });
});

test('an outcome that takes longer than 120 ms is acknowledged before it is known', async () => {
  const { clock, answers } = setting();
  let decide: (outcome: Outcome) => void = () => undefined;
  const log: string[] = [];
  const decision = answers.decide(
    () => new Promise((resolve) => (decide = resolve)),
    async () => {
      log.push('acknowledged');
      decide(OUTCOME);
      return 'thanks';
    },
  );
  clock.advance(119);
  await new Promise(setImmediate);
  assert.deepEqual(log, []);
  clock.advance(1);
  assert.deepEqual(await decision, { outcome: OUTCOME, acknowledged: 'thanks' });
  assert.deepEqual(log, ['acknowledged']);
});

test('errors become replies, and only those that the person cannot mend are reported', async () => {
  const { reported, answers } = setting();
  const broken = new Error('The disk is gone.');
  for (const error of [new UserError('width_missing', 'Where is the width?'), broken]) {
    const { outcome } = await answers.decide(
      () => Promise.reject(error),
      async () => null,
    );
    assert.equal(outcome.kind === 'reply' && outcome.reply.tone, 'error');
  }
  assert.deepEqual(reported, [broken]);
});
