import type { Hono } from 'hono';
import { REHEARSED, REHEARSED_DONE, rehearsedStep, rehearseWire } from '../rehearsal.ts';
import type { Attempts } from './attempts.ts';

/** Takes an attempt that nobody paints from its request to its end: the first real one finds everything compiled. */
export async function rehearse(intake: Pick<Hono, 'request'>, attempts: Attempts): Promise<void> {
  rehearseWire();
  const attempt = attempts.open(REHEARSED);
  const reading = (async () => {
    for await (const _ of attempt.events());
  })();
  reading.catch(() => {});
  try {
    await intake.request(attempt.path);
    await intake.request(`${attempt.path}/steps`, { method: 'POST', body: rehearsedStep() });
    await intake.request(`${attempt.path}/end`, { method: 'POST', body: JSON.stringify(REHEARSED_DONE) });
    await reading;
  } finally {
    attempts.close(attempt);
  }
}
