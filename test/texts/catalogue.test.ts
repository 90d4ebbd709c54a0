import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { sourcesIn } from '../../scripts/texts/sources.ts';

it('finds every text in the code', () => {
  assert.deepEqual(sourcesIn(join(import.meta.dirname, '../../src')).problems, []);
});
