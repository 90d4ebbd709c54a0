import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { InferenceSession } from 'onnxruntime-node';
import type { Component } from '../../../src/pipeline/checkpoint/checkpoint.ts';
import { ALL_FOLDS } from '../../../src/pipeline/graph/blocks.ts';
import { GraphBuilder } from '../../../src/pipeline/graph/builder.ts';
import { clipTextGraph } from '../../../src/pipeline/graph/clip-text.ts';
import { decoderGraphs } from '../../../src/pipeline/graph/decoder.ts';
import type { GraphParts, Node, Value } from '../../../src/pipeline/graph/graph-parts.ts';
import { modelBytes } from '../../../src/pipeline/graph/model-bytes.ts';
import { priorGraphs } from '../../../src/pipeline/graph/prior.ts';
import { decodeGraph } from '../../../src/pipeline/graph/vqgan.ts';
import { fullSizeComponent } from '../full-size-graphs.ts';
import { WEBGPU } from './gpu-operators.ts';
import { isShapeArithmetic } from './placed.ts';

const SOFTWARE_DRIVER = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (!existsSync('/dev/dri') && !existsSync('/dev/nvidia0')) process.env.VK_DRIVER_FILES ??= SOFTWARE_DRIVER;

/** A node alone, with the constants that it reads on the host. */
function alone(node: Node, { initializers }: GraphParts): GraphParts {
  const host = WEBGPU[node.op]?.host ?? [];
  const given = node.inputs.flatMap((value, i) => (value ? [{ value, isHost: host.includes(i) }] : []));
  const constants = initializers.filter(({ name }) => given.some((one) => one.isHost && one.value.name === name));
  const inputs = given.map(({ value }) => value).filter(({ name }) => !constants.some((one) => one.name === name));
  const unique = [...new Map(inputs.map((value) => [value.name, value])).values()];
  return { name: node.op, nodes: [node], initializers: constants, inputs: unique, outputs: node.outputs };
}

function kind({ op, inputs, outputs }: Node): string {
  const typed = (value: Value | null) => (value ? `${value.dtype}[${value.shape.length}]` : '-');
  return `${op}(${inputs.map(typed).join(', ')}) → ${outputs.map(typed).join(', ')}`;
}

/** Whether this onnxruntime computes all of a graph on WebGPU. */
async function isOnWebGpu(parts: GraphParts): Promise<boolean> {
  try {
    const session = await InferenceSession.create(modelBytes(parts), {
      executionProviders: ['webgpu'],
      graphOptimizationLevel: 'disabled',
      logSeverityLevel: 4,
      extra: { session: { disable_cpu_ep_fallback: '1' } },
    });
    await session.release();
    return true;
  } catch (error) {
    assert.match(String(error), /fallback/i);
    return false;
  }
}

function graphsOf(
  open: Readonly<Record<'text' | 'prior' | 'decoder' | 'vqgan', Component>>,
  precision: 'fp32' | 'fp16',
) {
  const { text, prior, decoder, vqgan } = open;
  return [
    clipTextGraph(text.in(precision), ALL_FOLDS),
    ...Object.values(priorGraphs(prior.in(precision), ALL_FOLDS)),
    ...Object.values(decoderGraphs(decoder.in(precision), ALL_FOLDS)),
    decodeGraph(vqgan.in(precision), ALL_FOLDS, { output: 'pixels' }),
  ].filter((graph) => graph !== null);
}

test('the onnxruntime that is installed has kernels for WebGPU of every kind of node in the published model', async (t) => {
  const open = {
    text: await fullSizeComponent(t, 'wuerstchen-prior/text_encoder'),
    prior: await fullSizeComponent(t, 'wuerstchen-prior/prior'),
    decoder: await fullSizeComponent(t, 'wuerstchen/decoder'),
    vqgan: await fullSizeComponent(t, 'wuerstchen/vqgan'),
  };
  const kinds = new Map<string, GraphParts>();
  for (const graph of [...graphsOf(open, 'fp32'), ...graphsOf(open, 'fp16')]) {
    for (const node of graph.parts.nodes) {
      if (!isShapeArithmetic(node) && node.op !== 'Identity') kinds.set(kind(node), alone(node, graph.parts));
    }
  }
  assert.ok(kinds.size > 60, `${kinds.size} kinds`);
  const missing: string[] = [];
  for (const [name, parts] of kinds) if (!(await isOnWebGpu(parts))) missing.push(name);
  assert.deepEqual(missing, []);
});

test('what the table of WebGPU lacks is not there: rounding, and moving bytes', async () => {
  const rounding = new GraphBuilder('Round');
  rounding.output('y', rounding.unary('Round', rounding.input('x', 'f32', [2])));
  const moving = new GraphBuilder('Transpose');
  moving.output('y', moving.transpose(moving.input('x', 'u8', [2, 3]), [1, 0]));
  const absolute = new GraphBuilder('Abs');
  absolute.output('y', absolute.unary('Abs', absolute.input('x', 'f32', [2])));
  const found = await Promise.all([rounding, moving, absolute].map(({ parts }) => isOnWebGpu(parts)));
  assert.deepEqual(found, [false, false, true]);
});
