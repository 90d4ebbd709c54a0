/**
 * How long each stage's sessions take to create from a checkpoint folder, against creating the same sessions from
 * finished .onnx files, in turn and in one process. Prints one JSON line with the ratio of each stage.
 *
 * usage: node --import tsx bench/sessions.ts [--model DIR] [--rounds 4] [--threads 2]
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { InferenceSession } from 'onnxruntime-node';
import { Component } from '../src/pipeline/checkpoint/checkpoint.ts';
import { ALL_FOLDS } from '../src/pipeline/graph/blocks.ts';
import type { GraphBuilder } from '../src/pipeline/graph/builder.ts';
import { clipTextGraph } from '../src/pipeline/graph/clip-text.ts';
import { decoderGraphs } from '../src/pipeline/graph/decoder.ts';
import { priorGraphs } from '../src/pipeline/graph/prior.ts';
import { decodeGraph } from '../src/pipeline/graph/vqgan.ts';
import { ClipTextModel, PaellaVQModel, WuerstchenDiffNeXt, WuerstchenPrior } from '../src/pipeline/index.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'data/models/cocktail' },
    rounds: { type: 'string', default: '4' },
    threads: { type: 'string', default: '2' },
  },
});
const { model } = values;
const threads = Number(values.threads);
const CPU = { provider: 'cpu', threads } as const;

interface Stage {
  readonly folder: string;
  readonly graphs: (component: Component) => readonly (GraphBuilder | null)[];
  readonly load: (folder: string) => Promise<{ preload(): Promise<void>; release(): Promise<void> }>;
}
const pair = ({ conditioning, step }: ReturnType<typeof priorGraphs>) => [conditioning, step];
const STAGES: Readonly<Record<string, Stage>> = {
  text: {
    folder: 'wuerstchen-prior/text_encoder',
    graphs: (component) => [clipTextGraph(component, ALL_FOLDS)],
    load: (folder) => ClipTextModel.load(folder, CPU),
  },
  prior: {
    folder: 'wuerstchen-prior/prior',
    graphs: (component) => pair(priorGraphs(component, ALL_FOLDS)),
    load: (folder) => WuerstchenPrior.load(folder, CPU),
  },
  decoder: {
    folder: 'wuerstchen/decoder',
    graphs: (component) => pair(decoderGraphs(component, ALL_FOLDS)),
    load: (folder) => WuerstchenDiffNeXt.load(folder, CPU),
  },
  vqgan: {
    folder: 'wuerstchen/vqgan',
    graphs: (component) => [decodeGraph(component, ALL_FOLDS, { output: 'pixels' })],
    load: (folder) => PaellaVQModel.load(folder, CPU),
  },
};

async function timed(work: () => Promise<() => Promise<unknown>>): Promise<number> {
  const start = performance.now();
  const release = await work();
  const ms = performance.now() - start;
  await release();
  return ms;
}

const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
const dir = mkdtempSync(join(tmpdir(), 'wuerst-sessions-'));
const results: Record<string, { ours: number; bare: number; ratio: number }> = {};
try {
  for (const [name, { folder, graphs, load }] of Object.entries(STAGES)) {
    const at = join(model, folder);
    const component = await Component.open(at);
    const files = graphs(component).flatMap((graph) => {
      if (!graph) return [];
      const file = join(dir, `${name}-${graph.name}.onnx`);
      writeFileSync(file, graph.toBytes());
      return [file];
    });
    const bare = async () => {
      const sessions: InferenceSession[] = [];
      for (const file of files) {
        sessions.push(
          await InferenceSession.create(readFileSync(file), {
            executionProviders: ['cpu'],
            intraOpNumThreads: threads,
            enableMemPattern: false,
            extra: { session: { model_external_initializers_file_folder_path: component.weightsDir } },
          }),
        );
      }
      return () => Promise.all(sessions.map((session) => session.release()));
    };
    const ours = async () => {
      const network = await load(at);
      await network.preload();
      return () => network.release();
    };
    const rounds: { ours: number; bare: number }[] = [];
    // The first round brings the weights from the disk. Who goes second finds memory as the first has left it.
    for (let round = 0; round <= Number(values.rounds); round += 1) {
      const first = await timed(round % 2 === 0 ? ours : bare);
      const second = await timed(round % 2 === 0 ? bare : ours);
      if (round > 0) rounds.push(round % 2 === 0 ? { ours: first, bare: second } : { ours: second, bare: first });
    }
    results[name] = {
      ours: Math.round(median(rounds.map((round) => round.ours))),
      bare: Math.round(median(rounds.map((round) => round.bare))),
      ratio: Number(median(rounds.map((round) => round.ours / round.bare)).toFixed(3)),
    };
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
console.log(JSON.stringify(results));
