import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placementMark, placementsIn } from '../../../src/pipeline/runtime/placement.ts';

const said = (line: number, text: string) =>
  `\u001b[m2026-11-28 12:00:00.5 [V:onnxruntime:, session_state.cc:${line} VerifyEachNodeIsAssignedToAnEp] ${text}\u001b[m\n`;

test('nodes of each graph are counted by provider and operator', () => {
  const log = [
    'What was said before.\n',
    placementMark('prior'),
    said(1, 'Node placements'),
    said(2, ' Node(s) placed on [CPUExecutionProvider]. Number of nodes: 3'),
    said(3, '  Concat (Concat_3)'),
    said(3, '  Mul (Mul_7)'),
    said(3, '  Concat (Concat_9)'),
    said(2, ' Node(s) placed on [WebGpuExecutionProvider]. Number of nodes: 2'),
    said(3, '  MemcpyToHost (Memcpy)'),
    said(3, '  Gemm (/blocks.0/Gemm)'),
    placementMark('vqgan'),
    said(4, ' All nodes placed on [CPUExecutionProvider]. Number of nodes: 12'),
  ].join('');
  assert.deepEqual(placementsIn(log), [
    {
      graph: 'prior',
      providers: [
        { provider: 'CPUExecutionProvider', nodes: 3, ops: { Concat: 2, Mul: 1 } },
        { provider: 'WebGpuExecutionProvider', nodes: 2, ops: { MemcpyToHost: 1, Gemm: 1 } },
      ],
    },
    { graph: 'vqgan', providers: [{ provider: 'CPUExecutionProvider', nodes: 12, ops: {} }] },
  ]);
  assert.deepEqual(placementsIn('Nothing of graphs.\n'), []);
});
