import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Component } from '../../../src/pipeline/checkpoint/checkpoint.ts';
import { ALL_FOLDS, NO_FOLDS } from '../../../src/pipeline/graph/blocks.ts';
import { GraphBuilder, type Value } from '../../../src/pipeline/graph/builder.ts';
import { clipTextGraph } from '../../../src/pipeline/graph/clip-text.ts';
import { decoderGraphs } from '../../../src/pipeline/graph/decoder.ts';
import type { GraphParts } from '../../../src/pipeline/graph/graph-parts.ts';
import { groupsOf, type SeamedGraph } from '../../../src/pipeline/graph/groups.ts';
import { priorGraphs } from '../../../src/pipeline/graph/prior.ts';

const COCKTAIL = join(import.meta.dirname, '../../../data/models/cocktail');
/** Of one layer of the graph below. */
const LAYER_BYTES = 4 * (64 + 8);

/** Layers of 8 channels, each with a seam before it. The last one also sees what the first one gives, as a U-Net does. */
function layered(count: number): SeamedGraph {
  const g = new GraphBuilder('layered');
  let x = g.input('x', 'f32', ['t', 8]);
  const made: Value[] = [];
  for (let i = 0; i < count; i += 1) {
    g.seam();
    const weight = g.external(`w${i}`, 'f32', [8, 8], { location: 'weights', offset: 256 * i, length: 256 });
    // Of the weights alone, as folds are.
    const doubled = g.mul(weight, g.scalar(2));
    x = g.gemm(i === count - 1 ? g.add(x, made[0] ?? x) : x, doubled, g.filled(i, 8));
    made.push(x);
  }
  made.forEach((value, i) => {
    g.output(`y${i}`, g.cast(value, 'f16'));
  });
  return g;
}

const names = (values: readonly { readonly name: string }[]) => values.map(({ name }) => name);
const ops = ({ nodes }: GraphParts) => nodes.map(({ op }) => op);

test('a graph that fits is left as it is, and with no room at all every block is a group', () => {
  const graph = layered(5);
  assert.deepEqual(groupsOf(graph, 5 * LAYER_BYTES), [graph.parts]);
  assert.equal(groupsOf(graph, 0).length, 5);
  assert.equal(groupsOf(layered(1), 0).length, 1);
});

test('as few groups as fit are made, and each has its weights, its folds and nothing else', () => {
  const groups = groupsOf(layered(5), 2 * LAYER_BYTES);
  assert.deepEqual(
    groups.map(({ initializers }) => names(initializers).filter((name) => name.startsWith('w'))),
    [['w0', 'w1'], ['w2', 'w3'], ['w4']],
  );
  assert.deepEqual(
    groups.map(({ name }) => name),
    ['layered', 'layered', 'layered'],
  );
  const [first, , last] = groups;
  assert.deepEqual(first && ops(first).filter((op) => op === 'Mul'), ['Mul', 'Mul']);
  assert.deepEqual(last && ops(last), ['Mul', 'Add', 'Gemm', 'Cast', 'Identity']);
});

test('what a later group reads crosses as a tensor, over other groups too; outputs leave where they are made', () => {
  const [first, second, third] = groupsOf(layered(5), 2 * LAYER_BYTES);
  assert.ok(first && second && third);
  assert.deepEqual(names(first.inputs), ['x']);
  const [skip = '', through = ''] = names(first.outputs).filter((name) => !name.startsWith('y'));
  assert.deepEqual(names(second.inputs), [through]);
  assert.ok(names(third.inputs).includes(skip));
  assert.equal(third.inputs.length, 2);
  assert.deepEqual(
    [first, second, third].map(({ outputs }) => names(outputs).filter((name) => name.startsWith('y'))),
    [['y0', 'y1'], ['y2', 'y3'], ['y4']],
  );
});

for (const [name, folds] of [
  ['all', ALL_FOLDS],
  ['no', NO_FOLDS],
] as const) {
  test(`the embedded model’s graphs with ${name} folds: every node and weight is in a group, every input is there`, async () => {
    const open = (dir: string) => Component.open(join(COCKTAIL, dir));
    const prior = priorGraphs(await open('wuerstchen-prior/prior'), folds);
    const decoder = decoderGraphs(await open('wuerstchen/decoder'), folds);
    const text = clipTextGraph(await open('wuerstchen-prior/text_encoder'), folds);
    const all = [prior.conditioning, prior.step, decoder.conditioning, decoder.step, text];
    for (const graph of all.filter((one) => one !== null)) {
      const groups = groupsOf(graph, 0);
      assert.ok(groups.length > 1, graph.name);
      const known = new Set(names(graph.parts.inputs));
      for (const { inputs, outputs } of groups) {
        for (const input of names(inputs)) assert.ok(known.has(input), `${graph.name}: ${input}`);
        for (const output of names(outputs)) known.add(output);
      }
      for (const output of names(graph.parts.outputs)) assert.ok(known.has(output), `${graph.name}: ${output}`);
      const nodes = new Set(groups.flatMap((group) => group.nodes));
      assert.equal(nodes.size, graph.parts.nodes.length, graph.name);
      const weights = new Set(groups.flatMap((group) => names(group.initializers)));
      assert.equal(weights.size, graph.parts.initializers.length, graph.name);
      // Without the skips of a U-Net, and keys and values computed in the step, hardly anything crosses.
      const crossing = groups.map(({ inputs }) =>
        names(inputs).filter((name) => !names(graph.parts.inputs).includes(name)),
      );
      if (graph.name === 'prior' && folds.conditioning) {
        assert.ok(
          crossing.every((list) => list.length <= 8),
          crossing.map((list) => list.length).join(' '),
        );
      }
    }
  });
}
