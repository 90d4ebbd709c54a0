/**
 * How long each stage's sessions take to create from a checkpoint folder, against creating the same sessions from
 * finished .onnx files over the same prepared weights, in turn and in one process. `unprepared` are sessions whose graphs
 * compute those weights while they are loaded. Times are the processor's seconds, which a busy machine does not change.
 * Prints one JSON line.
 *
 * usage: node --import tsx bench/sessions.ts [--model DIR] [--precision fp32|fp16|int8] [--stages text,prior,decoder,vqgan]
 *   [--rounds 4] [--threads 2]
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { InferenceSession } from 'onnxruntime-node';
import type { Component } from '../src/pipeline/checkpoint/checkpoint.ts';
import { PRECISIONS } from '../src/pipeline/checkpoint/weight-recipe.ts';
import { ALL_FOLDS } from '../src/pipeline/graph/blocks.ts';
import type { GraphBuilder } from '../src/pipeline/graph/builder.ts';
import { clipTextGraph } from '../src/pipeline/graph/clip-text.ts';
import { decoderGraphs } from '../src/pipeline/graph/decoder.ts';
import { priorGraphs } from '../src/pipeline/graph/prior.ts';
import { decodeGraph } from '../src/pipeline/graph/vqgan.ts';
import {
  ClipTextModel,
  PaellaVQModel,
  Runtime,
  type RuntimeOptions,
  WuerstchenDiffNeXt,
  WuerstchenPrior,
} from '../src/pipeline/index.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'data/models/cocktail' },
    precision: { type: 'string', default: 'fp32' },
    stages: { type: 'string', default: 'text,prior,decoder,vqgan' },
    rounds: { type: 'string', default: '4' },
    threads: { type: 'string', default: '2' },
  },
});
const { model } = values;
const threads = Number(values.threads);
const precision = PRECISIONS.find((name) => name === values.precision) ?? 'fp32';

interface Stage {
  readonly folder: string;
  readonly graphs: (component: Component) => readonly (GraphBuilder | null)[];
  readonly load: (folder: string, runtime: RuntimeOptions) => Promise<Network>;
}
interface Network {
  readonly component: Component;
  preload(): Promise<void>;
  release(): Promise<void>;
}
const STAGES: Readonly<Record<string, Stage>> = {
  text: {
    folder: 'wuerstchen-prior/text_encoder',
    graphs: (component) => [clipTextGraph(component, ALL_FOLDS)],
    load: (folder, runtime) => ClipTextModel.load(folder, runtime),
  },
  prior: {
    folder: 'wuerstchen-prior/prior',
    graphs: (component) => Object.values(priorGraphs(component, ALL_FOLDS)),
    load: (folder, runtime) => WuerstchenPrior.load(folder, runtime),
  },
  decoder: {
    folder: 'wuerstchen/decoder',
    graphs: (component) => Object.values(decoderGraphs(component, ALL_FOLDS)),
    load: (folder, runtime) => WuerstchenDiffNeXt.load(folder, runtime),
  },
  vqgan: {
    folder: 'wuerstchen/vqgan',
    graphs: (component) => [decodeGraph(component, ALL_FOLDS, { output: 'pixels' })],
    load: (folder, runtime) => PaellaVQModel.load(folder, runtime),
  },
};

interface Taken {
  readonly seconds: number;
  readonly ms: number;
}
type Create = () => Promise<() => Promise<unknown>>;

async function timed(create: Create): Promise<Taken> {
  const [start, before] = [performance.now(), process.cpuUsage()];
  const release = await create();
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  await release();
  return { seconds: (user + system) / 1e6, ms };
}

/** Creates the sessions of finished .onnx files. */
function bare(name: string, graphs: readonly (GraphBuilder | null)[], weightsDir: string): Create {
  const files = graphs.flatMap((graph) => {
    if (!graph) return [];
    const file = join(dir, `${name}-${graph.name}.onnx`);
    writeFileSync(file, graph.toBytes());
    return [file];
  });
  return async () => {
    const sessions: InferenceSession[] = [];
    for (const file of files) {
      sessions.push(
        await InferenceSession.create(readFileSync(file), {
          executionProviders: ['cpu'],
          intraOpNumThreads: threads,
          enableMemPattern: false,
          extra: { session: { model_external_initializers_file_folder_path: weightsDir } },
        }),
      );
    }
    return () => Promise.all(sessions.map((session) => session.release()));
  };
}

async function measure(name: string, { folder, graphs, load }: Stage) {
  const at = join(model, folder);
  const runtime = await Runtime.create({ provider: 'cpu', threads, precision });
  // Weights are prepared here, if they have to be.
  const { component } = await load(at, runtime);
  const ways: Record<string, Create> = {
    ours: async () => {
      const network = await load(at, runtime);
      await network.preload();
      return () => network.release();
    },
    bare: bare(name, graphs(component), component.weightsDir),
  };
  if (component.isPrepared && component.precision !== 'int8') {
    const plain = component.unprepared(component.precision);
    ways.unprepared = bare(`${name}-unprepared`, graphs(plain), plain.weightsDir);
  }
  const taken: Record<string, Taken[]> = {};
  // The first round brings the weights from the disk. Who goes second finds memory as the first has left it.
  for (let round = 0; round <= Number(values.rounds); round += 1) {
    const order = Object.entries(ways);
    for (const [way, create] of round % 2 === 0 ? order : order.toReversed()) {
      const one = await timed(create);
      if (round > 0) taken[way] = [...(taken[way] ?? []), one];
    }
  }
  const medians = Object.entries(taken).map(([way, all]) => {
    const [seconds, ms] = [median(all.map((one) => one.seconds)), median(all.map((one) => one.ms))];
    return [way, { seconds: Number(seconds.toFixed(3)), ms: Math.round(ms) }] as const;
  });
  const ratios = (taken.ours ?? []).map((one, i) => one.seconds / (taken.bare?.[i]?.seconds ?? Number.NaN));
  return { precision: component.precision, ratio: Number(median(ratios).toFixed(3)), ...Object.fromEntries(medians) };
}

const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
const dir = mkdtempSync(join(tmpdir(), 'wuerst-sessions-'));
try {
  const results: Record<string, Awaited<ReturnType<typeof measure>>> = {};
  for (const name of values.stages.split(',')) {
    const stage = STAGES[name];
    if (!stage) throw new Error(`expected stages of ${Object.keys(STAGES)}, got ${name}`);
    results[name] = await measure(name, stage);
  }
  console.log(JSON.stringify(results));
} finally {
  rmSync(dir, { recursive: true, force: true });
}
