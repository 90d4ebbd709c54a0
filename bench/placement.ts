/**
 * Where the graphs of the published model are computed on GPUs, and what crosses to them, by arithmetic over shapes: no
 * GPU and no weights are needed. `before` are graphs whose text keys and values are copied at every step, `after` those
 * that each provider gets. Prints one JSON line for each provider, precision and graph, with bytes of one run at
 * 1024×1024, guided in Stage C, and one for all runs of a picture. On the CPU nothing crosses.
 *
 * usage: node --import tsx bench/placement.ts [--prior-steps 29] [--steps 12] [--batch 1]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { NEEDED, writeSparsePart } from '../scripts/full-size/full-size-model.ts';
import { Component } from '../src/pipeline/checkpoint/checkpoint.ts';
import { ALL_FOLDS, type Folds, type StepGraphs } from '../src/pipeline/graph/blocks.ts';
import type { GraphBuilder } from '../src/pipeline/graph/builder.ts';
import { clipTextGraph } from '../src/pipeline/graph/clip-text.ts';
import { decoderGraphs } from '../src/pipeline/graph/decoder.ts';
import { priorGraphs } from '../src/pipeline/graph/prior.ts';
import { decodeGraph } from '../src/pipeline/graph/vqgan.ts';
import { usableFolds } from '../src/pipeline/runtime/usable-folds.ts';
import { crossing, type Sizes } from '../test/pipeline/graph/crossing.ts';
import { CUDA, WEBGPU } from '../test/pipeline/graph/gpu-operators.ts';
import { placed } from '../test/pipeline/graph/placed.ts';

const { values } = parseArgs({
  options: {
    'prior-steps': { type: 'string', default: '29' },
    steps: { type: 'string', default: '12' },
    batch: { type: 'string', default: '1' },
  },
});
const batch = Number(values.batch);
const KERNELS = { cuda: CUDA, webgpu: WEBGPU };
const PROVIDERS = ['cuda', 'webgpu'] as const;
type Provider = (typeof PROVIDERS)[number];

/** The halves of Stage B's result, which no step asks for. */
const UNREAD = ['a', 'b'];
const text = { t: 77 };
const embedding = { eh: 24, ew: 24 };
const sides = Object.fromEntries([0, 1, 2, 3].flatMap((i) => [`h${i}`, `w${i}`].map((dim) => [dim, 128 / 2 ** i])));
interface Stage {
  readonly graphs: (component: Component, folds: Folds) => StepGraphs | GraphBuilder;
  readonly sizes: Sizes;
  /** Runs of the step graph in a picture. */
  readonly runs: number;
}
const STAGES: Readonly<Record<string, Stage>> = {
  'wuerstchen-prior/text_encoder': { graphs: clipTextGraph, sizes: { ...text, b: 2 * batch }, runs: 1 },
  'wuerstchen-prior/prior': {
    graphs: priorGraphs,
    sizes: { ...text, b: 2 * batch, h: 24, w: 24 },
    runs: Number(values['prior-steps']),
  },
  'wuerstchen/text_encoder': { graphs: clipTextGraph, sizes: { ...text, b: batch }, runs: 1 },
  'wuerstchen/decoder': {
    graphs: decoderGraphs,
    sizes: { ...text, ...embedding, ...sides, b: batch, H: 256, W: 256 },
    runs: Number(values.steps),
  },
  'wuerstchen/vqgan': {
    graphs: (component, folds) => decodeGraph(component, folds, { output: 'pixels' }),
    sizes: { b: batch, h: 256, w: 256, H: 1024, W: 1024 },
    runs: 1,
  },
};

/** What is computed once a picture (if it is a graph of its own), and what at each step. */
function inTurn(graphs: StepGraphs | GraphBuilder): StepGraphs {
  return 'step' in graphs ? graphs : { conditioning: null, step: graphs };
}

/** Bytes that cross in one run of each graph, and in all runs of a picture. */
function crossed({ conditioning, step }: StepGraphs, { sizes, runs }: Stage, keeps: boolean) {
  const kept = new Set([...UNREAD, ...(keeps ? (conditioning?.parts.outputs.map(({ name }) => name) ?? []) : [])]);
  const once = conditioning ? crossing(conditioning.parts, sizes, kept) : { toDevice: 0, toHost: 0 };
  const each = crossing(step.parts, sizes, kept);
  return { each, total: once.toDevice + once.toHost + runs * (each.toDevice + each.toHost) };
}

const dir = mkdtempSync(join(tmpdir(), 'wuerst-placement-'));
try {
  const components = new Map<string, Component>();
  for (const part of NEEDED) components.set(part.folder, await Component.open(await writeSparsePart(dir, part)));
  for (const provider of PROVIDERS) for (const precision of ['fp32', 'fp16'] as const) report(provider, precision);

  function report(provider: Provider, precision: 'fp32' | 'fp16'): void {
    const folds = usableFolds(ALL_FOLDS, { provider, fusedAttention: true });
    const picture = { before: 0, after: 0 };
    for (const [folder, stage] of Object.entries(STAGES)) {
      const component = components.get(folder)?.in(precision);
      if (!component) throw new Error(`${folder} is no folder of the published model`);
      const before = inTurn(stage.graphs(component, { ...ALL_FOLDS, textKeys: false }));
      const after = inTurn(stage.graphs(component, folds));
      const [was, is] = [crossed(before, stage, false), crossed(after, stage, provider === 'webgpu')];
      picture.before += was.total;
      picture.after += is.total;
      const all = Object.values(after).filter((graph) => graph !== null);
      const where = all.map((graph) => [graph.name, placed(provider, KERNELS[provider], graph)] as const);
      console.log(
        JSON.stringify({
          provider,
          precision,
          folder,
          bytes: { before: was.each, after: is.each },
          placed: Object.fromEntries(where),
        }),
      );
    }
    console.log(JSON.stringify({ provider, precision, picture }));
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
