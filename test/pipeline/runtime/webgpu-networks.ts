/**
 * Runs the networks that attend on WebGPU and on the processor, with 32 queries and more, and prints what the probe found
 * and the largest difference of each as a share of its largest value.
 */
import { join } from 'node:path';
import {
  ClipTextModel,
  Runtime,
  type Tensor,
  TorchGenerator,
  WuerstchenDiffNeXt,
  WuerstchenPrior,
} from '../../../src/pipeline/index.ts';

const COCKTAIL = join(import.meta.dirname, '../../../data/models/cocktail');
const TOKENS = 32;
const [gpu, cpu] = [await Runtime.create({ provider: 'webgpu' }), await Runtime.create({ provider: 'cpu' })];

function noise(seed: number, dims: number[]): Tensor {
  return { data: new TorchGenerator(seed).randn(dims), dims };
}

async function apart(use: (runtime: Runtime) => Promise<Tensor>): Promise<number> {
  const [a, b] = [await use(gpu), await use(cpu)];
  const largest = b.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - (b.data[i] ?? Number.NaN))), 0) / largest;
}

const text = await apart(async (runtime) => {
  const model = await ClipTextModel.load(join(COCKTAIL, 'wuerstchen-prior/text_encoder'), runtime);
  const ids = BigInt64Array.from({ length: TOKENS }, (_, i) => BigInt(i % 500));
  return model.run(
    ids,
    ids.map((_, i) => BigInt(i < TOKENS - 3 ? 1 : 0)),
  );
});
const prior = await apart(async (runtime) => {
  const model = await WuerstchenPrior.load(join(COCKTAIL, 'wuerstchen-prior/prior'), runtime);
  const { c_in, c_cond } = model.config;
  return model.run(noise(1, [1, c_in, 8, 8]), Float32Array.of(0.8), noise(2, [1, TOKENS, c_cond]));
});
const decoder = await apart(async (runtime) => {
  const model = await WuerstchenDiffNeXt.load(join(COCKTAIL, 'wuerstchen/decoder'), runtime);
  const { c_in, effnet_embd, clip_embd } = model.config;
  const side = model.sideDivisor * 6;
  const [x, effnet] = [noise(3, [1, c_in, side, side]), noise(4, [1, effnet_embd, 2, 2])];
  return model.run(x, Float32Array.of(0.5), effnet, noise(5, [1, TOKENS, clip_embd]));
});
console.log(JSON.stringify({ fused: gpu.folds.fusedAttention, notes: gpu.notes, apart: { text, prior, decoder } }));
process.exit(0);
