import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tensor as OrtTensor } from 'onnxruntime-node';
import { type Conditioning, pickRows } from '../../../src/pipeline/networks/conditioning.ts';
import { KeptOutputs } from '../../../src/pipeline/networks/kept-outputs.ts';

function given(...values: number[]): Conditioning {
  const perRow = { text: { data: Float32Array.from(values), dims: [values.length, 1] } };
  const shared = { mx: { data: Float32Array.of(1, 2), dims: [1, 2] } };
  return { rows: values.length, perRow, shared, adapter: null };
}

/** Tensors that count as lying on a device, and the names of those that were freed. */
function device() {
  const freed: string[] = [];
  const made: string[] = [];
  const make = (name: string) => async () => {
    made.push(name);
    // The binding takes any object for a buffer.
    const buffer = {} as Parameters<typeof OrtTensor.fromGpuBuffer>[0];
    return { k0: OrtTensor.fromGpuBuffer(buffer, { dims: [1], dispose: () => freed.push(name) }) };
  };
  return { freed, made, make };
}

const nothing = async () => {};

test('what was computed of the same texts is used again, and of those used longest ago freed', async () => {
  const { freed, made, make } = device();
  const kept = new KeptOutputs(2);
  for (const value of [1, 2, 1, 3, 1]) await kept.use(given(value), make(`${value}`), nothing);
  assert.deepEqual([made, freed], [['1', '2', '3'], ['2']]);
  kept.forget();
  assert.deepEqual(freed.toSorted(), ['1', '2', '3']);
});

test('what is dropped while it is in use is freed after that', async () => {
  const { freed, make } = device();
  const kept = new KeptOutputs(1);
  await kept.use(given(1), make('1'), async () => {
    await kept.use(given(2), make('2'), nothing);
    assert.deepEqual(freed, []);
  });
  assert.deepEqual(freed, ['1']);
  kept.forget();
  assert.deepEqual(freed.toSorted(), ['1', '2']);
});

test('failed work frees what was dropped, and a failure to compute is not kept', async () => {
  const { freed, make } = device();
  const kept = new KeptOutputs(1);
  const fails = async () => {
    kept.forget();
    throw new Error('lost');
  };
  await assert.rejects(kept.use(given(1), make('1'), fails), { message: 'lost' });
  assert.deepEqual(freed, ['1']);
  await assert.rejects(kept.use(given(1), fails, nothing), { message: 'lost' });
  assert.equal(await kept.use(given(1), make('1'), async ({ k0 }) => k0?.location), 'gpu-buffer');
});

test('a device forgets with its sessions, memory does not', async () => {
  const { freed, made, make } = device();
  const kept = new KeptOutputs(2);
  await kept.use(given(1), make('device'), nothing);
  const inMemory = async () => ({ k0: new OrtTensor('float32', Float32Array.of(1), [1]) });
  await kept.use(given(2), inMemory, nothing);
  kept.forgetOnDevice();
  assert.deepEqual(freed, ['device']);
  await kept.use(given(2), make('again'), nothing);
  assert.deepEqual(made, ['device']);
});

test('rows of a batch are those of what belongs to rows, in any order', () => {
  const { rows, perRow, shared } = pickRows(given(10, 20, 30), [2, 0]);
  assert.deepEqual([rows, [...(perRow.text?.data ?? [])], perRow.text?.dims], [2, [30, 10], [2, 1]]);
  assert.deepEqual(shared, given(1).shared);
});
