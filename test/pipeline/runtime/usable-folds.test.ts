import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALL_FOLDS, NO_FOLDS } from '../../../src/pipeline/graph/blocks.ts';
import { usableFolds } from '../../../src/pipeline/runtime/usable-folds.ts';

test('what does not depend on the timestep is computed in the step on CUDA, and once a picture elsewhere', () => {
  const conditioning = (provider: 'cuda' | 'webgpu' | 'cpu') =>
    usableFolds(ALL_FOLDS, { provider, fusedAttention: true }, true).conditioning;
  assert.deepEqual([conditioning('cuda'), conditioning('webgpu'), conditioning('cpu')], [false, true, true]);
});

test('attention is written in pieces where the operator is wrong or does not split it, and nothing is folded that was not asked for', () => {
  const right = { provider: 'webgpu', fusedAttention: true } as const;
  assert.deepEqual(usableFolds(ALL_FOLDS, right, true), ALL_FOLDS);
  assert.deepEqual(usableFolds(ALL_FOLDS, right, false), { ...ALL_FOLDS, wholeAttention: false });
  assert.deepEqual(usableFolds(ALL_FOLDS, { ...right, fusedAttention: false }, true), {
    ...ALL_FOLDS,
    ...{ wholeAttention: false, fusedAttention: false },
  });
  assert.deepEqual(usableFolds(NO_FOLDS, right, true), NO_FOLDS);
});
