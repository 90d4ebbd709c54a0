import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refusals } from '../../../src/adapters/delivery/refusals.ts';
import { ManualClock } from '../../manual-clock.ts';

const MINUTE = 60_000;

test('refusals are told once, after three minutes of them, with how often each reason was given', () => {
  const clock = new ManualClock();
  const refusals = new Refusals(clock);
  const told = [];
  for (const reason of ['a', 'b', 'b', 'a', 'b', 'a']) {
    told.push(refusals.add(reason));
    clock.advance(MINUTE);
  }
  assert.deepEqual(told, [null, null, null, { a: 2, b: 2 }, null, null]);
});

test('a refusal after a quiet time begins anew', () => {
  const clock = new ManualClock();
  const refusals = new Refusals(clock);
  refusals.add('a');
  clock.advance(61 * MINUTE);
  assert.equal(refusals.add('a'), null);
  clock.advance(14 * MINUTE);
  assert.deepEqual(refusals.add('a'), { a: 2 });
});
