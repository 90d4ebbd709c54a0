/**
 * A second process at a data folder. `node … history-child.ts <what> <folder>`, where `what` is
 * `hold` (take the write lock until stdin ends), `claim` (accept 60 jobs under the keys k0…k59 and print their ids)
 * or `work` (take jobs through their states for ever, printing each step after it returned).
 */
import { join } from 'node:path';
import { History } from '../../../src/bot/history/history.ts';
import { openSqlite } from '../../../src/system/sqlite.ts';
import { finishedImage, newJob } from './history-fixture.ts';

const [what, folder = ''] = process.argv.slice(2);

if (what === 'hold') {
  const sqlite = openSqlite(join(folder, 'wuerst.db'));
  sqlite.exec('BEGIN IMMEDIATE');
  console.log('held');
  process.stdin.resume().once('end', () => sqlite.close());
} else if (what === 'claim') {
  const history = History.open({ folder, busyTimeoutMs: 20_000 });
  const ids = Array.from(
    { length: 60 },
    (_, index) => history.jobs.accept(newJob({ idempotencyKey: `k${index}` })).job.id,
  );
  console.log(ids.join(' '));
  history.close();
} else if (what === 'work') {
  const history = History.open({ folder });
  for (let round = 0; ; round += 1) {
    const { job } = history.jobs.accept(newJob({ idempotencyKey: `${process.pid}-${round}`, estimate: 10 }));
    console.log(`queued ${job.id}`);
    history.jobs.start(job.id);
    console.log(`running ${job.id}`);
    for (const index of [0, 1]) {
      // Every third picture has the bytes of another one.
      const png = Buffer.alloc(20_000, `${round % 3 === 0 ? 'same' : `${process.pid}-${round}-${index}`}`);
      const event = await history.images.finish(job.id, finishedImage('', { index, png }));
      if (event?.type === 'image') console.log(`image ${job.id} ${event.image.hash}`);
    }
    if (round % 5 === 4) history.jobs.cancel(job.id, { code: 'cancelled', message: 'By the test.' });
    else history.jobs.finish(job.id, { seconds: 3 });
    console.log(`${round % 5 === 4 ? 'cancelled' : 'done'} ${job.id}`);
  }
}
