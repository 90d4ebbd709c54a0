import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Component } from '../../../src/pipeline/checkpoint/checkpoint.ts';
import { PRECISIONS, type Precision } from '../../../src/pipeline/checkpoint/weight-recipe.ts';
import { prepare } from '../../../src/pipeline/derived-weights/prepare.ts';
import { ALL_FOLDS } from '../../../src/pipeline/graph/blocks.ts';
import type { GraphBuilder } from '../../../src/pipeline/graph/builder.ts';
import { clipTextGraph } from '../../../src/pipeline/graph/clip-text.ts';
import { decoderGraphs } from '../../../src/pipeline/graph/decoder.ts';
import { priorGraphs } from '../../../src/pipeline/graph/prior.ts';
import {
  ClipTextModel,
  Runtime,
  type Tensor,
  TorchGenerator,
  WuerstchenDiffNeXt,
  WuerstchenPrior,
} from '../../../src/pipeline/index.ts';
import { fullSizeComponent } from '../full-size-graphs.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const COCKTAIL = join(import.meta.dirname, '../../../data/models/cocktail');
/** Elements; norms, biases and what belongs to them have fewer. */
const LARGE = 200_000;
/** Keys and values of the text as one product are rounded less often, in 16 bits: test/pipeline/graph/text-keys.test.ts. */
const SAME_NUMBERS = { ...ALL_FOLDS, textKeys: false };

/** What onnxruntime would have to compute whenever it loads a graph. */
function computedAtLoad({ parts: { name, nodes, initializers } }: GraphBuilder): string[] {
  const constants = new Set(initializers.map((initializer) => initializer.name));
  return nodes.flatMap(({ op, inputs, outputs }) => {
    if (inputs.length === 0 || !inputs.every((input) => input === null || constants.has(input.name))) return [];
    for (const output of outputs) constants.add(output.name);
    const elements = outputs.reduce(
      (sum, { shape }) => sum + shape.reduce<number>((all, dim) => all * Number(dim), 1),
      0,
    );
    return elements >= LARGE ? [`${name}: ${op} [${outputs[0]?.shape}]`] : [];
  });
}

const GRAPHS: Readonly<Record<string, (component: Component) => (GraphBuilder | null)[]>> = {
  'wuerstchen-prior/text_encoder': (component) => [clipTextGraph(component, ALL_FOLDS)],
  'wuerstchen-prior/prior': (component) => Object.values(priorGraphs(component, ALL_FOLDS)),
  'wuerstchen/decoder': (component) => Object.values(decoderGraphs(component, ALL_FOLDS)),
};

test('nothing large is left to compute whenever the published model is loaded, in any precision', async (t) => {
  for (const [folder, write] of Object.entries(GRAPHS)) {
    const component = await fullSizeComponent(t, folder);
    for (const precision of PRECISIONS) {
      const graphs = write(component.in(precision)).filter((graph) => graph !== null);
      assert.deepEqual(graphs.flatMap(computedAtLoad), [], `${folder} in ${precision}`);
    }
    const unprepared = write(component).filter((graph) => graph !== null);
    assert.ok(unprepared.flatMap(computedAtLoad).length >= 24, folder);
  }
});

function noise(seed: number, dims: number[]): Tensor {
  return { data: new TorchGenerator(seed).randn(dims), dims };
}

/** What each network of the embedded model gives, with its weights prepared or computed when they are loaded. */
const NETWORKS = {
  'wuerstchen-prior/text_encoder': {
    graphs: (component: Component) => clipTextGraph(component, SAME_NUMBERS),
    run: (component: Component, runtime: Runtime) => {
      const ids = BigInt64Array.from({ length: 12 }, (_, i) => BigInt(7 * i));
      return new ClipTextModel(component, runtime).run(ids, new BigInt64Array(12).fill(1n));
    },
  },
  'wuerstchen-prior/prior': {
    graphs: (component: Component) => priorGraphs(component, SAME_NUMBERS),
    run: (component: Component, runtime: Runtime) => {
      const network = new WuerstchenPrior(component, runtime);
      const { c_in, c_cond } = network.config;
      return network.run(noise(1, [2, c_in, 6, 5]), Float32Array.of(0.8, 0.2), noise(2, [2, 12, c_cond]));
    },
  },
  'wuerstchen/decoder': {
    graphs: (component: Component) => decoderGraphs(component, SAME_NUMBERS),
    run: (component: Component, runtime: Runtime) => {
      const network = new WuerstchenDiffNeXt(component, runtime);
      const { c_in, effnet_embd, clip_embd } = network.config;
      const side = 3 * network.sideDivisor;
      const effnet = noise(4, [1, effnet_embd, 3, 3]);
      return network.run(noise(3, [1, c_in, side, side]), Float32Array.of(0.5), effnet, noise(5, [1, 12, clip_embd]));
    },
  },
};

async function copy(t: TestContext, folder: string): Promise<Component> {
  const dir = await temporaryFolder(t);
  cpSync(join(COCKTAIL, folder), dir, { recursive: true, filter: (path) => !path.endsWith('prepared') });
  return Component.open(dir);
}

async function prepared(component: Component, precision: Precision, write: (planned: Component) => unknown) {
  const planned = component.in(precision);
  write(planned);
  return component.in(precision, await prepare(planned));
}

test('weights that are prepared give what the same weights computed while loading give', async (t) => {
  const runtime = await Runtime.create({ provider: 'cpu', folds: SAME_NUMBERS });
  for (const [folder, { graphs, run }] of Object.entries(NETWORKS)) {
    const component = await copy(t, folder);
    for (const precision of ['fp32', 'fp16'] as const) {
      const before = await run(component.unprepared(precision), runtime);
      const after = await run(await prepared(component, precision, graphs), runtime);
      const largest = before.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const apart = before.data.reduce((most, value, i) => Math.max(most, Math.abs(value - (after.data[i] ?? 9))), 0);
      t.diagnostic(`${folder} ${precision}: ${apart / largest}`);
      assert.ok(largest > 0.1 && apart <= 1e-6 * largest, `${folder} in ${precision}: ${apart} of ${largest}`);
    }
  }
});
