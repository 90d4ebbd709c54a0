import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { createEngine } from '../../../src/pipeline/engine/engine.ts';
import type { EngineRequest, GenerateContext } from '../../../src/pipeline/process/protocol.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const MODEL = join(import.meta.dirname, '../../../data/models/cocktail');
const [A, B, MASK] = ['a', 'b', 'c'].map((letter) => letter.repeat(64)) as [string, string, string];
/** Off the grid in both directions. */
const [WIDTH, HEIGHT] = [300, 200];

const engine = createEngine();
const context: GenerateContext = { signal: new AbortController().signal, announce: async () => {} };

before(async () => {
  const info = await engine.load({ model: MODEL, provider: 'cpu' }, context);
  assert.equal(info.startsFromPictures, true);
});

type Start = NonNullable<EngineRequest['start']>;

/** The embedding and the pixels of the one picture of a request. */
async function painted(files: Readonly<Record<string, string>>, start?: Start) {
  const request: EngineRequest = {
    ...{ prompt: 'a panda', negative: '', width: WIDTH, height: HEIGHT, style: 'interpolated' },
    ...{ steps: 4, decoderSteps: 2, guidance: 4, decoderGuidance: 0, files },
    images: [{ index: 0, source: { kind: 'words', seed: 3n }, stageBSeed: 3n, metadata: {} }],
    ...(start ? { start } : {}),
  };
  for await (const event of engine.generate(request, context)) {
    if (event.type !== 'image') continue;
    const pixels = await sharp(event.png).removeAlpha().raw().toBuffer();
    return { embedding: event.embedding, pixels };
  }
  throw new Error('Expected a picture.');
}

function pixelsOf(width: number, height: number): Uint8Array {
  return new Uint8Array(width * height * 3).map((_, i) => (i * 7 + Math.floor(i / width)) & 255);
}

async function files(t: TestContext) {
  const folder = await temporaryFolder(t);
  const raw = { width: WIDTH, height: HEIGHT, channels: 3 } as const;
  const opaque = new Uint8Array(WIDTH * HEIGHT * 4).fill(255);
  for (let y = 60; y < 120; y += 1) for (let x = 100; x < 200; x += 1) opaque[(y * WIDTH + x) * 4 + 3] = 0;
  const mask = new Uint8Array(WIDTH * HEIGHT);
  for (let y = 60; y < 120; y += 1) mask.fill(255, y * WIDTH + 100, y * WIDTH + 200);
  const contents = {
    [A]: await sharp(pixelsOf(WIDTH, HEIGHT), { raw }).png().toBuffer(),
    [B]: await sharp(opaque, { raw: { ...raw, channels: 4 } })
      .png()
      .toBuffer(),
    [MASK]: await sharp(mask, { raw: { ...raw, channels: 1 } })
      .png()
      .toBuffer(),
  };
  const paths: Record<string, string> = {};
  for (const [hash, content] of Object.entries(contents)) {
    paths[hash] = join(folder, hash);
    await writeFile(join(folder, hash), content);
  }
  return paths;
}

test('strength 1 gives the picture of the words, and 0 another one', async (t) => {
  const given = await files(t);
  const pictures = [{ hash: A, weight: 1 }];
  const words = await painted(given);
  assert.deepEqual(await painted(given, { pictures, strength: 1 }), words);
  const [none, part] = [
    await painted(given, { pictures, strength: 0 }),
    await painted(given, { pictures, strength: 0.5 }),
  ];
  assert.notDeepEqual(none.embedding, words.embedding);
  assert.notDeepEqual(part.embedding, none.embedding);
  assert.notDeepEqual(part.embedding, words.embedding);
});

test('at a size off the grid, pixels outside the feathered mask are the original’s', async (t) => {
  const { pixels } = await painted(await files(t), { pictures: [{ hash: A, weight: 1 }], strength: 1, mask: MASK });
  const original = pixelsOf(WIDTH, HEIGHT);
  let changed = 0;
  for (let i = 0; i < WIDTH * HEIGHT; i += 1) {
    const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)];
    const same = [0, 1, 2].every((c) => pixels[i * 3 + c] === original[i * 3 + c]);
    const outside = x < 100 - 8 || x >= 208 || y < 60 - 8 || y >= 128;
    if (outside) assert.ok(same, `pixel ${x}, ${y}`);
    else if (!same) changed += 1;
  }
  assert.ok(changed > 5000);
});

test('a picture’s own transparency is its mask', async (t) => {
  const { pixels } = await painted(await files(t), { pictures: [{ hash: B, weight: 1 }], strength: 1, mask: B });
  assert.deepEqual([...pixels.subarray(0, 3)], [255, 255, 255]);
  const inside = (90 * WIDTH + 150) * 3;
  assert.notDeepEqual([...pixels.subarray(inside, inside + 30)], new Array(30).fill(255));
});

test('a file that is gone, and one that is no picture, are refused with a sentence', async (t) => {
  const given = await files(t);
  const start = { pictures: [{ hash: A, weight: 1 }], strength: 0.5 };
  await assert.rejects(painted({}, start), { name: 'UserError', code: 'start_gone' });
  await writeFile(given[A] ?? '', '<svg xmlns="http://www.w3.org/2000/svg"/>');
  await assert.rejects(painted(given, start), { name: 'UserError', code: 'picture_kind_unknown' });
});
