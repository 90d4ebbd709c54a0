import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentMap } from '../../src/system/memo.ts';

test('a recent map keeps what was set last, and setting again counts', () => {
  const map = new RecentMap<string, number>(2).set('a', 1).set('b', 2).set('a', 3).set('c', 4);
  assert.deepEqual(
    [...map],
    [
      ['a', 3],
      ['c', 4],
    ],
  );
});
