import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackOff } from '../../../src/adapters/delivery/back-off.ts';
import { ManualClock } from '../../manual-clock.ts';

test('pauses grow while no connection holds, however often one is made, and start anew after one has held', () => {
  const clock = new ManualClock();
  const backOff = new BackOff({ clock, first: 500, longest: 4000 });
  const rounds = Array.from({ length: 5 }, () => {
    backOff.connected();
    clock.advance(1000);
    return backOff.failed();
  });
  assert.deepEqual(rounds, [500, 1000, 2000, 4000, 4000]);
  backOff.connected();
  clock.jump(3_600_000);
  assert.equal(backOff.failed(), 4000, 'a clock that is set forward does not make a connection hold');
  backOff.connected();
  clock.advance(30_000);
  assert.equal(backOff.failed(), 500);
});

test('a connection that breaks now and then is made again at once', () => {
  const clock = new ManualClock();
  const backOff = new BackOff({ clock, first: 500, longest: 4000 });
  for (let day = 0; day < 10; day++) {
    backOff.connected();
    clock.advance(86_400_000);
    assert.equal(backOff.broken(), 0);
  }
  for (let k = 0; k < 4; k++) assert.equal(backOff.broken(), 0);
  assert.equal(backOff.broken(), 500);
});
