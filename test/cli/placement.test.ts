import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { placementLine, placementOf } from '../../src/cli/placement.ts';
import { WEBGPU } from '../pipeline/graph/gpu-operators.ts';
import { temporaryFolder } from '../pipeline/temporary-folder.ts';

const COCKTAIL = join(import.meta.dirname, '../../data/models/cocktail');
/** Without a GPU, the software Vulkan driver that comes with Debian's Chromium computes. */
if (!existsSync('/dev/dri') && !existsSync('/dev/nvidia0')) {
  process.env.VK_DRIVER_FILES ??= '/usr/lib/chromium/vk_swiftshader_icd.json';
}
const CPU = 'CPUExecutionProvider';
const GRAPHS = [
  ...['clip-text', 'prior-conditioning', 'prior', 'clip-text'],
  ...['decoder-conditioning', 'decoder', 'vqgan-decode-pixels'],
];
/** onnxruntime's own. */
const COPIES = ['MemcpyFromHost', 'MemcpyToHost'];
/** Arithmetic on shapes, and the ids and masks of a text. */
const ON_THE_CPU = new Set(['Concat', 'Div', 'Mul', 'Shape']);
const OF_TEXTS = new Set([...ON_THE_CPU, 'Slice', 'Reshape', 'GreaterOrEqual']);

test('a session on WebGPU leaves arithmetic on shapes to the CPU and nothing else, as the table of operators says', async () => {
  const placements = await placementOf(COCKTAIL, 'webgpu', 'fp32');
  assert.deepEqual(
    placements.map(({ graph }) => graph),
    GRAPHS,
  );
  for (const { graph, providers } of placements) {
    assert.ok(
      providers.some(({ provider, nodes }) => provider === 'WebGpuExecutionProvider' && nodes > 0),
      graph,
    );
    for (const { provider, ops } of providers) {
      const allowed = graph === 'clip-text' ? OF_TEXTS : ON_THE_CPU;
      const known =
        graph === 'clip-text' ? [...Object.keys(WEBGPU), 'Shape', ...COPIES] : [...Object.keys(WEBGPU), 'Shape'];
      const wrong = Object.keys(ops).filter((op) => (provider === CPU ? !allowed.has(op) : !known.includes(op)));
      assert.deepEqual(wrong, [], `${graph} on ${provider}`);
    }
  }
});

test('a placement is a line, with what is copied', () => {
  const gpu = { provider: 'CUDAExecutionProvider', nodes: 3, ops: { Gemm: 1, MemcpyToHost: 1, MemcpyFromHost: 1 } };
  const cpu = { provider: CPU, nodes: 1, ops: { Round: 1 } };
  assert.equal(
    placementLine({ graph: 'vqgan', providers: [cpu, gpu] }),
    'vqgan: 3 nodes on CUDA, 1 node on the CPU (Round 1); 2 copies between them',
  );
  assert.equal(
    placementLine({ graph: 'prior', providers: [{ provider: CPU, nodes: 12, ops: {} }] }),
    'prior: 12 nodes on the CPU',
  );
});

test('sessions that cannot be created are an error with the reason', async (t) => {
  const folder = await temporaryFolder(t);
  await assert.rejects(placementOf(folder, 'cpu', 'fp32'), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'placement_unknown');
    assert.match(error.message, /^The sessions of .+ cannot be created on cpu: .+/);
    assert.doesNotMatch(error.message, /ended without a word/);
    return true;
  });
});
