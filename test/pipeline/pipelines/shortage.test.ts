import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { WuerstchenCombinedPipeline } from '../../../src/pipeline/index.ts';
import { sparingMemory } from '../../../src/pipeline/pipelines/shortage.ts';

const COCKTAIL = join(import.meta.dirname, '../../../data/models/cocktail');
const ASKED = { width: 512, height: 512, guidance: 4, decoderGuidance: 0 };
const FULL = new Error('bad allocation');

/** Paints pictures 0 to 3; `fails` says before which of them memory runs out. */
async function painting(fails: (picture: number, lean: boolean) => boolean, signal = new AbortController().signal) {
  const pipeline = await WuerstchenCombinedPipeline.fromPretrained(COCKTAIL, { provider: 'cpu', check: false });
  const { memory } = pipeline.runtime;
  const made: { picture: number; lean: boolean }[] = [];
  const paint = async function* () {
    for (let picture = made.length; picture < 4; picture += 1) {
      if (fails(picture, memory.lean)) throw FULL;
      yield picture;
    }
  };
  const run = async (asked = ASKED) => {
    for await (const picture of sparingMemory(pipeline, asked, signal, paint))
      made.push({ picture, lean: memory.lean });
    return made.splice(0);
  };
  return { run, memory };
}

test('where memory runs out, what is left is painted leanly, and so are later pictures of that size', async () => {
  let full = true;
  const { run } = await painting((picture) => {
    if (picture < 2 || !full) return false;
    full = false;
    return true;
  });
  const leanFrom = (first: number) => [0, 1, 2, 3].map((picture) => ({ picture, lean: picture >= first }));
  assert.deepEqual(await run(), leanFrom(2));
  assert.deepEqual(await run(), leanFrom(0));
  assert.deepEqual(await run({ ...ASKED, width: 256 }), leanFrom(4), 'smaller ones are painted as before');
});

test('a picture that does not fit even then is refused, with what it needs', async () => {
  const { run, memory } = await painting(() => true);
  await assert.rejects(run(), { code: 'memory_short', message: /^A picture of 512×512 needs about .* of memory/ });
  assert.ok(memory.lean);
});

test('a shortage after an abort is not worth another attempt', async () => {
  const stop = new AbortController();
  const { run } = await painting(() => {
    stop.abort();
    return true;
  }, stop.signal);
  await assert.rejects(run(), FULL);
});
