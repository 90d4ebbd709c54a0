/**
 * Times whole pictures of the embedded model, after one warm-up; prints one JSON line.
 *
 * usage: node --import tsx bench/picture.ts [--model DIR] [--repeat 5] [--threads 2] [--plain skip,qkv,gammas,conditioning]
 *
 * `--plain` leaves out some of the exact savings, to see what each buys. `bench/versus.ts` compares
 * with diffusers, `bench/memory.ts` measures memory.
 */
import { parseArgs } from 'node:util';
import { ALL_FOLDS } from '../src/pipeline/graph/blocks.ts';
import { type Timings, TorchGenerator, WuerstchenCombinedPipeline } from '../src/pipeline/index.ts';
import { DEFAULT_STAGE_C_TIMESTEPS } from '../src/pipeline/scheduler.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'data/models/cocktail' },
    repeat: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
    width: { type: 'string', default: '1024' },
    height: { type: 'string', default: '1024' },
    plain: { type: 'string', default: '' },
  },
});
const plain = Object.fromEntries(
  values.plain
    .split(',')
    .filter(Boolean)
    .map((name) => [name, false]),
);
const loadStart = performance.now();
const pipeline = await WuerstchenCombinedPipeline.fromPretrained(values.model, {
  provider: 'cpu',
  threads: Number(values.threads),
  folds: { ...ALL_FOLDS, ...plain },
});
await pipeline.preload();
const load = performance.now() - loadStart;

const runs: Timings[] = [];
for (let i = 0; i <= Number(values.repeat); i += 1) {
  const { timings } = await pipeline.generate({
    // Words that were encoded before would not be encoded again.
    prompt: `a red fox in the snow, number ${i}`,
    width: Number(values.width),
    height: Number(values.height),
    priorTimesteps: DEFAULT_STAGE_C_TIMESTEPS,
    priorGuidanceScale: 4,
    generator: new TorchGenerator(7),
  });
  if (i > 0) runs.push(timings);
}
const median = (pick: (run: (typeof runs)[number]) => number) => {
  const sorted = runs.map(pick).sort((a, b) => a - b);
  return Math.round((sorted[Math.floor(sorted.length / 2)] ?? 0) * 100) / 100;
};
console.log(
  JSON.stringify({
    loadMs: Math.round(load),
    totalMs: median((run) => run.total),
    textMs: median((run) => run.text),
    priorMs: median((run) => run.prior),
    decoderMs: median((run) => run.decoder),
    vqganMs: median((run) => run.vqgan),
    outsideOnnxShare: median((run) => 100 * (1 - run.onnx / run.total)),
  }),
);
