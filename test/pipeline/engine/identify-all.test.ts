import assert from 'node:assert/strict';
import { cp, open, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import type { Identity } from '../../../src/pipeline/checkpoint/fingerprint.ts';
import { identifyAll } from '../../../src/pipeline/engine/identify-all.ts';
import { WuerstchenCombinedPipeline } from '../../../src/pipeline/index.ts';
import { differenceOf, ENCODER, hashesOf, type Weights } from '../../../src/pipeline/process/weights.ts';
import { COCKTAIL } from '../../models/folders.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const FURTHER = ['base', 'aesthetic', ENCODER];

async function identified(folder: string): Promise<Weights> {
  const pipeline = await WuerstchenCombinedPipeline.fromPretrained(folder, { provider: 'cpu' });
  return (await identifyAll(pipeline, FURTHER)).known;
}

async function changeByte(file: string): Promise<void> {
  const { size } = await stat(file);
  const opened = await open(file, 'r+');
  await opened.write(Buffer.from([77]), 0, 1, size - 100_003);
  await opened.close();
}

test('one bit of any weights is seen, and told of the part that they are', async (t) => {
  const model = join(await temporaryFolder(t), 'mine');
  await cp(COCKTAIL, model, { recursive: true });
  const before = await identified(model);
  assert.deepEqual(Object.keys(before.further ?? {}), FURTHER);
  const hashes = [before.checkpoint, ...Object.values(before.further ?? {}).map(({ checkpoint }) => checkpoint)];
  assert.equal(new Set(hashes).size, 4);
  assert.equal(differenceOf(before, await identified(COCKTAIL)), undefined);
  for (const [folder, part] of [
    ['wuerstchen-prior-model-finetuned', 'aesthetic'],
    ['wuerstchen-prior-model-base', 'base'],
    ['image-encoder', ENCODER],
  ] as const) {
    const earlier = await identified(model);
    await changeByte(join(model, folder, 'diffusion_pytorch_model.safetensors'));
    const now = await identified(model);
    assert.equal(differenceOf(earlier, now)?.part, part);
    assert.equal(now.checkpoint, before.checkpoint);
  }
  await writeFile(join(model, 'wuerstchen-prior-model-base/config.json'), '{');
  assert.deepEqual(Object.keys((await identified(model)).further ?? {}), ['aesthetic', ENCODER], 'what opens');
});

test('weights that nobody has used yet are identified without being prepared', async (t) => {
  const model = join(await temporaryFolder(t), 'mine');
  await cp(COCKTAIL, model, { recursive: true });
  const prepared: string[] = [];
  const onPreparing = (folder: string) => prepared.push(basename(folder));
  const options = { provider: 'cpu', precision: 'int8', onPreparing } as const;
  const pipeline = await WuerstchenCombinedPipeline.fromPretrained(model, options);
  await identifyAll(pipeline, FURTHER);
  assert.deepEqual([...new Set(prepared)].sort(), ['decoder', 'prior', 'vqgan']);
});

test('large weights are read one part after the other, and told as soon as they are', async () => {
  const read: string[] = [];
  const identify = async (part = 'first', { after }: { after?: Promise<unknown> | undefined } = {}) => {
    const whole = (after ?? Promise.resolve()).then(() => {
      read.push(part);
      return `all of ${part}`;
    });
    return { checkpoint: `some of ${part}`, former: [`some of ${part}`], whole } satisfies Identity;
  };
  const { known, onKnown } = await identifyAll({ identify }, ['base', ENCODER]);
  assert.deepEqual(known.further?.base, { checkpoint: 'some of base', formerCheckpoints: ['some of base'] });
  const told: Weights[] = [];
  await new Promise<void>((resolve) => {
    onKnown((now) => {
      told.push(now);
      if (told.length === 3) resolve();
    });
  });
  assert.deepEqual(read, ['first', 'base', ENCODER]);
  const hashes = told.map((now) => ['interpolated', 'base', ENCODER].map((part) => hashesOf(now, part).checkpoint));
  assert.deepEqual(hashes, [
    ['all of first', 'some of base', 'some of image-encoder'],
    ['all of first', 'all of base', 'some of image-encoder'],
    ['all of first', 'all of base', 'all of image-encoder'],
  ]);
});
