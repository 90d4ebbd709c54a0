import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LearnedMemory } from '../../../src/pipeline/runtime/learned-memory.ts';
import { decoderWorking, vqganWorking } from '../../../src/pipeline/runtime/memory-estimate.ts';
import { takenOn } from '../../../src/pipeline/runtime/taken-memory.ts';

/** Of the published model. */
const VQGAN = {
  ...{ in_channels: 3, out_channels: 3, up_down_scale_factor: 2, levels: 2, bottleneck_blocks: 12, embed_dim: 384 },
  ...{ latent_channels: 4, num_vq_embeddings: 8192, scale_factor: 0.3764 },
};
const GIB = 2 ** 30;

for (const [provider, precision, sides, real] of [
  ['cuda', 'fp16', [256, 256], 2.06 * GIB],
  ['cuda', 'fp16', [256, 384], 4.06 * GIB],
  ['cuda', 'fp16', [512, 512], 8.13 * GIB],
  ['cuda', 'fp32', [256, 256], 3.9 * GIB],
  ['cpu', 'fp32', [256, 256], 2.47e9],
  ['cpu', 'fp32', [512, 512], 15.4 * 805e6],
] as const) {
  test(`the estimate of Stage A on ${provider} in ${precision} of ${sides.join('×')} latents is near what it takes`, () => {
    const estimate = vqganWorking(VQGAN, sides, precision, provider);
    // What is known includes the weights with CUDA.
    assert.ok(estimate >= real * 0.96 && estimate <= real * 1.31, `${estimate / GIB} GiB for ${real / GIB}`);
  });
}

test('the estimate of Stage B on cuda in fp16 grows with the picture as what it takes', () => {
  const decoder = {
    ...{ c_in: 4, c_out: 4, c_r: 64, patch_size: 2, c_cond: 1024, c_hidden: [320, 640, 1280, 1280], kernel_size: 3 },
    ...{ nhead: [-1, 10, 20, 20], blocks: [4, 4, 14, 4], level_config: ['CT', 'CTA', 'CTA', 'CTA'] },
    ...{ inject_effnet: [false, true, true, true], effnet_embd: 16, clip_embd: 1024 },
  };
  const [large, usual] = [512, 256].map((side) => decoderWorking(decoder, [side, side], 1, 'fp16', 'cuda'));
  const grown = (large ?? 0) - (usual ?? 0);
  assert.ok(Math.abs(grown / (1.01 * GIB) - 1) < 0.05, `${grown / GIB} GiB`);
});

/** A process that takes what it is told. */
function learning() {
  let taken = 1e9;
  const learned = new LearnedMemory(() => taken);
  const run = (estimate: number, more: number) =>
    learned.during(estimate, async () => {
      taken += more;
      return 'a picture';
    });
  return { learned, run };
}

test('what a decode has taken counts for pictures up to its size, with a margin, and not for larger ones', async () => {
  const { learned, run } = learning();
  assert.equal(await run(4e9, 2e9), 'a picture');
  assert.equal(Math.round(learned.correct(4e9)), 2.2e9);
  assert.equal(learned.correct(1e9), 1e9);
  assert.equal(learned.correct(5e9), 5e9);
});

test('estimates that were too low are raised for all sizes, at most twofold', async () => {
  const { learned, run } = learning();
  await run(2e9, 3e9);
  assert.equal(learned.correct(1e9), 1.5e9);
  assert.equal(learned.correct(4e9), 6e9);
  await run(3e9, 30e9);
  assert.equal(learned.correct(4e9), 8e9);
});

test('a session keeps what it took: later pictures of its size take no more, and larger ones only the rest', async () => {
  const { learned, run } = learning();
  await run(2e9, 2e9);
  await run(2e9, 0);
  assert.equal(learned.correct(2e9), 2e9);
  await run(4e9, 2e9);
  assert.equal(learned.correct(8e9), 8e9);
  learned.released();
  await run(4e9, 3e9);
  assert.equal(Math.round(learned.correct(4e9)), 3.3e9);
});

test('of a run in groups of blocks, each loaded by itself, the group that takes the most counts', async () => {
  let taken = 1e9;
  let asked = 0;
  const learned = new LearnedMemory(() => {
    asked += 1;
    return taken;
  });
  const step = async (estimate: number, ...groups: readonly number[]) => {
    const runs = learned.inGroups(estimate);
    for (const more of groups) {
      await runs.during(async () => {
        taken += more;
      });
      taken -= more;
    }
    runs.end();
  };
  await step(1e9, 300e6, 600e6, 400e6);
  assert.equal(Math.round(learned.correct(1e9)), 660e6);
  await step(1e9, 5e9);
  assert.equal(asked, 6, 'what is known is not measured again');
  await step(2e9, 3e9, 0);
  assert.equal(learned.correct(2e9), 3e9);
  assert.equal(learned.correct(4e9), 6e9);
});

test('small runs, failed ones and providers that do not say teach nothing', async () => {
  const { learned, run } = learning();
  await run(200e6, 100e6);
  assert.equal(learned.correct(200e6), 200e6);
  await assert.rejects(
    learned.during(9e9, async () => Promise.reject(new Error('full'))),
    { message: 'full' },
  );
  assert.equal(learned.correct(9e9), 9e9);
  const blind = new LearnedMemory(takenOn('webgpu'));
  await blind.during(4e9, async () => {});
  assert.equal(blind.correct(4e9), 4e9);
});

test('this process is found among those that use a GPU, by its number', () => {
  const said = (...lines: string[]) => takenOn('cuda', () => lines.join('\n'))();
  assert.equal(said('1, 500', `${process.pid}, 2048`, ''), 2 * GIB);
  assert.equal(said('1, 500'), null);
  assert.equal(said(`${process.pid}, [N/A]`), null);
  assert.equal(takenOn('cuda', () => null)(), null);
  assert.ok((takenOn('cpu')() ?? 0) > 0);
});
