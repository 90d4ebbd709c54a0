import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { ModelProtoSchema } from 'onnx-buf';
import { Component } from '../../../src/pipeline/checkpoint/checkpoint.ts';
import { ALL_FOLDS } from '../../../src/pipeline/graph/blocks.ts';
import { GraphBuilder } from '../../../src/pipeline/graph/builder.ts';
import { decoderGraphs } from '../../../src/pipeline/graph/decoder.ts';

test('a general protobuf library reads every part of a graph as it was written', () => {
  const g = new GraphBuilder('small');
  const x = g.input('x', 'f32', ['b', 4, 300]);
  const w = g.external('w', 'bf16', [300, 2], { location: 'weights.safetensors', offset: 5_000_000_000, length: 1200 });
  g.output('y', g.leakyRelu(g.matMul(g.transpose(x, [0, 2, 1]), g.floats([1, -2, 3, 4.5], [4, 1])), 0.25));
  g.output('z', g.cast(w, 'f32'));
  const model = fromBinary(ModelProtoSchema, g.toBytes());
  assert.equal(model.irVersion, 10n);
  assert.deepEqual(
    model.opsetImport.map(({ domain, version }) => [domain, version]),
    [
      ['', 21n],
      ['com.microsoft', 1n],
    ],
  );
  const graph = model.graph;
  assert.ok(graph);
  assert.deepEqual(
    graph.node.map(({ opType }) => opType),
    g.ops,
  );
  const [transpose, , leaky] = graph.node;
  assert.deepEqual(transpose?.attribute[0]?.ints, [0n, 2n, 1n]);
  assert.deepEqual([leaky?.attribute[0]?.name, leaky?.attribute[0]?.f], ['alpha', 0.25]);
  const external = graph.initializer.find(({ name }) => name === 'w');
  assert.deepEqual(external?.dims, [300n, 2n]);
  assert.deepEqual(Object.fromEntries(external?.externalData.map(({ key, value }) => [key, value]) ?? []), {
    location: 'weights.safetensors',
    offset: '5000000000',
    length: '1200',
  });
  const constant = graph.initializer.find(({ rawData }) => rawData.length === 16);
  assert.deepEqual(new Float32Array(new Uint8Array(constant?.rawData ?? []).buffer), Float32Array.of(1, -2, 3, 4.5));
  const type = graph.input[0]?.type?.value;
  assert.equal(type?.case, 'tensorType');
  const dims = type?.case === 'tensorType' ? type.value.shape?.dim.map(({ value }) => value.value) : [];
  assert.deepEqual(dims, ['b', 4n, 300n]);
});

test('whole numbers of any size survive', () => {
  fc.assert(
    fc.property(fc.array(fc.maxSafeInteger(), { minLength: 1, maxLength: 6 }), (values) => {
      const g = new GraphBuilder('ints');
      const x = g.input(
        'x',
        'f32',
        values.map((_, i) => `d${i}`),
      );
      g.output('y', g.transpose(x, values));
      const read = fromBinary(ModelProtoSchema, g.toBytes()).graph?.node[0]?.attribute[0]?.ints;
      assert.deepEqual(read, values.map(BigInt));
    }),
  );
});

test('every node of a network is read back', async () => {
  const component = await Component.open(
    join(import.meta.dirname, '../../fixtures/reference/decoder/l3_false_true_true'),
  );
  const { step } = decoderGraphs(component, ALL_FOLDS);
  assert.deepEqual(
    fromBinary(ModelProtoSchema, step.toBytes()).graph?.node.map(({ opType }) => opType),
    step.ops,
  );
});
