import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Tensor as OrtTensor } from 'onnxruntime-node';
import { Component } from '../../../src/pipeline/checkpoint/checkpoint.ts';
import { priorConfig, priorGraphs } from '../../../src/pipeline/graph/prior.ts';
import {
  ClipTextModel,
  PaellaVQModel,
  probe,
  Runtime,
  type RuntimeOptions,
  type Tensor,
  TorchGenerator,
  WuerstchenDiffNeXt,
  WuerstchenPrior,
} from '../../../src/pipeline/index.ts';
import { type Conditioning, pickRows } from '../../../src/pipeline/networks/conditioning.ts';

/** Without a GPU, the software Vulkan driver that comes with Debian's Chromium computes; libvulkan1 finds it. */
const SOFTWARE_DRIVER = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (!existsSync('/dev/dri') && !existsSync('/dev/nvidia0')) process.env.VK_DRIVER_FILES ??= SOFTWARE_DRIVER;

const COCKTAIL = join(import.meta.dirname, '../../../data/models/cocktail');
/** Share of the largest value by which two providers may differ: float32 sums in another order. */
const TOLERANCE = 1e-3;

function noise(seed: number, dims: number[]): Tensor {
  return { data: new TorchGenerator(seed).randn(dims), dims };
}

function agree(a: Tensor, b: Tensor, what: string): void {
  assert.deepEqual(a.dims, b.dims);
  const largest = b.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const worst = a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - (b.data[i] ?? Number.NaN))), 0);
  assert.ok(worst <= TOLERANCE * largest, `${what}: off by ${worst} of ${largest}`);
}

test('WebGPU works here', async () => {
  const { provider, works } = await probe('webgpu');
  assert.deepEqual({ provider, works }, { provider: 'webgpu', works: true });
});

// Stages C and B do so below.
test('the text encoder and Stage A of the embedded model agree between WebGPU and the CPU', async () => {
  const [gpu, cpu] = [await Runtime.create({ provider: 'webgpu' }), await Runtime.create({ provider: 'cpu' })];
  assert.equal(gpu.provider, 'webgpu');
  const both = <T>(use: (runtime: Runtime) => Promise<T>) => Promise.all([use(gpu), use(cpu)]);

  const ids = BigInt64Array.from([1, 20, 300, 5, 2], BigInt);
  const mask = BigInt64Array.from([1, 1, 1, 1, 0], BigInt);
  const [text1, text2] = await both(async (runtime) => {
    const model = await ClipTextModel.load(join(COCKTAIL, 'wuerstchen-prior/text_encoder'), runtime);
    const states = await model.run(ids, mask);
    await model.release();
    return states;
  });
  agree(text1, text2, 'text encoder');

  const [picture1, picture2] = await both(async (runtime) => {
    const vqgan = await PaellaVQModel.load(join(COCKTAIL, 'wuerstchen/vqgan'), runtime);
    const latents = noise(6, [1, vqgan.config.latent_channels, 6, 4]);
    const picture = await vqgan.decode(latents);
    const { data, dims } = await vqgan.decodePixels(latents);
    const encoded = await vqgan.encode(picture);
    await vqgan.release();
    return { picture, encoded, pixels: { data: Float32Array.from(data), dims: [...dims] } };
  });
  agree(picture1.picture, picture2.picture, 'Stage A');
  agree(picture1.encoded, picture2.encoded, 'Stage A, encoder');
  const off = picture1.pixels.data.filter((value, i) => Math.abs(value - (picture2.pixels.data[i] ?? Number.NaN)) > 1);
  assert.equal(off.length, 0, 'bytes differ by at most 1');
});

test('what is computed once a picture stays on the device: for rows of a batch, after others and after a release', async () => {
  const calls: string[] = [];
  const gpu = await Runtime.create({
    provider: 'webgpu',
    onReturned: ({ kind, graph }) => void (kind === 'run' && calls.push(graph)),
  });
  const predictions = async (runtime: Runtime) => {
    const prior = await WuerstchenPrior.load(join(COCKTAIL, 'wuerstchen-prior/prior'), runtime);
    const { c_in, c_cond } = prior.config;
    const step = (conditioning: Conditioning) => {
      const { rows } = conditioning;
      return prior.step(noise(1, [rows, c_in, 2, 3]), new Float32Array(rows).fill(0.5), conditioning);
    };
    const three = await prior.condition(noise(2, [3, 5, c_cond]));
    const all = [await step(three), await step(three), await step(pickRows(three, [2, 0]))];
    for (const seed of [3, 4]) await prior.condition(noise(seed, [2, 5, c_cond]));
    all.push(await step(three));
    await prior.release();
    all.push(await step(three));
    await prior.release();
    return all;
  };
  const [found, expected] = [await predictions(gpu), await predictions(await Runtime.create({ provider: 'cpu' }))];
  found.forEach((one, i) => {
    agree(one, expected[i] as Tensor, `step ${i}`);
  });
  // Two sets are kept. With the sessions, the device forgets all.
  const [made, used] = ['prior-conditioning', 'prior'];
  assert.deepEqual(calls, [made, used, used, made, used, made, made, made, used, made, used]);
});

test('with one network loaded at a time, too: it stays while its network does', async () => {
  const calls: string[] = [];
  const onReturned = ({ kind, graph }: { kind: string; graph: string }) => void calls.push(`${kind} ${graph}`);
  const predictions = async (options: RuntimeOptions) => {
    const runtime = await Runtime.create({ ...options, residency: 'stage' });
    const prior = await WuerstchenPrior.load(join(COCKTAIL, 'wuerstchen-prior/prior'), runtime);
    const decoder = await WuerstchenDiffNeXt.load(join(COCKTAIL, 'wuerstchen/decoder'), runtime);
    const { c_in, c_cond } = prior.config;
    const text = await prior.condition(noise(2, [2, 5, c_cond]));
    const step = () => prior.step(noise(1, [2, c_in, 2, 3]), Float32Array.of(0.5, 0.5), text);
    const all = [await step(), await step()];
    const [x, effnet] = [noise(3, [1, 4, decoder.sideDivisor, decoder.sideDivisor]), noise(4, [1, 16, 2, 2])];
    all.push(await decoder.run(x, Float32Array.of(0.5), effnet, noise(5, [1, 9, decoder.config.clip_embd])));
    all.push(await step());
    await prior.release();
    return all;
  };
  const found = await predictions({ provider: 'webgpu', onReturned });
  const expected = await predictions({ provider: 'cpu' });
  found.forEach((one, i) => {
    agree(one, expected[i] as Tensor, `step ${i}`);
  });
  const [made, used] = ['run prior-conditioning', 'run prior'];
  assert.deepEqual(
    calls.filter((call) => call === made || call === used),
    [made, used, used, made, used],
  );
});

test('with a few blocks loaded at a time, Stage B gives the same numbers bit by bit', async () => {
  const groups: number[] = [];
  const predict = async (residency: 'resident' | 'sequential') => {
    // Some blocks fit together: each group compiles its shaders anew, which takes a software driver a second.
    const measureMemory = () => ({ bytes: 17e6, of: 'this GPU' });
    const runtime = await Runtime.create({
      ...{ provider: 'webgpu', residency, measureMemory },
      onReturned: ({ kind, graph, group }) => {
        if (kind === 'create' && graph === 'decoder' && group) groups.push(group.index);
      },
    });
    const decoder = await WuerstchenDiffNeXt.load(join(COCKTAIL, 'wuerstchen/decoder'), runtime);
    const { sideDivisor: side, config } = decoder;
    const [x, effnet] = [noise(3, [1, config.c_in, side, side]), noise(4, [1, config.effnet_embd, 2, 2])];
    const predicted = await decoder.run(x, Float32Array.of(0.5), effnet, noise(5, [1, 9, config.clip_embd]));
    await decoder.release();
    return predicted;
  };
  const whole = await predict('resident');
  assert.deepEqual(groups, []);
  assert.deepEqual(await predict('sequential'), whole);
  assert.deepEqual(groups, [0, 1, 2]);
});

test('what a conditioning graph computes lies on the device', async () => {
  const folder = join(COCKTAIL, 'wuerstchen-prior/prior');
  const component = await Component.open(folder);
  for (const residency of ['resident', 'stage'] as const) {
    const runtime = await Runtime.create({ provider: 'webgpu', residency });
    const { conditioning } = priorGraphs(component, runtime.folds);
    assert.ok(conditioning);
    const session = await runtime.session(conditioning, folder);
    const dims = [1, 5, priorConfig(component).c_cond];
    const outputs = Object.values(await session.run({ text: new OrtTensor('float32', noise(1, dims).data, dims) }));
    assert.deepEqual(new Set(outputs.map((one) => one.location)), new Set(['gpu-buffer']));
    for (const output of outputs) output.dispose();
    await session.release();
  }
});

test('an asked-for provider that does not work is an error with its reason, and auto falls back with it', async () => {
  if (existsSync('/dev/nvidia0')) return assert.equal((await probe('cuda')).provider, 'cuda');
  await assert.rejects(Runtime.create({ provider: 'cuda' }), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'provider_unavailable');
    assert.match(error.message, /cuda does not work here: .+/);
    return true;
  });
  const runtime = await Runtime.create({ provider: 'auto' });
  assert.equal(runtime.provider, 'webgpu');
  assert.deepEqual(
    runtime.fallbacks.map(({ provider }) => provider),
    ['cuda'],
  );
  assert.match(runtime.fallbacks[0]?.reason ?? '', /NVIDIA|cuda/i);
});

test('a precision that a provider cannot compute in is refused, and auto does without', async () => {
  await assert.rejects(Runtime.create({ provider: 'webgpu', precision: 'int8' }), {
    code: 'precision_unavailable',
    message: 'Expected precision fp16, fp32 or auto on webgpu, got int8.',
  });
  const { works } = await probe('webgpu', { dtype: 'f16' });
  const auto = await Runtime.create({ provider: 'webgpu', precision: 'auto' });
  assert.equal(auto.precisionFor(1e9), works ? 'fp16' : 'fp32');
  const asked = Runtime.create({ provider: 'webgpu', precision: 'fp16' });
  if (works) assert.equal((await asked).precisionFor(1), 'fp16');
  else await assert.rejects(asked, { code: 'precision_unavailable' });
});

test('rows of several requests that share the steps of a network on WebGPU agree with those made alone', async () => {
  const runtime = await Runtime.create({ provider: 'webgpu' });
  const prior = await WuerstchenPrior.load(join(COCKTAIL, 'wuerstchen-prior/prior'), runtime);
  const { c_in, c_cond } = prior.config;
  const requests = await Promise.all(
    [1, 2].map(async (rows) => ({
      x: noise(rows, [rows, c_in, 6, 6]),
      r: Float32Array.from({ length: rows }, (_, i) => 0.9 - 0.2 * i - 0.1 * rows),
      conditioning: await prior.condition(noise(10 + rows, [rows, 9, c_cond])),
    })),
  );
  const alone = [];
  for (const { x, r, conditioning } of requests) alone.push(await prior.step(x, r, conditioning));
  prior.share();
  const loops = requests.map(() => prior.shared?.enter());
  const together = await Promise.all(requests.map(({ x, r, conditioning }, i) => loops[i]?.step(x, r, conditioning)));
  // Products of more rows are summed in another order here, as in a batch of one request.
  for (const [i, rows] of together.entries()) {
    assert.ok(rows && alone[i]);
    agree(rows, alone[i], `request ${i}`);
  }
  await prior.release();
});
