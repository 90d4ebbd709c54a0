/**
 * Time of each operation of the fair queue with 100,000 waiting jobs of 200 payers with 50 users each, and of a
 * restart with 10,000 jobs. Run with `node --import tsx bench/fair-queue.ts`.
 */
import { performance } from 'node:perf_hooks';
import type { FairOptions } from '../src/bot/queue/fair-job.ts';
import { FairQueue } from '../src/bot/queue/fair-queue.ts';

const PAYERS = 200;
const USERS = 50;
const run = async () => {};

function row(seq: number): FairOptions {
  const payer = `guild ${(seq * 7919) % PAYERS}`;
  return { id: `job${seq}`, payer, user: `user ${(seq * 104_729) % USERS}`, cost: 1 + (seq % 13), seq };
}

function measure(name: string, times: number, operation: (index: number) => void): void {
  const micros: number[] = [];
  for (let index = 0; index < times; index++) {
    const start = performance.now();
    operation(index);
    micros.push((performance.now() - start) * 1000);
  }
  micros.sort((a, b) => a - b);
  const quantile = (q: number) => (micros[Math.floor(q * (micros.length - 1))] ?? 0).toFixed(1).padStart(9);
  console.log(`${name.padEnd(36)} ${quantile(0.5)} ${quantile(0.99)} ${quantile(1)}`);
}

function filled(jobs: number): FairQueue {
  const queue = new FairQueue();
  for (let seq = 0; seq < jobs; seq++) queue.enqueue(run, row(seq));
  return queue;
}

console.log(`${'microseconds'.padEnd(36)} ${'median'.padStart(9)} ${'p99'.padStart(9)} ${'max'.padStart(9)}`);
const queue = new FairQueue();
measure('enqueue, up to 100,000', 100_000, (seq) => queue.enqueue(run, row(seq)));
measure('dequeue and settle', 10_000, () => {
  const { id = '' } = queue.places(1).next().value ?? {};
  queue.dequeue();
  queue.settle(id, 5);
});
const ids = [...queue.places()].map(({ id }) => id);
measure('remove by id', 10_000, (index) => queue.remove(ids[(index * 8) % ids.length] ?? ''));
measure('setPriority', 1000, (index) => queue.setPriority(ids[index * 8 + 1] ?? '', index % 3));
measure('positions of the first 25', 1000, () => [...queue.places(25)]);
measure('position of a job far back', 1000, (index) => queue.position(ids[ids.length - 8 * index - 1] ?? ''));
measure('costAhead of a job far back', 1000, (index) => queue.costAhead(ids[ids.length - 8 * index - 1] ?? ''));
measure('the whole order', 3, () => [...queue.places()]);

const before = filled(10_000);
const kept = before.changes().flatMap(({ share, ...row }) => (share === undefined ? [] : { ...row, ...share }));
measure('restart with 10,000 jobs', 5, () => {
  const after = new FairQueue();
  after.restore(kept);
  for (let seq = 0; seq < 10_000; seq++) after.enqueue(run, row(seq));
});
