import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import PQueue from 'p-queue';
import type { FairOptions } from '../../../src/bot/queue/fair-job.ts';
import { FairQueue, type Share } from '../../../src/bot/queue/fair-queue.ts';

interface Row {
  readonly id: string;
  readonly payer: string;
  readonly user: string;
  readonly person?: string;
  /** Where it was asked for, which is the payer unless the person is. */
  readonly place: string;
  readonly cost: number;
  readonly seq: number;
}

/** Ids of the waiting jobs in the order in which they would start. */
function orderOf(queue: FairQueue): string[] {
  return [...queue.places()].map(({ id }) => id);
}

/** So many painters, each with one job at a time; what the queue reports for storage is kept, as a database would. */
class Bench {
  readonly queue: FairQueue;
  readonly shares = new Map<string, Share>();
  readonly waiting = new Map<string, Row>();
  readonly started: Row[] = [];
  readonly runs: Row[] = [];
  readonly #weights: Readonly<Record<string, number>>;
  readonly #persons: boolean;
  readonly #painters: number;
  #seq = 0;

  /** @param persons users of the same name are one person, whoever pays */
  constructor(weights: Readonly<Record<string, number>> = {}, persons = false, painters = 1) {
    this.#weights = weights;
    this.#persons = persons;
    this.#painters = painters;
    this.queue = this.#newQueue();
  }

  /** Of those that run, the one that was started first. */
  get running(): Row | null {
    return this.runs[0] ?? null;
  }

  add(place: string, user: string, cost: number): string {
    this.#seq += 1;
    const person = `person ${user}`;
    const payer = this.#persons ? this.queue.payerFor({ payer: place, person }) : place;
    const common = { id: `job ${this.#seq}`, payer, user, place, cost, seq: this.#seq };
    const row = this.#persons ? { ...common, person } : common;
    this.queue.enqueue(async () => {}, row);
    this.waiting.set(row.id, row);
    this.#store();
    return row.id;
  }

  cancel(id: string): void {
    this.queue.remove(id);
    this.waiting.delete(id);
    this.#store();
  }

  start(): Row | null {
    if (this.runs.length >= this.#painters) return null;
    const [next] = orderOf(this.queue);
    assert.equal(this.queue.dequeue() === undefined, next === undefined);
    if (next === undefined) return null;
    const row = this.waiting.get(next);
    assert.ok(row !== undefined);
    this.waiting.delete(next);
    this.runs.push(row);
    this.started.push(row);
    this.#store();
    return row;
  }

  finish(actual?: number, which = 0): void {
    const [row] = this.runs.splice(which, 1);
    if (row === undefined) return;
    this.queue.settle(row.id, actual ?? row.cost);
    this.#store();
  }

  /** Every painter that has nothing to do takes a job. */
  fill(): void {
    while (this.start() !== null);
  }

  /** Starts and finishes everything that waits. */
  drain(): string[] {
    const before = this.started.length;
    while (this.runs.length > 0) this.finish();
    while (this.start() !== null) this.finish();
    return this.started.slice(before).map((row) => row.id);
  }

  /** What a new process makes of the stored rows. */
  restarted(): FairQueue {
    const queue = this.#newQueue();
    queue.restore([...this.shares.values()]);
    for (const row of this.waiting.values()) queue.enqueue(async () => {}, row);
    for (const row of this.runs) queue.enqueue(async () => {}, { ...row, resumed: true });
    return queue;
  }

  #newQueue(): FairQueue {
    return new FairQueue((payer) => this.#weights[payer] ?? 1);
  }

  #store(): void {
    for (const { level, key, share } of this.queue.changes()) {
      if (share === undefined) this.shares.delete(`${level}/${key}`);
      else this.shares.set(`${level}/${key}`, { level, key, ...share });
    }
    this.queue.saved();
  }
}

const PAYERS = ['a', 'b', 'c', 'd', 'e'] as const;
const weights = fc.record(Object.fromEntries(PAYERS.map((payer) => [payer, fc.constantFrom(0.01, 0.5, 1, 1, 3, 100)])));
const cost = fc.constantFrom(0, 0.5, 1, 1, 1, 7, 300);
/** Actual cost of a run as a multiple of the estimate. */
const factor = fc.constantFrom(0, 0.5, 1, 1, 1, 10);
const operation = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(fc.constant('add'), fc.constantFrom(...PAYERS), fc.constantFrom('ann', 'bob'), cost),
  },
  { weight: 4, arbitrary: fc.tuple(fc.constant('turn'), fc.constant(''), fc.constant(''), factor) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('cancel'), fc.constant(''), fc.constant(''), fc.nat({ max: 1000 })) },
);
const schedule = fc.array(operation, { minLength: 10, maxLength: 120 });

function play(bench: Bench, [kind, payer, user, number]: [string, string, string, number]): void {
  if (kind === 'add') bench.add(payer, user, number);
  if (kind === 'turn') {
    bench.finish((bench.running?.cost ?? 0) * number);
    bench.start();
  }
  if (kind === 'cancel') {
    const ids = [...bench.waiting.keys()];
    bench.cancel(ids[number % Math.max(1, ids.length)] ?? 'unknown');
  }
}

describe('the order of the fair queue', () => {
  test("a newcomer's first job starts after at most one job of each other payer, whatever was queued before", () => {
    fc.assert(
      fc.property(schedule, schedule, weights, cost, (before, after, shares, newcomersCost) => {
        const bench = new Bench(shares);
        for (const step of before) play(bench, step);
        bench.start();
        const startedBefore = bench.started.length;
        const newcomersJob = bench.add('newcomer', 'eve', newcomersCost);
        for (const step of after) if (step[0] !== 'cancel') play(bench, step);
        bench.drain();

        const started = bench.started.slice(startedBefore);
        const others = started.slice(
          0,
          started.findIndex((row) => row.id === newcomersJob),
        );
        assert.ok(started.some((row) => row.id === newcomersJob));
        for (const payer of PAYERS) {
          const jobs = others.filter((row) => row.payer === payer).length;
          assert.ok(jobs <= 1, `${jobs} jobs of ${payer} started before the newcomer's`);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a new user of a busy payer waits for at most one job of each other user of that payer', () => {
    fc.assert(
      fc.property(schedule, weights, cost, (before, shares, newcomersCost) => {
        const bench = new Bench(shares);
        for (const step of before) play(bench, step);
        bench.start();
        const startedBefore = bench.started.length;
        const newcomersJob = bench.add('a', 'eve', newcomersCost);
        bench.drain();
        const started = bench.started.slice(startedBefore);
        const others = started.slice(
          0,
          started.findIndex((row) => row.id === newcomersJob),
        );
        for (const user of ['ann', 'bob']) {
          assert.ok(others.filter((row) => row.payer === 'a' && row.user === user).length <= 1);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('ten thousand waiting jobs of a flooder keep nine guests waiting for one of them only', () => {
    const bench = new Bench();
    for (let job = 0; job < 10_000; job++) bench.add('flooder', `user ${job % 7}`, 1);
    bench.start();
    const guests = Array.from({ length: 9 }, (_, guest) => bench.add(`guest ${guest}`, 'ann', 50));
    bench.finish();
    const next = Array.from({ length: 9 }, () => {
      const row = bench.start();
      bench.finish();
      return row?.id;
    });
    assert.deepEqual(next, guests);
  });

  test('between payers who always have work, accelerator seconds follow the weights within one job of each', () => {
    const times = fc.array(fc.double({ min: 0.1, max: 30, noNaN: true }), { minLength: 60, maxLength: 60 });
    fc.assert(
      fc.property(times, times, fc.constantFrom(0.25, 1, 2, 5), (costsOfA, costsOfB, weight) => {
        const bench = new Bench({ a: weight });
        for (const seconds of costsOfA) bench.add('a', 'ann', seconds);
        for (const seconds of costsOfB) bench.add('b', 'bob', seconds);
        const served = { a: 0, b: 0 };
        const left = { a: costsOfA.length, b: costsOfB.length };
        for (let row = bench.start(); row !== null && left.a > 0 && left.b > 0; row = bench.start()) {
          const payer = row.payer === 'a' ? 'a' : 'b';
          served[payer] += row.cost;
          left[payer] -= 1;
          bench.finish();
          const gap = Math.abs(served.a / weight - served.b);
          assert.ok(gap <= Math.max(...costsOfA) / weight + Math.max(...costsOfB) + 1e-6, `gap of ${gap}`);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('users of one payer share its turns, and each gets them first come, first served', () => {
    const bench = new Bench();
    const ann = Array.from({ length: 4 }, () => bench.add('a', 'ann', 2));
    const bob = Array.from({ length: 2 }, () => bench.add('a', 'bob', 2));
    const eve = bench.add('b', 'eve', 2);
    assert.deepEqual(bench.drain(), [ann[0], eve, bob[0], ann[1], bob[1], ann[2], ann[3]]);
  });

  test('everybody is served in the end, each user in the order of asking', () => {
    fc.assert(
      fc.property(schedule, weights, (steps, shares) => {
        const bench = new Bench(shares);
        for (const step of steps) play(bench, step);
        const waiting = [...bench.waiting.values()];
        bench.drain();
        assert.equal(bench.queue.size, 0);
        for (const { payer, user } of waiting) {
          const own = bench.started.filter((row) => row.payer === payer && row.user === user).map((row) => row.seq);
          assert.deepEqual(
            own,
            own.toSorted((a, b) => a - b),
          );
        }
        assert.deepEqual(
          [...bench.shares.keys()].filter((key) => key !== '/'),
          [],
          'accounts outlive the work',
        );
      }),
      { numRuns: 200 },
    );
  });

  test('being away earns nothing: who comes back after an hour gets one turn like everybody, not an hour of them', () => {
    const bench = new Bench();
    bench.add('away', 'ann', 1);
    for (let job = 0; job < 100; job++) bench.add('busy', 'bob', 36);
    for (let turn = 0; turn < 50; turn++) {
      bench.start();
      bench.finish();
    }
    for (let job = 0; job < 5; job++) bench.add('away', 'ann', 36);
    const payers = Array.from({ length: 6 }, () => {
      const row = bench.start();
      bench.finish();
      return row?.payer;
    });
    assert.deepEqual(payers, ['away', 'busy', 'away', 'busy', 'away', 'busy']);
  });
});

describe('several painters', () => {
  const PEOPLE = ['ann', 'bob', 'cid'] as const;
  const ending = fc.record({ kind: fc.constant('end' as const), which: fc.nat(), factor });
  const asking = fc.record({
    ...{ kind: fc.constant('add' as const), payer: fc.constantFrom(...PAYERS), user: fc.constantFrom(...PEOPLE), cost },
  });
  const leaving = fc.record({ kind: fc.constant('cancel' as const), which: fc.nat() });
  const event = fc.oneof(
    { weight: 6, arbitrary: asking },
    { weight: 6, arbitrary: ending },
    { weight: 1, arbitrary: leaving },
  );
  const events = fc.array(event, { minLength: 20, maxLength: 200 });
  type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;

  function happens(bench: Bench, what: Event): void {
    if (what.kind === 'add') bench.add(what.payer, what.user, what.cost);
    else if (what.kind === 'cancel') {
      bench.cancel([...bench.waiting.keys()][what.which % Math.max(1, bench.waiting.size)] ?? 'unknown');
    } else {
      const which = what.which % Math.max(1, bench.runs.length);
      bench.finish((bench.runs[which]?.cost ?? 0) * what.factor, which);
    }
    bench.fill();
  }

  for (const painters of [1, 4, 16]) {
    for (const persons of [false, true]) {
      const counted = persons ? 'share' : 'guild';
      test(`with ${painters}, a newcomer starts after the running jobs and at most one job of each other ${counted}`, () => {
        fc.assert(
          fc.property(events, events, weights, cost, (before, after, shares, newcomersCost) => {
            const bench = new Bench(shares, persons, painters);
            // All painters have work: else the newcomer would start at once.
            for (let index = 0; index < painters; index += 1) bench.add(`first ${index}`, `first ${index}`, 1);
            bench.fill();
            for (const what of before) happens(bench, what);
            const startedBefore = bench.started.length;
            const newcomersJob = bench.add('newcomer', 'eve', newcomersCost);
            bench.fill();
            for (const what of after) if (what.kind !== 'cancel') happens(bench, what);
            bench.drain();
            const started = bench.started.slice(startedBefore);
            const index = started.findIndex(({ id }) => id === newcomersJob);
            assert.ok(index >= 0);
            const others = started.slice(0, index).map(({ payer }) => payer);
            assert.equal(new Set(others).size, others.length, `before the newcomer started ${others}`);
          }),
          { numRuns: 200 },
        );
      });
    }

    test(`with ${painters}, a restart starts what ran first, and then the others in the same order`, () => {
      fc.assert(
        fc.property(events, weights, (before, shares) => {
          const bench = new Bench(shares, true, painters);
          for (const what of before) happens(bench, what);
          const running = bench.runs.toSorted((a, b) => a.seq - b.seq).map(({ id }) => id);
          assert.deepEqual(orderOf(bench.restarted()), [...running, ...orderOf(bench.queue)]);
        }),
        { numRuns: 100 },
      );
    });

    test(`with ${painters}, payers who always have work share the seconds by their weights, within so many jobs`, () => {
      const bench = new Bench({ a: 1, b: 3 }, false, painters);
      for (let index = 0; index < 400; index += 1) for (const payer of ['a', 'b']) bench.add(payer, 'ann', 1);
      bench.fill();
      for (let turn = 0; turn < 200; turn += 1) {
        bench.finish(undefined, turn % painters);
        bench.fill();
      }
      const of = (payer: string) => bench.started.filter((row) => row.payer === payer).length;
      assert.ok(Math.abs(of('b') - 3 * of('a')) <= 4, `${of('a')} and ${of('b')}`);
    });
  }
});

describe('jobs that not every painter can make', () => {
  const blocked = new Set<string>();
  const seconds = fc.integer({ min: 1, max: 30 });

  function queueOf(jobs: readonly (readonly [payer: string, cost: number])[]) {
    const queue = new FairQueue(undefined, (id) => !blocked.has(id));
    const started: string[] = [];
    const add = (payer: string, user: string, cost: number, seq: number) => {
      const id = `${payer} ${seq}`;
      queue.enqueue(async () => void started.push(payer), { id, payer, user, cost, seq });
      return id;
    };
    const ids = jobs.map(([payer, cost], seq) => add(payer, 'ann', cost, seq));
    const start = async () => {
      const run = queue.dequeue();
      await run?.();
      return run !== undefined;
    };
    return { queue, started, add, ids, start };
  }

  test('let the ones behind them start, and lose nothing by it', async () => {
    const { queue, started, ids, start } = queueOf([
      ['a', 9],
      ['a', 1],
      ['b', 9],
      ['b', 9],
      ['c', 9],
    ]);
    blocked.add(ids[0] ?? '');
    for (let turn = 0; turn < 3; turn += 1) await start();
    assert.deepEqual(started, ['b', 'c', 'b'], 'no job of a user passes an earlier one');
    assert.equal(queue.mayStart, false);
    assert.equal(await start(), false);
    blocked.clear();
    for (let turn = 0; turn < 2; turn += 1) await start();
    assert.deepEqual(started.slice(3), ['a', 'a']);
  });

  test('keep the bound: at most one of each other guild starts before a newcomer that anybody can make', async () => {
    const job = fc.tuple(fc.constantFrom(...PAYERS), seconds);
    await fc.assert(
      fc.asyncProperty(
        fc.array(job, { minLength: 10, maxLength: 40 }),
        fc.nat(),
        seconds,
        async (jobs, turns, cost) => {
          const { started, ids, start, add } = queueOf(jobs);
          // The guilds of `a` and `b` need a painter that is away for so many turns.
          for (const id of ids) if (/^[ab] /.test(id)) blocked.add(id);
          for (let turn = 0; turn < turns % jobs.length; turn += 1) await start();
          blocked.clear();
          const before = started.length;
          add('newcomer', 'eve', cost, jobs.length);
          while (await start());
          const others = started.slice(before, started.indexOf('newcomer'));
          assert.equal(new Set(others).size, others.length, `before the newcomer started ${others}`);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('one person with many payers', () => {
  const PEOPLE = ['ann', 'bob', 'cid'] as const;
  const busy = fc.array(
    fc.oneof(
      {
        weight: 5,
        arbitrary: fc.tuple(fc.constant('add'), fc.constantFrom(...PAYERS), fc.constantFrom(...PEOPLE), cost),
      },
      { weight: 4, arbitrary: fc.tuple(fc.constant('turn'), fc.constant(''), fc.constant(''), factor) },
      {
        weight: 1,
        arbitrary: fc.tuple(fc.constant('cancel'), fc.constant(''), fc.constant(''), fc.nat({ max: 1000 })),
      },
    ),
    { minLength: 10, maxLength: 120 },
  );

  test("a newcomer's first job starts after at most one job of each other share, and two of each other person", () => {
    fc.assert(
      fc.property(busy, busy, weights, cost, (before, after, shares, newcomersCost) => {
        const bench = new Bench(shares, true);
        for (const step of before) play(bench, step);
        bench.start();
        const startedBefore = bench.started.length;
        const newcomersJob = bench.add('newcomer', 'eve', newcomersCost);
        for (const step of after) if (step[0] !== 'cancel') play(bench, step);
        bench.drain();
        const started = bench.started.slice(startedBefore);
        const index = started.findIndex((row) => row.id === newcomersJob);
        assert.ok(index >= 0);
        const others = started.slice(0, index);
        for (const share of new Set(others.map(({ payer }) => payer))) {
          assert.ok(others.filter(({ payer }) => payer === share).length <= 1, `two jobs of ${share} came before`);
        }
        for (const person of PEOPLE) {
          assert.ok(others.filter(({ user }) => user === person).length <= 2, `more than two jobs of ${person}`);
        }
      }),
      { numRuns: 500 },
    );
  });

  for (const [guilds, seconds] of [
    [30, 1],
    [7, 20],
  ] as const) {
    test(`who asks in ${guilds} guilds at once gets the turns of one`, () => {
      const bench = new Bench({}, true);
      for (let job = 0; job < guilds; job += 1) bench.add(`guild ${job}`, 'ann', seconds);
      for (let job = 0; job < guilds; job += 1) bench.add('village', 'bob', seconds);
      const turns = bench.drain().slice(0, guilds);
      const own = bench.started.filter(({ id, user }) => user === 'ann' && turns.includes(id));
      assert.ok(Math.abs(own.length - guilds / 2) <= 1, `${own.length} of ${guilds} turns`);
    });
  }

  test('who asks in one guild after the other, with nothing else unfinished, gets the turns of one', () => {
    const bench = new Bench({}, true);
    for (let job = 0; job < 40; job += 1) bench.add('village', 'bob', 1);
    bench.start();
    for (let job = 0; job < 30; job += 1) {
      const id = bench.add(`guild ${job}`, 'ann', 1);
      while (bench.waiting.has(id)) {
        bench.finish();
        bench.start();
      }
    }
    const own = bench.started.filter(({ user }) => user === 'ann').length;
    assert.ok(bench.started.length >= own * 2 - 1, `${own} of ${bench.started.length} turns`);
  });

  test("in a busy guild, a person's work elsewhere takes nothing from the others, nor theirs from it", () => {
    const bench = new Bench({}, true);
    for (let job = 0; job < 5; job += 1) for (const user of PEOPLE) bench.add('village', user, 1);
    const elsewhere = bench.add('castle', 'ann', 1);
    const order = bench.drain();
    assert.ok(order.indexOf(elsewhere) < 6, 'her own share, not the last place in the village');
    const inVillage = bench.started.filter(({ payer }) => payer === 'village').map(({ user }) => user);
    assert.deepEqual(inVillage, Array.from({ length: 5 }, () => PEOPLE).flat());
  });

  test('people who ask through one payer each take turns as if nobody looked at persons', () => {
    fc.assert(
      fc.property(busy, weights, (steps, shares) => {
        const [plain, counted] = [new Bench(shares), new Bench(shares, true)];
        for (const [kind, payer, user, number] of steps) {
          for (const bench of [plain, counted]) play(bench, [kind, payer, `${user} of ${payer}`, number]);
          assert.deepEqual(orderOf(counted.queue), orderOf(plain.queue));
        }
      }),
      { numRuns: 200 },
    );
  });

  test('positions are the order of starts, everybody is served, and a restart changes nothing', () => {
    fc.assert(
      fc.property(busy, weights, (steps, shares) => {
        const bench = new Bench(shares, true);
        for (const step of steps) {
          play(bench, step);
          const running = bench.running === null ? [] : [bench.running.id];
          assert.deepEqual(orderOf(bench.restarted()), [...running, ...orderOf(bench.queue)]);
        }
        const order = orderOf(bench.queue);
        assert.deepEqual(
          [...bench.queue.places(7)].map(({ id }) => id),
          order.slice(0, 7),
        );
        assert.deepEqual(bench.drain(), order);
        assert.equal(bench.queue.size, 0);
        for (const place of PAYERS) {
          for (const user of PEOPLE) {
            const own = bench.started.filter((row) => row.place === place && row.user === user).map(({ seq }) => seq);
            assert.deepEqual(
              own,
              own.toSorted((a, b) => a - b),
              'in one place, everybody is served in order of asking',
            );
          }
        }
        assert.deepEqual(
          [...bench.shares.keys()].filter((key) => key !== '/'),
          [],
          'accounts outlive the work',
        );
      }),
      { numRuns: 200 },
    );
  });
});

describe('charges', () => {
  test('a job that took longer than estimated delays the next one of its payer, and a shorter one brings it forward', () => {
    for (const { actual, expected } of [
      { actual: 30, expected: ['b', 'b', 'b', 'a'] },
      { actual: 1, expected: ['b', 'a', 'b', 'b'] },
    ]) {
      const bench = new Bench();
      bench.add('a', 'ann', 10);
      bench.start();
      bench.add('a', 'ann', 10);
      for (let job = 0; job < 3; job++) bench.add('b', 'bob', 10);
      bench.finish(actual);
      assert.deepEqual(
        bench.drain().map((id) => bench.started.find((row) => row.id === id)?.payer),
        expected,
      );
    }
  });

  test('cancelling waiting jobs leaves the others in the order they would have had without them', () => {
    const withThem = new Bench();
    const without = new Bench();
    const kept: string[] = [];
    for (let job = 0; job < 30; job++) {
      const payer = PAYERS[job % 3] ?? 'a';
      const id = withThem.add(payer, 'ann', 1 + (job % 4));
      if (job % 2 === 0) withThem.cancel(id);
      else {
        without.add(payer, 'ann', 1 + (job % 4));
        kept.push(id);
      }
    }
    const order = orderOf(withThem.queue).map((id) => kept.indexOf(id));
    const expected = orderOf(without.queue).map((id) => Number(id.slice(4)) - 1);
    assert.deepEqual(order, expected);
  });

  test('a job that fails at once still counts as a turn, so that a stream of them blocks nobody', () => {
    const bench = new Bench();
    for (let job = 0; job < 100; job++) bench.add('broken', 'ann', 5);
    bench.start();
    bench.finish(0);
    bench.add('guest', 'bob', 5);
    const payers = Array.from({ length: 2 }, () => {
      const row = bench.start();
      bench.finish(0);
      return row?.payer;
    });
    assert.ok(payers.includes('guest'), payers.join());
  });

  test('refuses a job without payer, user, order or finite cost, and an id that waits already', () => {
    const queue = new FairQueue();
    const row = { id: 'x', payer: 'a', user: 'ann', cost: 1, seq: 1 };
    const run = async () => {};
    for (const broken of [
      { payer: '' },
      { user: '' },
      { id: '' },
      { cost: Number.NaN },
      { cost: -1 },
      { cost: Infinity },
    ]) {
      assert.throws(() => queue.enqueue(run, { ...row, ...broken }), TypeError);
    }
    assert.throws(() => queue.enqueue(run), TypeError);
    queue.enqueue(run, row);
    assert.throws(() => queue.enqueue(run, row), /`x`, which waits or runs already/);
    assert.equal(queue.size, 1);
  });
});

describe('positions', () => {
  test('say how many jobs start before, in the exact order, without disturbing it', () => {
    fc.assert(
      fc.property(schedule, weights, (steps, shares) => {
        const bench = new Bench(shares);
        for (const step of steps) play(bench, step);
        const order = orderOf(bench.queue);
        const places = [...bench.queue.places(10)];
        order.forEach((id, index) => {
          assert.equal(bench.queue.position(id), index <= 25 ? index : null);
          assert.equal(bench.queue.position(id, Number.POSITIVE_INFINITY), index);
        });
        assert.deepEqual(
          places.map((place) => place.id),
          order.slice(0, 10),
        );
        assert.deepEqual(bench.drain(), order);
      }),
      { numRuns: 200 },
    );
  });

  test('are right after every single change, however often they were asked for before', () => {
    fc.assert(
      fc.property(schedule, weights, (steps, shares) => {
        const bench = new Bench(shares);
        for (const step of steps) {
          play(bench, step);
          const places = [...bench.queue.places(25)];
          assert.deepEqual(
            places.map((place) => place.id),
            orderOf(bench.queue).slice(0, 25),
          );
        }
      }),
      { numRuns: 200 },
    );
  });

  test('follow a change of weights and of priorities', () => {
    let weight = 1;
    const queue = new FairQueue((payer) => (payer === 'a' ? weight : 1));
    const ids = ['a1', 'b1', 'a2', 'b2', 'a3', 'b3'];
    for (const [seq, id] of ids.entries()) {
      queue.enqueue(async () => {}, { id, payer: id[0] ?? '', user: 'ann', cost: 2, seq });
    }
    const order = () => orderOf(queue);
    assert.deepEqual(order(), ids);
    weight = 4;
    queue.reweighed();
    assert.deepEqual(order(), ['a1', 'b1', 'a2', 'a3', 'b2', 'b3']);
    queue.setPriority('b3', 1);
    assert.deepEqual(order(), ['a1', 'b3', 'a2', 'a3', 'b1', 'b2']);
  });

  test('are unknown for a job that is not waiting', () => {
    assert.equal(new FairQueue().position('nobody'), null);
    assert.equal(new FairQueue().costAhead('nobody'), null);
  });

  test('the cost ahead is exact near the front, and with equal weights, further back off by less than a round of every user', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 1000 }), { minLength: 900, maxLength: 900 }), (random) => {
        const bench = new Bench();
        const numbers = random.values();
        const pick = () => numbers.next().value ?? 0;
        for (let job = 0; job < 300; job++)
          bench.add(PAYERS[pick() % 5] ?? 'a', `user ${pick() % 3}`, 1 + (pick() % 20));
        let ahead = 0;
        const largest = 20;
        const [payers, users] = [5, 3];
        // Among the users of its payer the estimate is off by at most a job of each other user. Every payer is served as
        // much as this one before the job starts, so that counts once for each of them; and each other payer may be a job off.
        const jobsOff = payers * (users - 1) + (payers - 1);
        orderOf(bench.queue).forEach((id, index) => {
          const estimate = bench.queue.costAhead(id) ?? Number.NaN;
          const allowed = index < 25 ? 1e-6 : largest * jobsOff;
          assert.ok(Math.abs(estimate - ahead) <= allowed, `${index}: ${estimate}, is ${ahead}`);
          ahead += bench.waiting.get(id)?.cost ?? 0;
        });
      }),
      { numRuns: 20 },
    );
  });
});

describe('after a restart', () => {
  test('the waiting jobs start in the same order, at whatever moment it came; what was running goes first', () => {
    fc.assert(
      fc.property(schedule, weights, (steps, shares) => {
        const bench = new Bench(shares);
        for (const step of steps) {
          play(bench, step);
          const running = bench.running === null ? [] : [bench.running.id];
          assert.deepEqual(orderOf(bench.restarted()), [...running, ...orderOf(bench.queue)]);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('later arrivals and corrections are treated as without it', () => {
    fc.assert(
      fc.property(
        schedule,
        schedule,
        weights,
        fc.double({ min: 0, max: 50, noNaN: true }),
        (before, after, shares, actual) => {
          const bench = new Bench(shares);
          for (const step of before) play(bench, step);
          const restarted = bench.restarted();
          if (bench.running !== null) {
            assert.ok(restarted.dequeue() !== undefined);
            restarted.settle(bench.running.id, actual);
            bench.finish(actual);
          }
          for (const [kind, payer, user, number] of after) {
            if (kind === 'add') {
              const id = bench.add(payer, user, number);
              const row = bench.waiting.get(id);
              assert.ok(row !== undefined);
              restarted.enqueue(async () => {}, row);
            } else if (bench.start() !== null) {
              assert.ok(restarted.dequeue() !== undefined);
              const id = bench.running?.id ?? '';
              bench.finish(number);
              restarted.settle(id, number);
            }
            assert.deepEqual(orderOf(restarted), orderOf(bench.queue));
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  test('cancelling the job that was running gives its whole charge back', () => {
    const bench = new Bench();
    bench.add('a', 'ann', 10);
    bench.add('a', 'ann', 1);
    bench.start();
    bench.add('b', 'bob', 1);
    bench.add('b', 'bob', 1);
    const queue = bench.restarted();
    assert.deepEqual(orderOf(queue), ['job 1', 'job 3', 'job 4', 'job 2']);
    queue.remove('job 1');
    assert.deepEqual(orderOf(queue), ['job 2', 'job 3', 'job 4']);
  });

  test('a database without any shares still gives a fair order', () => {
    const queue = new FairQueue();
    queue.restore([]);
    for (const [seq, payer] of ['a', 'a', 'a', 'b'].entries()) {
      queue.enqueue(async () => {}, { id: `${seq}`, payer, user: 'ann', cost: 1, seq });
    }
    assert.deepEqual(orderOf(queue), ['0', '3', '1', '2']);
  });
});

describe('as the queue class of p-queue', () => {
  const options = (id: string, payer: string, seq: number) => ({ id, payer, user: 'ann', cost: 1, seq });

  /** With the queue inside it, which p-queue makes itself. */
  function pausedQueue() {
    const made: FairQueue[] = [];
    class Noted extends FairQueue {
      constructor() {
        super();
        made.push(this);
      }
    }
    const queue = new PQueue({ concurrency: 1, autoStart: false, queueClass: Noted });
    return { queue, fair: () => made.at(-1) ?? assert.fail('p-queue made no queue') };
  }

  test('runs jobs in the fair order, one at a time', async () => {
    const { queue, fair } = pausedQueue();
    const ran: string[] = [];
    for (const [seq, payer] of ['a', 'a', 'a', 'b', 'c'].entries()) {
      const id = `${payer}${seq}`;
      void queue.add(async () => ran.push(id), options(id, payer, seq));
    }
    const ofA: Partial<FairOptions> = { payer: 'a' };
    assert.equal(queue.sizeBy(ofA), 3);
    queue.start();
    await queue.onIdle();
    assert.deepEqual(ran, ['a0', 'b3', 'c4', 'a1', 'a2']);
    assert.equal(
      fair()
        .changes()
        .filter(({ share }) => share !== undefined).length,
      1,
      'only the clock is left to store',
    );
  });

  test('takes an aborted job out, passes errors on, moves a job among those of its user and empties itself', async () => {
    const { queue, fair } = pausedQueue();
    const abort = new AbortController();
    const ran: string[] = [];
    const aborted = queue.add(async () => ran.push('x'), { ...options('x', 'a', 1), signal: abort.signal });
    const failed = queue.add(() => Promise.reject(new Error('boom')), options('y', 'a', 2));
    const late = queue.add(async () => ran.push('z'), options('z', 'a', 3));
    abort.abort(new Error('no longer wanted'));
    await assert.rejects(aborted, /no longer wanted/);
    assert.deepEqual(orderOf(fair()), ['y', 'z']);
    queue.setPriority('z', 1);
    assert.deepEqual(orderOf(fair()), ['z', 'y']);
    assert.throws(() => queue.setPriority('x', 1), ReferenceError);
    queue.start();
    await assert.rejects(failed, /boom/);
    await late;
    assert.deepEqual(ran, ['z']);

    queue.pause();
    void queue.add(async () => ran.push('never'), options('v', 'a', 4));
    queue.clear();
    assert.equal(fair().size, 0);
    queue.start();
    await queue.onIdle();
    assert.deepEqual(ran, ['z']);
  });
});
