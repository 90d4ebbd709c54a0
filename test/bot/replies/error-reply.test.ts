import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorReply } from '../../../src/bot/replies/error-reply.ts';
import { OperatorError, UserError } from '../../../src/system/errors.ts';

test('only an error for people speaks for itself; of the others they hear whether to try again', () => {
  const told = (error: unknown) => {
    const { title, lines, ephemeral } = errorReply(error);
    assert.equal(ephemeral, true);
    return [title, ...lines].join(' ');
  };
  assert.equal(told(new UserError('width_out_of_range', 'too wide', { hint: 'try 1024' })), 'too wide try 1024');
  const secret = 'at /home/bot/secret';
  const unknown = told(new OperatorError('database_failed', () => secret));
  assert.equal(told(new TypeError(secret)), unknown);
  const full = told(new OperatorError('disk_full', () => secret));
  assert.match(full, /no room.*Try again later/s);
  const busy = told(new OperatorError('database_locked', () => secret));
  assert.match(busy, /Try again in a moment/);
  assert.equal(new Set([unknown, full, busy]).size, 3);
  for (const text of [unknown, full, busy]) assert.ok(!text.includes('secret'));
});
