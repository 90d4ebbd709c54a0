import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlatformTime } from '../../../src/adapters/delivery/platform-time.ts';
import { ManualClock } from '../../manual-clock.ts';

const HOUR = 3_600_000;

test("a platform's time goes on by what it stamped, whatever happens to this machine's clock", () => {
  const clock = new ManualClock();
  const time = new PlatformTime(clock);
  assert.equal(time.now(), clock.now(), 'nothing was seen yet');
  const start = clock.now() + 7 * 60_000;
  time.saw(start);
  assert.equal(time.ahead, 7 * 60_000);
  clock.advance(1000);
  clock.jump(HOUR);
  assert.equal(time.now(), start + 1000);
  clock.jump(-2 * HOUR);
  assert.equal(time.now(), start + 1000);
  assert.equal(time.ahead, 7 * 60_000 + HOUR);
});

test('what was stamped earlier and arrives late does not turn time back', () => {
  const clock = new ManualClock();
  const time = new PlatformTime(clock);
  time.saw(clock.now());
  clock.advance(60_000);
  time.saw(clock.now() - 50_000);
  assert.equal(time.now(), clock.now());
});
