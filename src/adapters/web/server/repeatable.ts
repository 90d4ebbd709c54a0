import { createHash } from 'node:crypto';
import type { Repeatable } from '../../../bot/job.ts';
import { UserError } from '../../../system/errors.ts';
import type { WebRequest } from './web-context.ts';

/**
 * The key under which a request may be sent again, if it has one.
 *
 * @param asked what makes it this request and no other, as JSON; how the answer is to look does not belong to it
 * @throws UserError `idempotency_key_invalid`
 */
export function repeatable(c: WebRequest, asked: unknown): Repeatable {
  const idempotencyKey = c.req.header('idempotency-key');
  if (idempotencyKey === undefined) return {};
  if (!/^[\x21-\x7e]{1,200}$/.test(idempotencyKey)) {
    throw new UserError('idempotency_key_invalid', 'The Idempotency-Key is not valid.', {
      hint: 'Use 1 to 200 printable characters without spaces, for example a UUID.',
    });
  }
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([c.req.path, asked]))
    .digest('hex');
  return { idempotencyKey, fingerprint };
}
