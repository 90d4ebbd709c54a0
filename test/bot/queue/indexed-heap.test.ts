import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { IndexedHeap } from '../../../src/bot/queue/indexed-heap.ts';

interface Item {
  value: number;
  readonly id: number;
  heapIndex: number;
}

const byValue = (a: Item, b: Item) => a.value - b.value || a.id - b.id;

describe('IndexedHeap', () => {
  test('agrees with a sorted array under any mix of push, pop, remove and move', () => {
    const operation = fc.record({
      kind: fc.constantFrom('push', 'push', 'pop', 'remove', 'move'),
      value: fc.integer({ min: 0, max: 20 }),
      pick: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
        const heap = new IndexedHeap<Item>(byValue);
        const model: Item[] = [];
        operations.forEach(({ kind, value, pick }, id) => {
          const chosen = model[pick % Math.max(1, model.length)];
          if (kind === 'push') {
            const item = { value, id, heapIndex: -1 };
            heap.push(item);
            model.push(item);
          } else if (kind === 'pop') {
            model.sort(byValue);
            assert.equal(heap.pop(), model.shift());
          } else if (chosen !== undefined && kind === 'remove') {
            heap.remove(chosen);
            model.splice(model.indexOf(chosen), 1);
            assert.equal(heap.has(chosen), false);
          } else if (chosen !== undefined) {
            chosen.value = value;
            heap.moved(chosen);
          }
          assert.deepEqual([...heap.ascending()], model.toSorted(byValue));
          assert.equal(heap.size, model.length);
          assert.ok([...heap].every((item) => heap.has(item)));
        });
      }),
      { numRuns: 200 },
    );
  });

  test('removes any of 100,000 items, and finds the next 25, with a few dozen comparisons', () => {
    let comparisons = 0;
    const heap = new IndexedHeap<Item>((a, b) => {
      comparisons += 1;
      return byValue(a, b);
    });
    const items = Array.from({ length: 100_000 }, (_, id) => ({ value: (id * 7919) % 100_003, id, heapIndex: -1 }));
    for (const item of items) heap.push(item);

    comparisons = 0;
    for (const item of items.slice(0, 1000)) heap.remove(item);
    assert.ok(comparisons < 1000 * 40, `${comparisons} comparisons for 1,000 removals`);

    comparisons = 0;
    const walk = heap.ascending();
    for (let taken = 0; taken < 25; taken++) assert.ok(!walk.next().done);
    assert.ok(comparisons < 25 * 40, `${comparisons} comparisons for the first 25`);
  });
});
