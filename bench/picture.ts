/**
 * Times whole pictures of the embedded model, after one warm-up; prints one JSON line.
 *
 * usage: node --import tsx bench/picture.ts [--model DIR] [--repeat 5] [--threads 2] [--plain skip,qkv,gammas,conditioning]
 *   [--precision int8] [--batch 1]
 *   [--width 1024] [--height 1024] [--prior-steps 29] [--steps 12] [--residency resident|stage]
 *
 * `stepMs` is the median of one run of each network, without what happens once a picture; other times are those of one
 * picture of the `--batch` that are painted together. `--plain` leaves out some of the exact savings, to see what each buys.
 * `bench/versus.ts` compares with diffusers, `bench/memory.ts` measures memory.
 */
import { parseArgs } from 'node:util';
import { PRECISIONS } from '../src/pipeline/checkpoint/weight-recipe.ts';
import { ALL_FOLDS } from '../src/pipeline/graph/blocks.ts';
import { type Timings, TorchGenerator, WuerstchenCombinedPipeline } from '../src/pipeline/index.ts';
import { DEFAULT_STAGE_C_TIMESTEPS } from '../src/pipeline/math/scheduler.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'data/models/cocktail' },
    repeat: { type: 'string', default: '5' },
    batch: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    width: { type: 'string', default: '1024' },
    height: { type: 'string', default: '1024' },
    'prior-steps': { type: 'string', default: 'default' },
    steps: { type: 'string', default: '12' },
    residency: { type: 'string', default: 'resident' },
    plain: { type: 'string', default: '' },
    precision: { type: 'string', default: 'fp32' },
  },
});
const plain = Object.fromEntries(
  values.plain
    .split(',')
    .filter(Boolean)
    .map((name) => [name, false]),
);
const residency = values.residency === 'stage' ? 'stage' : 'resident';
const schedule =
  values['prior-steps'] === 'default'
    ? { priorTimesteps: DEFAULT_STAGE_C_TIMESTEPS }
    : { priorNumInferenceSteps: Number(values['prior-steps']) };
const calls = new Map<string, number[]>();
const loadStart = performance.now();
const pipeline = await WuerstchenCombinedPipeline.fromPretrained(values.model, {
  provider: 'cpu',
  threads: Number(values.threads),
  residency,
  folds: { ...ALL_FOLDS, ...plain },
  precision: PRECISIONS.find((name) => name === values.precision) ?? 'fp32',
  onReturned: ({ kind, graph }, ms) => {
    if (kind === 'run') calls.set(graph, [...(calls.get(graph) ?? []), ms]);
  },
});
if (residency === 'resident') await pipeline.preload();
const load = performance.now() - loadStart;

const batch = Number(values.batch);
const runs: Timings[] = [];
for (let i = 0; i <= Number(values.repeat); i += 1) {
  if (i === 1) calls.clear();
  const { timings } = await pipeline.generate({
    // Words that were encoded before would not be encoded again.
    prompt: `a panda on a green background, number ${i}`,
    width: Number(values.width),
    height: Number(values.height),
    ...schedule,
    numInferenceSteps: Number(values.steps),
    priorGuidanceScale: 4,
    numImagesPerPrompt: batch,
    generator: new TorchGenerator(7),
  });
  if (i > 0) runs.push(timings);
}
const middle = (numbers: readonly number[]) => {
  const sorted = numbers.toSorted((a, b) => a - b);
  return Math.round((sorted[Math.floor(sorted.length / 2)] ?? 0) * 100) / 100;
};
const median = (pick: (run: (typeof runs)[number]) => number) => middle(runs.map(pick));
const each = (pick: (run: (typeof runs)[number]) => number) => median((run) => pick(run) / batch);
console.log(
  JSON.stringify({
    loadMs: Math.round(load),
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
    stepMs: Object.fromEntries([...calls].map(([graph, times]) => [graph, middle(times)])),
    totalMs: each((run) => run.total),
    textMs: each((run) => run.text),
    priorMs: each((run) => run.prior),
    decoderMs: each((run) => run.decoder),
    vqganMs: each((run) => run.vqgan),
    outsideOnnxShare: median((run) => 100 * (1 - run.onnx / run.total)),
  }),
);
