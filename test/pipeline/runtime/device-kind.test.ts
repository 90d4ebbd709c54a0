import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deviceKind } from '../../../src/pipeline/runtime/device-kind.ts';

const FACTS = {
  gpu: (device = 0) => ['NVIDIA L4', 'NVIDIA T4', 'NVIDIA L4'][device] ?? null,
  drivers: () => 'a hash of drivers',
  processor: () => 'a processor avx2',
  host: () => 'here',
};

test('what computes is told by the model of a CUDA device, the drivers of WebGPU, and the processor', () => {
  const cuda = (device?: number) => deviceKind('cuda', device, FACTS);
  assert.equal(cuda(), 'NVIDIA L4');
  assert.equal(cuda(0), cuda(2));
  assert.notEqual(cuda(0), cuda(1));
  assert.equal(deviceKind('webgpu', undefined, FACTS), 'a hash of driver');
  assert.equal(deviceKind('cpu', undefined, FACTS), 'a processor avx2');
});

test('a GPU whose model nobody tells is like none of another machine', () => {
  const unknown = { ...FACTS, gpu: () => null, drivers: () => null };
  for (const provider of ['cuda', 'webgpu'] as const) {
    const [here, there] = ['here', 'there'].map((name) => deviceKind(provider, 9, { ...unknown, host: () => name }));
    assert.notEqual(here, there);
  }
});

test('this processor is described the same each time', () => {
  assert.equal(deviceKind('cpu'), deviceKind('cpu'));
  assert.ok(deviceKind('cpu').length > 3);
});
