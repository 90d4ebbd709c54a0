import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALL_FOLDS, type StepGraphs } from '../../../src/pipeline/graph/blocks.ts';
import { decoderGraphs } from '../../../src/pipeline/graph/decoder.ts';
import { priorGraphs } from '../../../src/pipeline/graph/prior.ts';
import { fullSizeComponent } from '../full-size-graphs.ts';
import { bytesOf, crossing } from './crossing.ts';

const INSIDE = { ...ALL_FOLDS, conditioning: false };
const SIZES = { b: 2, t: 77, h: 24, w: 24 };
/** Stage B at 1024×1024: 256×256 latents, the embedding 24×24. */
const LATENTS = { b: 1, t: 77, H: 256, W: 256, eh: 24, ew: 24 };
const SIDES = Object.fromEntries([0, 1, 2, 3].flatMap((i) => [`h${i}`, `w${i}`].map((name) => [name, 128 / 2 ** i])));

function kept({ conditioning }: StepGraphs): ReadonlySet<string> {
  return new Set(conditioning?.parts.outputs.map(({ name }) => name));
}

test('bytes of a value follow from its type and its dimensions, products among them', () => {
  const value = { name: 'x', dtype: 'f16', shape: ['b*h*w', 8] } as const;
  assert.equal(bytesOf(value, { b: 2, h: 3, w: 5 }), 2 * 2 * 15 * 8);
  assert.throws(() => bytesOf(value, { b: 2, h: 3 }), { message: 'Expected a size for "w" of x [b*h*w,8].' });
});

test('what crosses at a step of the published Stage C: 60.6 MB, with the text in the step or on the device next to nothing', async (t) => {
  const component = await fullSizeComponent(t, 'wuerstchen-prior/prior');
  const [apart, inside] = [priorGraphs(component, ALL_FOLDS), priorGraphs(component, INSIDE)];
  const latents = 2 * 16 * 24 * 24 * 4;
  const timesteps = 2 * 64 * 4;
  const keysAndValues = 64 * 2 * 77 * 1536 * 4;
  const toHost = latents;
  assert.deepEqual(crossing(apart.step.parts, SIZES), { toDevice: latents + timesteps + keysAndValues, toHost });
  assert.deepEqual(crossing(apart.step.parts, SIZES, kept(apart)), { toDevice: latents + timesteps, toHost });
  const text = 2 * 77 * 1280 * 4;
  assert.deepEqual(crossing(inside.step.parts, SIZES), { toDevice: latents + timesteps + text, toHost });
});

test('what crosses at a step of the published Stage B: 32.9 MB, 1.4 MB and 1.0 MB', async (t) => {
  const component = await fullSizeComponent(t, 'wuerstchen/decoder');
  const [apart, inside] = [decoderGraphs(component, ALL_FOLDS), decoderGraphs(component, INSIDE)];
  const sizes = { ...LATENTS, ...SIDES };
  const megabytes = (bytes: number) => Math.round(bytes / 1e4) / 100;
  assert.equal(megabytes(crossing(apart.step.parts, sizes).toDevice), 32.93);
  assert.equal(megabytes(crossing(inside.step.parts, sizes).toDevice), 1.42);
  assert.equal(megabytes(crossing(apart.step.parts, sizes, kept(apart)).toDevice), 1.05);
});
