import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planProcesses, type Shared } from '../../../src/pipeline/runtime/process-plan.ts';

const machine: Shared = { devices: () => [0, 1, 2], threads: () => 7, memory: () => 21e9 };
const loads = (...[wanted, shared = machine]: Parameters<typeof planProcesses>) =>
  planProcesses(wanted, shared).map(({ load }) => load);

test('one process has the whole machine, on the GPU that is named', () => {
  assert.deepEqual(loads({ provider: 'auto' }), [{ provider: 'auto', device: undefined, threads: undefined }]);
  assert.deepEqual(loads({ provider: 'cuda', devices: [2], threads: 5 }), [
    { provider: 'cuda', device: 2, threads: 5 },
  ]);
  const none = { ...machine, devices: () => [] };
  assert.deepEqual(loads({ provider: 'auto', devices: 'auto' }, none), loads({ provider: 'auto' }));
});

test('each of several GPUs has a process, which never paints on the processor instead', () => {
  const named = planProcesses({ provider: 'auto', devices: [3, 1] }, machine);
  assert.deepEqual(
    named.map(({ id, name }) => [id, name]),
    [
      ['gpu-3', 'GPU 3'],
      ['gpu-1', 'GPU 1'],
    ],
  );
  assert.deepEqual(
    named.map(({ load }) => load),
    [3, 1].map((device) => ({ provider: 'cuda', device, threads: 3 })),
  );
  assert.equal(new Set(named.map(({ hardware }) => hardware)).size, 2, 'each is measured by itself');
  assert.deepEqual(
    loads({ provider: 'cuda', devices: 'auto', threads: 2 }),
    [0, 1, 2].map((device) => ({ provider: 'cuda', device, threads: 1 })),
  );
  assert.equal(loads({ provider: 'cpu', devices: 'auto' }).length, 1, 'the processor is one device');
});

test('several processes on the processor share its threads and the memory', () => {
  assert.deepEqual(loads({ provider: 'auto', processes: 3 }), [
    { provider: 'cpu', threads: 3, memoryBudget: 7e9 },
    { provider: 'cpu', threads: 2, memoryBudget: 7e9 },
    { provider: 'cpu', threads: 2, memoryBudget: 7e9 },
  ]);
  assert.deepEqual(
    loads({ provider: 'cpu', processes: 2, threads: 4 }).map(({ threads }) => threads),
    [2, 2],
  );
});

test('processes that cannot be had are refused with what can', () => {
  assert.throws(() => planProcesses({ provider: 'cpu', processes: 8 }, machine), {
    code: 'processes_invalid',
    message: 'WUERST_PROCESSES=8 are more processes than the 7 threads that they would share.',
    hint: 'At most WUERST_PROCESSES=7.',
  });
  assert.throws(() => planProcesses({ provider: 'cuda', processes: 2 }, machine), /the provider is cuda/);
  assert.throws(
    () => planProcesses({ provider: 'auto', devices: [0], processes: 2 }, machine),
    /WUERST_DEVICE names GPUs/,
  );
});
