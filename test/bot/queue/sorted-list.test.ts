import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { SortedList } from '../../../src/bot/queue/sorted-list.ts';

interface Item {
  value: number;
  readonly id: number;
}

const byValue = (a: Item, b: Item) => a.value - b.value || a.id - b.id;

describe('SortedList', () => {
  test('agrees with a sorted array under any mix of adding, taking the first, deleting and moving', () => {
    const operation = fc.record({
      kind: fc.constantFrom('add', 'add', 'take', 'delete', 'move'),
      value: fc.integer({ min: 0, max: 20 }),
      pick: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
        const list = new SortedList<Item>(byValue);
        const model: Item[] = [];
        operations.forEach(({ kind, value, pick }, id) => {
          const chosen = model[pick % Math.max(1, model.length)];
          if (kind === 'add') {
            const item = { value, id };
            list.add(item);
            model.push(item);
          } else if (kind === 'take') {
            const [first] = model.sort(byValue).splice(0, 1);
            assert.equal(list.first, first);
            if (first !== undefined) list.delete(first);
          } else if (chosen !== undefined) {
            assert.equal(list.delete(chosen), true);
            assert.equal(list.delete(chosen), false);
            if (kind === 'delete') model.splice(model.indexOf(chosen), 1);
            else {
              chosen.value = value;
              list.add(chosen);
            }
          }
          assert.deepEqual([...list], model.toSorted(byValue));
          assert.equal(list.size, model.length);
        });
      }),
      { numRuns: 200 },
    );
  });

  test('removes any of 100,000 items, and finds the next 25, with a few dozen comparisons', () => {
    let comparisons = 0;
    const list = new SortedList<Item>((a, b) => {
      comparisons += 1;
      return byValue(a, b);
    });
    const items = Array.from({ length: 100_000 }, (_, id) => ({ value: (id * 7919) % 100_003, id }));
    for (const item of items) list.add(item);

    comparisons = 0;
    for (const item of items.slice(0, 1000)) list.delete(item);
    assert.ok(comparisons < 1000 * 40, `${comparisons} comparisons for 1,000 removals`);

    comparisons = 0;
    const walk = list[Symbol.iterator]();
    for (let taken = 0; taken < 25; taken++) assert.ok(!walk.next().done);
    assert.ok(comparisons < 25 * 40, `${comparisons} comparisons for the first 25`);
  });
});
