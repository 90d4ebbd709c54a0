import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { writeSparsePart } from '../../../scripts/full-size/full-size-model.ts';
import { Component } from '../../../src/pipeline/checkpoint/checkpoint.ts';
import { ALL_FOLDS } from '../../../src/pipeline/graph/blocks.ts';
import { GraphBuilder } from '../../../src/pipeline/graph/builder.ts';
import { clipTextGraph } from '../../../src/pipeline/graph/clip-text.ts';
import { decoderGraphs } from '../../../src/pipeline/graph/decoder.ts';
import { efficientNetGraph } from '../../../src/pipeline/graph/efficientnet.ts';
import { priorGraphs } from '../../../src/pipeline/graph/prior.ts';
import { semanticCompressorGraph } from '../../../src/pipeline/graph/semantic-compressor.ts';
import { decodeGraph, encodeGraph } from '../../../src/pipeline/graph/vqgan.ts';
import { usableFolds } from '../../../src/pipeline/runtime/usable-folds.ts';
import { fullSizeComponent } from '../full-size-graphs.ts';
import { foldersIn } from '../reference.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { CUDA, type Kernels, WEBGPU } from './gpu-operators.ts';
import { placed } from './placed.ts';

const COCKTAIL_ENCODER = join(import.meta.dirname, '../../../data/models/cocktail/image-encoder');
/** What of the graphs a provider would leave to the CPU, and attributes that nobody has looked up. */
function misplaced(provider: 'cuda' | 'webgpu', kernels: Kernels, graphs: readonly GraphBuilder[]): string[] {
  return [...new Set(graphs.flatMap((graph) => placed(provider, kernels, graph).misplaced))];
}

async function efficientNet(t: TestContext): Promise<Component> {
  for (const dir of foldersIn('image_encoder')) {
    const { shapes } = JSON.parse(await readFile(join(dir, 'case.json'), 'utf8')) as {
      shapes?: Readonly<Record<string, readonly number[]>>;
    };
    if (!shapes || !/efficientnet/i.test(basename(dir))) continue;
    const plan = Object.entries(shapes).map(([name, shape]) => ({ name, shape, fills: [] }));
    const config = { _class_name: 'EfficientNetEncoder' };
    const part = { folder: 'encoder', stem: 'diffusion_pytorch_model', config, plan, seed: 0 } as const;
    return Component.open(await writeSparsePart(await temporaryFolder(t), part));
  }
  throw new Error('There is no EfficientNet of full size among the references.');
}

for (const [provider, kernels] of [
  ['cuda', CUDA],
  ['webgpu', WEBGPU],
] as const) {
  test(`every operator of the published model is implemented by ${provider}, in both precisions`, async (t) => {
    const open = (folder: string) => fullSizeComponent(t, folder);
    const [text, prior] = [await open('wuerstchen-prior/text_encoder'), await open('wuerstchen-prior/prior')];
    const [decoder, vqgan] = [await open('wuerstchen/decoder'), await open('wuerstchen/vqgan')];
    const layers = (component: Component) => new Set(component.layers.keys());
    for (const precision of ['fp32', 'fp16'] as const) {
      for (const fusedAttention of [true, false]) {
        const folds = usableFolds(ALL_FOLDS, { provider, fusedAttention }, true);
        const graphs = [
          clipTextGraph(text.in(precision), folds),
          clipTextGraph(text.in(precision), folds, layers(text)),
          ...Object.values(priorGraphs(prior.in(precision), folds)),
          ...Object.values(priorGraphs(prior.in(precision), folds, layers(prior))),
          ...Object.values(decoderGraphs(decoder.in(precision), folds)),
          decodeGraph(vqgan.in(precision), folds),
          decodeGraph(vqgan.in(precision), folds, { output: 'pixels' }),
          decodeGraph(vqgan.in(precision), folds, { quantise: true }),
          encodeGraph(vqgan.in(precision), folds),
        ].filter((graph) => graph !== null);
        assert.deepEqual(misplaced(provider, kernels, graphs), []);
      }
    }
  });

  test(`every operator of the image encoders is implemented by ${provider}`, async (t) => {
    const graphs = [
      efficientNetGraph(await efficientNet(t)),
      semanticCompressorGraph(await Component.open(COCKTAIL_ENCODER)),
    ];
    assert.deepEqual(misplaced(provider, kernels, graphs), []);
  });
}

test('an operator that a provider lacks, a type that it does not take and an attribute that nobody looked up are found', async (t) => {
  const graph = decodeGraph(await fullSizeComponent(t, 'wuerstchen/vqgan'), ALL_FOLDS, { output: 'pixels' });
  const { Pad: _, ...withoutPad } = WEBGPU;
  assert.deepEqual(misplaced('webgpu', withoutPad, [graph]), ['vqgan-decode-pixels: Pad(f32[4], i64[1]) → f32[4]']);
  const narrow = { ...WEBGPU, Cast: { types: ['f32', 'f16'] } } as const;
  assert.deepEqual(misplaced('webgpu', narrow, [graph]), ['vqgan-decode-pixels: Cast(f32[4]) → u8[4]']);
  graph.unary('Round', graph.input('y', 'f32', [1]));
  graph.transpose(graph.input('bytes', 'u8', [1, 2]), [1, 0]);
  assert.deepEqual(misplaced('webgpu', WEBGPU, [graph]), [
    'vqgan-decode-pixels: Round(f32[1]) → f32[1]',
    'vqgan-decode-pixels: Transpose(u8[2]) → u8[2]',
  ]);
});

test('a choice between flags and a comparison of bytes are found, for which no GPU has kernels', () => {
  const graph = new GraphBuilder('flags');
  const [flag, one, number] = [
    graph.input('a', 'bool', [1]),
    graph.input('b', 'u8', [1]),
    graph.input('c', 'f32', [1]),
  ];
  graph.where(graph.greaterOrEqual(number, number), number, number);
  assert.deepEqual(misplaced('cuda', CUDA, [graph]), []);
  graph.where(flag, flag, flag);
  graph.greaterOrEqual(one, one);
  assert.deepEqual(misplaced('cuda', CUDA, [graph]), [
    'flags: Where(bool[1], bool[1], bool[1]) → bool[1]',
    'flags: GreaterOrEqual(u8[1], u8[1]) → bool[1]',
  ]);
});
