import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { hasWeights, weightlessText, withoutWeights } from '../../../src/pipeline/images/prompt-weights.ts';
import {
  promptWeights,
  type Tensor,
  TorchGenerator,
  WuerstchenCombinedPipeline,
  WuerstchenDecoderPipeline,
  WuerstchenPriorPipeline,
} from '../../../src/pipeline/index.ts';
import { UserError } from '../../../src/system/errors.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures');

/** What A1111's parser and its rule "original" made of prompts, with the text encoders of transformers. */
interface Case {
  readonly set: string;
  readonly half: 'wuerstchen' | 'wuerstchen-prior';
  readonly prompt: string;
  readonly stretches: readonly (readonly [text: string, weight: number])[];
  readonly input_ids: readonly number[];
  readonly weights: readonly number[];
  readonly mean_before: number;
  readonly factor: number;
  readonly max: number;
  /** Every so many values of the hidden states. */
  readonly every: number;
  readonly values: readonly number[];
}

const cases = JSON.parse(await readFile(join(FIXTURES, 'weighted-prompts.json'), 'utf8')) as Case[];

for (const set of new Set(cases.map((one) => one.set))) {
  for (const half of ['wuerstchen-prior', 'wuerstchen'] as const) {
    test(`weighted prompts of ${set}/${half} agree with A1111's rule over transformers' text encoder`, async () => {
      const Pipeline = half === 'wuerstchen' ? WuerstchenDecoderPipeline : WuerstchenPriorPipeline;
      const pipeline = await Pipeline.fromPretrained(join(FIXTURES, 'reference/pipelines', set, half));
      after(() => pipeline.release());
      for (const one of cases.filter((candidate) => candidate.set === set && candidate.half === half)) {
        const stretches = promptWeights(one.prompt);
        assert.deepEqual(
          stretches.map(({ text, weight }) => [text, weight]),
          one.stretches,
        );
        const { inputIds, weights } = pipeline.text.tokenizer.encodeWeighted(stretches);
        const read = one.input_ids.length;
        assert.deepEqual([...inputIds.slice(0, read)].map(Number), one.input_ids, one.prompt);
        assert.deepEqual([...weights.slice(0, read)], one.weights, one.prompt);
        const { data } = await pipeline.weightedPromptEmbeds(one.prompt);
        // The mean of a tensor is small beside its values, and whatever it is off by is off in all of them.
        const tolerance = one.max * (4e-6 + 3e-7 / Math.abs(one.mean_before));
        one.values.forEach((value, k) => {
          const found = data[k * one.every] ?? Number.NaN;
          assert.ok(Math.abs(found - value) <= tolerance, `${one.prompt}: ${found}, not ${value} (± ${tolerance})`);
        });
      }
    });
  }
}

test('stretches of a prompt are those of A1111, but for [a|b], which is text', () => {
  const read = (prompt: string) => promptWeights(prompt).map(({ text, weight }) => [text, weight]);
  assert.deepEqual(read(''), [['', 1]]);
  assert.deepEqual(read('a [panda|cat] on [green]'), [
    ['a [panda|cat] on ', 1],
    ['green', 1 / 1.1],
  ]);
  assert.deepEqual(read('([a|b] c:1.2)'), [['[a|b] c', 1.2]]);
  assert.deepEqual(read('panda:1.3)'), [['panda:1.3)', 1]]);
  assert.deepEqual(read('(panda:1.2.3)'), [['panda:1.2.3)', 1.1]]);
});

test('a text is what it was when its brackets are made text', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', ' ', '(', ')', '[', ']', '\\', ':', '1', '.', '|') }),
      (text) => {
        assert.equal(weightlessText(withoutWeights(text)), text);
        assert.ok(!hasWeights(withoutWeights(text)));
      },
    ),
  );
});

const seeded = () => new TorchGenerator(7);
const COCKTAIL = join(FIXTURES, '../../data/models/cocktail');

test('words with the weight 1 and words without weights are the same bits, and brackets are text unless asked for', async () => {
  const pipeline = await WuerstchenCombinedPipeline.fromPretrained(COCKTAIL, { provider: 'cpu' });
  after(() => pipeline.release());
  const { prior, decoder } = pipeline;
  for (const half of [prior, decoder]) {
    const plain = await half.text.encode(['a panda on a green background']);
    for (const same of ['a (panda:1) on a green background', 'a [(panda)] on a green background']) {
      assert.deepEqual(await half.weightedPromptEmbeds(same), plain, same);
    }
    const both = await half.weightedPromptEmbeds([
      'a panda on a green background',
      'a (panda:1.5) on a green background',
    ]);
    assert.deepEqual(both.data.slice(0, plain.data.length), plain.data);
    assert.notDeepEqual(both.data.slice(plain.data.length), plain.data);
    const asText = await half.text.encode(['a (panda:1.5) on a green background']);
    assert.notDeepEqual(asText.data, both.data.slice(plain.data.length));
    await assert.rejects(
      half.weightedPromptEmbeds(`(panda:${'9'.repeat(60)})`),
      (error: unknown) => error instanceof UserError && error.code === 'weights_too_large',
    );
  }
  // Both stages read the weights, in the prompt and in what is to be kept out.
  const side = pipeline.grid.pixels(pipeline.grid.coveringCells(64));
  const options = { width: side, height: side, priorNumInferenceSteps: 2, numInferenceSteps: 2 };
  const pictures = async (prompt: string, negativePrompt: string, weighted: boolean): Promise<Tensor> => {
    const guided = { priorGuidanceScale: 3, decoderGuidanceScale: 2, outputType: 'latent' } as const;
    const texts = { prompt, negativePrompt, weighted };
    const { latents } = await pipeline.generate({ ...options, ...guided, ...texts, generator: seeded() });
    return latents;
  };
  const plain = await pictures('a panda', 'a cat', false);
  assert.deepEqual(await pictures('a (panda:1)', '(a cat:1)', true), plain);
  assert.notDeepEqual(await pictures('a (panda:1.4)', 'a cat', true), plain);
  assert.notDeepEqual(await pictures('a panda', 'a (cat:1.4)', true), plain);
});

test('Stage B takes embeddings in place of a prompt', async () => {
  const decoder = await WuerstchenDecoderPipeline.fromPretrained(join(COCKTAIL, 'wuerstchen'), { provider: 'cpu' });
  after(() => decoder.release());
  const channels = decoder.decoder.config.effnet_embd;
  const imageEmbeddings = { data: new Float32Array(channels).fill(0.25), dims: [1, channels, 1, 1] };
  const options = { imageEmbeddings, numInferenceSteps: 1, outputType: 'latent' } as const;
  const words = await decoder.generate({ ...options, prompt: 'a (panda:1.3)', weighted: true, generator: seeded() });
  const promptEmbeds = await decoder.weightedPromptEmbeds('a (panda:1.3)');
  const embedded = await decoder.generate({ ...options, promptEmbeds, generator: seeded() });
  assert.deepEqual(embedded.latents, words.latents);
  await assert.rejects(
    decoder.generate({ ...options, promptEmbeds, prompt: 'a panda' }),
    /either prompt or promptEmbeds/,
  );
});
