import assert from 'node:assert/strict';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readHeader } from '../../src/pipeline/checkpoint/safetensors.ts';
import { stageCFolder } from '../../src/pipeline/derived-weights/styles.ts';
import { WuerstchenPrior } from '../../src/pipeline/index.ts';
import { fullSizeModel, someNumbers } from './full-size.ts';

const FILE = 'diffusion_pytorch_model.safetensors';
/** Beside what the process takes anyway: a checkpoint of 4 GB is mixed piece by piece. */
const MEMORY = 200e6;

test('a style that is not on disk is mixed in little memory, exactly, and paints', async (t) => {
  const model = fullSizeModel();
  const mixedDir = join(model, 'mixed');
  await rm(join(mixedDir, '0.3'), { recursive: true, force: true });
  const before = process.memoryUsage.rss();
  let most = 0;
  const folder = await stageCFolder(model, '0.3', {
    onProgress: () => {
      most = Math.max(most, process.memoryUsage.rss());
    },
  });
  t.after(() => rm(folder, { recursive: true, force: true }));
  assert.equal(folder, join(mixedDir, '0.3'));
  assert.ok(most - before < MEMORY, `${most - before} bytes`);

  const files = [
    join(model, 'wuerstchen-prior-model-base', FILE),
    join(model, 'wuerstchen-prior-model-finetuned', FILE),
    join(folder, FILE),
  ];
  const [keep, take] = [Math.fround(1 - Math.fround(0.3)), Math.fround(0.3)];
  for (const name of ['projection.weight', 'blocks.48.channelwise.0.weight', 'out.1.bias']) {
    const [base, aesthetic, mixed] = await Promise.all(files.map((file) => someOf(file, name)));
    base?.forEach((a, i) => {
      const b = aesthetic?.[i] ?? Number.NaN;
      assert.equal(mixed?.[i], Math.fround(Math.fround(keep * a) + Math.fround(take * b)), `${name} ${i}`);
    });
  }

  const prior = await WuerstchenPrior.load(folder, { provider: 'cpu' });
  const { dims } = await prior.run(someNumbers(1, 16, 3, 3), Float32Array.of(0.5), someNumbers(1, 77, 1280));
  assert.deepEqual(dims, [1, 16, 3, 3]);
  await prior.release();
});

/** The first numbers of a tensor, at most 1000. */
async function someOf(path: string, name: string): Promise<Float32Array> {
  const entry = (await readHeader(path)).get(name);
  assert.ok(entry, name);
  const bytes = new Uint8Array(Math.min(entry.length, 4000));
  const file = await open(path, 'r');
  try {
    await file.read(bytes, 0, bytes.length, entry.offset);
  } finally {
    await file.close();
  }
  return new Float32Array(bytes.buffer);
}
