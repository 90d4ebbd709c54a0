/**
 * How much "Larger" keeps of a picture: the PSNR, in dB, of the enlarged picture reduced to the old size against the old
 * picture, for several strengths of new noise. Run with `node --import tsx bench/larger.ts [pictures] [side]`.
 */
import { join } from 'node:path';
import sharp from 'sharp';
import { LARGER_FACTORS } from '../src/bot/request-limits.ts';
import { createEngine } from '../src/pipeline/engine/engine.ts';
import type { EngineEmbedding, EngineRequest, ImageSource } from '../src/pipeline/process/protocol.ts';

const STRENGTHS: readonly number[] = [0, 0.1, 0.2, 0.3, 0.4, 0.5];
const SUBJECTS: readonly string[] = ['panda', 'penguin', 'strawberry', 'hamburger', 'cake'];
const GROUNDS: readonly string[] = ['green', 'white', 'red', 'purple'];
const [pictures = 20, side = 512] = process.argv.slice(2).map(Number);

interface Made {
  readonly png: Uint8Array;
  readonly embedding: EngineEmbedding;
}

const engine = createEngine();
const model = join(import.meta.dirname, '../data/models/cocktail');
await engine.load({ model, provider: 'cpu' }, { announce: async () => {} });

async function make(prompt: string, size: number, source: ImageSource, seed: bigint): Promise<Made> {
  const request: EngineRequest = {
    ...{ prompt, negative: '', width: size, height: size, style: 'interpolated' },
    ...{ steps: null, guidance: 4, decoderSteps: 12, decoderGuidance: 0 },
    images: [{ index: 0, source, stageBSeed: seed, metadata: {} }],
  };
  const { signal } = new AbortController();
  for await (const event of engine.generate(request, { signal, announce: async () => {} })) {
    if (event.type === 'image') return event;
  }
  throw new Error('Expected a picture.');
}

async function psnr(small: Uint8Array, large: Uint8Array): Promise<number> {
  const [a, b] = await Promise.all(
    [small, large].map((png) => sharp(png).resize(side, side).removeAlpha().raw().toBuffer()),
  );
  let sum = 0;
  for (const [i, value] of (a ?? []).entries()) sum += (value - (b?.[i] ?? 0)) ** 2;
  return 10 * Math.log10((255 ** 2 * (a?.length ?? 0)) / sum);
}

const results = new Map<string, number[]>();
const prompts = SUBJECTS.flatMap((subject) => GROUNDS.map((ground) => `a ${subject} on a ${ground} background`));
for (const [k, prompt] of prompts.slice(0, pictures).entries()) {
  const seed = BigInt(k + 1);
  const { png, embedding } = await make(prompt, side, { kind: 'words', seed }, seed);
  for (const factor of Object.values(LARGER_FACTORS)) {
    for (const strength of STRENGTHS) {
      const larger = await make(prompt, side * factor, { kind: 'enlarge', embedding, seed, strength }, seed);
      const key = `${factor}× at strength ${strength}`;
      results.set(key, [...(results.get(key) ?? []), await psnr(png, larger.png)]);
    }
  }
  console.log(`${k + 1} of ${pictures}: ${prompt}`);
  for (const [key, values] of results) {
    const sorted = values.toSorted((a, b) => a - b);
    const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
    console.log(`  ${key}: mean ${mean.toFixed(1)} dB, least ${sorted[0]?.toFixed(1)} dB`);
  }
}
