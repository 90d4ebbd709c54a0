import assert from 'node:assert/strict';
import type { History } from '../src/bot/history/history.ts';
import type { Job } from '../src/bot/job.ts';

/** Every job of these rooms has one end, told once, and if that is a good one, every picture with its file. */
export function assertEndedOnce(history: History, rooms: readonly string[]): readonly Job[] {
  const jobs = history.lists.page({ surface: 'web', limit: 1000 });
  const events = rooms.flatMap((room) => history.events.since('web', room, 0, 10_000));
  for (const job of jobs) {
    const told = events.filter((event) => event.job.id === job.id).map(({ type }) => type);
    const ends = told.filter((type) => type === 'done' || type === 'failed' || type === 'cancelled');
    assert.deepEqual(ends, [job.state], `${job.id}: ${told}`);
    if (job.state !== 'done') {
      assert.match(job.error?.message ?? '', /given up/);
      continue;
    }
    assert.deepEqual(
      job.images.map(({ index }) => index),
      Array.from({ length: job.request.n }, (_, index) => index),
    );
    assert.equal(told.filter((type) => type === 'image').length, job.request.n);
    assert.ok(job.images.every(({ id }) => history.images.file(id)?.state === 'present'));
  }
  return jobs;
}
