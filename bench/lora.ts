/**
 * What a LoRA costs: rank 16 on all attention layers of Stage C, beside a published style. Prints ratios, each beside what
 * it should be at most, of runs in turn and in one process; memory is that of processes of their own.
 *
 * usage: node --import tsx bench/lora.ts --model DIR [--rounds 5] [--threads 2] [--side 24] [--precision fp32] [--rank 16]
 *
 * DIR holds `wuerstchen-prior/prior` and `wuerstchen-prior-model-base`, as `scripts/make-full-size.ts DIR --only
 * wuerstchen-prior/prior,wuerstchen-prior-model-base` writes them. `--side` is that of Stage C's latents.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PRECISIONS } from '../src/pipeline/checkpoint/weight-recipe.ts';
import { Runtime, TorchGenerator, WuerstchenPrior } from '../src/pipeline/index.ts';
import { Adapter } from '../src/pipeline/lora/adapter.ts';
import { readLoraFile } from '../src/pipeline/lora/lora-file.ts';
import { writeRandomLora } from '../test/pipeline/random-lora.ts';

const AT_MOST = { firstStep: 1.5, step: 1.05, megabytes: 200 };

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
    side: { type: 'string', default: '24' },
    precision: { type: 'string', default: 'fp32' },
    rank: { type: 'string', default: '16' },
    /** In a process of its own: prints the peak of its memory with this LoRA, or without one. */
    peak: { type: 'string' },
  },
});
const { model, rounds, side, threads, precision, rank, peak } = values;
if (model === undefined) throw new Error('usage: lora.ts --model DIR');
const [prior, base] = [join(model, 'wuerstchen-prior/prior'), join(model, 'wuerstchen-prior-model-base')];
const runtime = await Runtime.create({
  provider: 'cpu',
  threads: Number(threads),
  precision: PRECISIONS.find((name) => name === precision) ?? 'fp32',
});

/** One step of a guided picture, from the words on. */
async function step(network: WuerstchenPrior): Promise<number> {
  const { c_in, c_cond } = network.config;
  const draw = (dims: number[]) => ({ data: new TorchGenerator(1).randn(dims), dims });
  const [x, c] = [draw([2, c_in, Number(side), Number(side)]), draw([2, 77, c_cond])];
  const start = performance.now();
  await network.run(x, Float32Array.of(0.9, 0.9), c);
  return performance.now() - start;
}

async function adapterFrom(path: string, network: WuerstchenPrior): Promise<Adapter | null> {
  const file = await readLoraFile(path, { prior: network.component.layers, text_encoder: new Map() });
  return Adapter.of([{ file, weight: 0.8 }], 'prior');
}

if (peak !== undefined) {
  const network = await WuerstchenPrior.load(prior, runtime);
  if (peak !== '') network.adapter = await adapterFrom(peak, network);
  await step(network);
  await step(network);
  console.log(process.resourceUsage().maxRSS / 1024);
  process.exit();
}

const median = (numbers: readonly number[]) =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
const report = (name: string, figure: number, most: number) =>
  console.log(`${name.padEnd(44)} ${figure.toFixed(3)}  at most ${most}: ${figure <= most ? 'yes' : 'no'}`);
const folder = mkdtempSync(join(tmpdir(), 'wuerst-lora-'));
const loras = ['one', 'two'].map((name) => join(folder, `${name}.safetensors`));
try {
  const plain = await WuerstchenPrior.load(prior, runtime);
  const layers = [...plain.component.layers].filter(([layer]) => layer.includes('.attention.'));
  for (const [seed, path] of loras.entries()) {
    const named = layers.map(([layer, shape]) => [`prior.${layer}`, shape] as const);
    await writeRandomLora(path, named, { rank: Number(rank), seed, size: 0.05 });
  }

  const firsts: { style: number; lora: number; begin: number }[] = [];
  const adapted = await WuerstchenPrior.load(prior, runtime);
  adapted.adapter = await adapterFrom(loras[1] ?? '', adapted);
  await step(adapted);
  for (let round = 0; round < Number(rounds); round += 1) {
    let start = performance.now();
    adapted.adapter = await adapterFrom(loras[round % 2] ?? '', adapted);
    await step(adapted);
    const lora = performance.now() - start;
    start = performance.now();
    const style = await WuerstchenPrior.load(base, runtime);
    await step(style);
    const other = performance.now() - start;
    await style.release();
    start = performance.now();
    const fresh = await WuerstchenPrior.load(prior, runtime);
    fresh.adapter = adapted.adapter;
    await step(fresh);
    firsts.push({ style: other, lora, begin: performance.now() - start });
    await fresh.release();
  }
  report('first step: another LoRA / another style', median(firsts.map((f) => f.lora / f.style)), AT_MOST.firstStep);
  report('first step: the first LoRA / another style', median(firsts.map((f) => f.begin / f.style)), AT_MOST.firstStep);

  const ratios: number[] = [];
  await step(plain);
  // In seconds of the processor: others may be using it.
  const work = async (network: WuerstchenPrior) => {
    const before = process.cpuUsage();
    await step(network);
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  for (let round = 0; round < 2 * Number(rounds); round += 1) {
    const first = await work(round % 2 ? plain : adapted);
    const second = await work(round % 2 ? adapted : plain);
    ratios.push(round % 2 ? second / first : first / second);
  }
  report('work of a step: with a LoRA / without', median(ratios), AT_MOST.step);
  await Promise.all([plain.release(), adapted.release()]);

  const peakOf = (lora: string) => {
    const args = ['--model', model, '--threads', threads, '--side', side, '--precision', precision, '--peak', lora];
    return Number(
      execFileSync(process.execPath, ['--import', 'tsx', import.meta.filename, ...args], { encoding: 'utf8' }),
    );
  };
  const more = Array.from({ length: 3 }, () => peakOf(loras[0] ?? '') - peakOf(''));
  report('megabytes more with a LoRA', median(more), AT_MOST.megabytes);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
