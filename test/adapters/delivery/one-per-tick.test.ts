import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OnePerTick } from '../../../src/adapters/delivery/one-per-tick.ts';

test('work that can wait runs in order, one piece per turn, so that what else happens comes in between', async () => {
  const log: string[] = [];
  const turns = new OnePerTick();
  await new Promise<void>((resolve) => {
    for (const piece of ['a', 'b', 'c']) {
      turns.add(() => {
        log.push(piece);
        process.nextTick(() => log.push('urgent'));
      });
    }
    turns.add(() => turns.add(resolve));
  });
  assert.deepEqual(log, ['a', 'urgent', 'b', 'urgent', 'c', 'urgent']);
});
