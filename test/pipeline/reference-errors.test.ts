import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import {
  DDPMWuerstchenScheduler,
  REFERENCE_VALUES,
  type Tensor,
  TorchGenerator,
  WuerstchenCombinedPipeline,
  WuerstchenDecoderPipeline,
  WuerstchenPriorPipeline,
} from '../../src/pipeline/index.ts';
import { UserError } from '../../src/system/errors.ts';
import { foldersIn, REFERENCE } from './reference.ts';

interface Row {
  readonly pipeline: string;
  readonly input: string;
  readonly type?: string;
  /** E.g. `torch [1, 16, 3, 3] finite=True`. */
  readonly result?: string;
}

const [dir = ''] = foldersIn('pipelines');
const { rows } = JSON.parse(await readFile(join(REFERENCE, 'errors/bad_inputs.json'), 'utf8')) as { rows: Row[] };
const options = { provider: 'cpu', pipelineValues: REFERENCE_VALUES } as const;
const prior = await WuerstchenPriorPipeline.fromPretrained(join(dir, 'wuerstchen-prior'), options);
const decoder = await WuerstchenDecoderPipeline.fromPretrained(join(dir, 'wuerstchen'), options);
const combined = await WuerstchenCombinedPipeline.fromPretrained(dir, options);
after(() => Promise.all([prior.release(), decoder.release(), combined.release()]));

function noise(...dims: number[]): Tensor {
  return { data: new TorchGenerator(1).randn(dims), dims };
}

const seeded = (count: number) => Array.from({ length: count }, (_, i) => new TorchGenerator(i));
const width = prior.prior.config.c_cond;
const { c_in: cIn } = prior.prior.config;
const { effnet_embd: cEffnet, c_in: cLatent } = decoder.decoder.config;
const embeds = noise(1, prior.text.tokenizer.maxLength, width);
const shorter = noise(1, prior.text.tokenizer.maxLength - 1, width);
const effnet = (...[n = 1, h = 3, w = 3]: number[]) => noise(n, cEffnet, h, w);

/** What a pipeline does with an input: the dims of its result, or the code of the error that it must end in. */
type Outcome = 'works' | `refused: ${string}`;
type Calls = Readonly<Record<string, readonly [changes: Readonly<Record<string, unknown>>, outcome: Outcome]>>;

const PRIOR: Calls = {
  'prompt and prompt_embeds both': [{ promptEmbeds: embeds }, 'refused: prompt_twice'],
  'neither prompt nor prompt_embeds': [{ prompt: undefined }, 'refused: prompt_missing'],
  'prompt=5': [{ prompt: 5 }, 'refused: invalid_type'],
  "prompt=('a','b') tuple": [{ prompt: { 0: 'a', 1: 'b' } }, 'refused: invalid_type'],
  'prompt=[] (empty list)': [{ prompt: [] }, 'refused: invalid_type'],
  'negative_prompt=5, guidance_scale=4': [{ negativePrompt: 5, guidanceScale: 4 }, 'refused: invalid_type'],
  'negative_prompt=5, guidance_scale=1 (no CFG)': [{ negativePrompt: 5, guidanceScale: 1 }, 'works'],
  'negative_prompt list of 2, prompt str, guidance 4': [{ negativePrompt: ['x', 'y'] }, 'refused: batch_mismatch'],
  'negative_prompt str, prompt list of 2, guidance 4': [
    { prompt: ['a', 'b'], negativePrompt: 'x' },
    'refused: batch_mismatch',
  ],
  'negative_prompt and negative_prompt_embeds both': [
    { negativePrompt: 'b', negativePromptEmbeds: embeds },
    'refused: prompt_twice',
  ],
  'prompt_embeds (1,77,C), negative_prompt_embeds (1,76,C)': [
    { prompt: undefined, promptEmbeds: embeds, negativePromptEmbeds: shorter },
    'refused: embeds_mismatch',
  ],
  'prompt_embeds with negative_prompt str, guidance 4': [
    { prompt: undefined, promptEmbeds: embeds, negativePrompt: 'b' },
    'refused: invalid_type',
  ],
  "prompt_embeds only, guidance 4 (uncond from '')": [{ prompt: undefined, promptEmbeds: embeds }, 'works'],
  'negative_prompt_embeds given, guidance 1 (no CFG)': [{ negativePromptEmbeds: embeds, guidanceScale: 1 }, 'works'],
  // JavaScript has one kind of number.
  'num_inference_steps=2.0': [{ numInferenceSteps: 2.5 }, 'refused: invalid_type'],
  'num_inference_steps=True': [{ numInferenceSteps: true }, 'refused: invalid_type'],
  'num_inference_steps=0': [{ numInferenceSteps: 0 }, 'works'],
  'num_inference_steps=-1': [{ numInferenceSteps: -1 }, 'refused: steps_invalid'],
  "num_inference_steps='2' with timesteps list": [
    { numInferenceSteps: '2', timesteps: [1, 0] },
    'refused: invalid_type',
  ],
  'timesteps=[] (empty)': [{ timesteps: [] }, 'refused: timesteps_invalid'],
  'timesteps=[1.0] (one value: no step at all)': [{ timesteps: [1] }, 'works'],
  'timesteps ascending [0.0,0.5,1.0]': [{ timesteps: [0, 0.5, 1] }, 'refused: timesteps_invalid'],
  'timesteps with repeat [1.0,0.5,0.5,0.0]': [{ timesteps: [1, 0.5, 0.5, 0] }, 'works'],
  'timesteps ending above 0 [1.0,0.5]': [{ timesteps: [1, 0.5] }, 'works'],
  'timesteps ints beyond 1 [999, 500, 0]': [{ timesteps: [999, 500, 0] }, 'refused: timesteps_invalid'],
  'latents of wrong shape': [{ latents: noise(1, cIn, 2, 2) }, 'refused: latents_invalid'],
  'generator list shorter than batch (2 prompts, 2 gens, then 3 images)': [
    { prompt: ['a', 'b'], generator: seeded(2), numImagesPerPrompt: 3 },
    'refused: generator_count',
  ],
  'generator list longer than batch (1 prompt, 2 gens)': [{ generator: seeded(2) }, 'works'],
  'generator=[] empty list': [{ generator: [] }, 'refused: generator_count'],
  'height=0': [{ height: 0 }, 'refused: size_invalid'],
  'height=-128': [{ height: -128 }, 'refused: size_invalid'],
  "height='128'": [{ height: '128' }, 'refused: size_invalid'],
  'height=1 (latent height ceil -> 1)': [{ height: 1 }, 'works'],
  'num_images_per_prompt=0': [{ numImagesPerPrompt: 0 }, 'refused: images_invalid'],
  'guidance_scale=None': [{ guidanceScale: null }, 'works'],
  'guidance_scale=nan': [{ guidanceScale: Number.NaN }, 'refused: guidance_invalid'],
  'guidance_scale=-3 (treated as no CFG)': [{ guidanceScale: -3 }, 'works'],
  "output_type='pil' (anything but 'np' gives a tensor)": [{ outputType: 'pil' }, 'works'],
  'unknown keyword foo=1 (swallowed by **kwargs)': [{ foo: 1 }, 'works'],
};

const DECODER: Calls = {
  'prompt=None': [{ prompt: undefined }, 'refused: invalid_type'],
  'prompt=5': [{ prompt: 5 }, 'refused: invalid_type'],
  "prompt=('a',)": [{ prompt: { 0: 'a' } }, 'refused: invalid_type'],
  'image_embeddings=None': [{ imageEmbeddings: undefined }, 'refused: invalid_type'],
  "image_embeddings='x'": [{ imageEmbeddings: 'x' }, 'refused: invalid_type'],
  'image_embeddings=[] (empty list)': [{ imageEmbeddings: [] }, 'refused: invalid_type'],
  'image_embeddings=[tensor, tensor] (concatenated)': [{ imageEmbeddings: [effnet(), effnet()] }, 'works'],
  // What NumPy is to torch, a bare typed array is here: it has no dims.
  'image_embeddings=numpy array': [{ imageEmbeddings: effnet().data }, 'refused: invalid_type'],
  'image_embeddings 3-D': [{ imageEmbeddings: noise(cEffnet, 3, 3) }, 'refused: image_embeddings_invalid'],
  'image_embeddings with wrong channel count': [
    { imageEmbeddings: noise(1, cEffnet + 1, 3, 3) },
    'refused: image_embeddings_invalid',
  ],
  'negative_prompt=5, guidance 2': [{ negativePrompt: 5, guidanceScale: 2 }, 'refused: invalid_type'],
  'negative_prompt=5, guidance 0': [{ negativePrompt: 5, guidanceScale: 0 }, 'works'],
  'negative_prompt list of 2, prompt str, guidance 2': [
    { negativePrompt: ['a', 'b'], guidanceScale: 2 },
    'refused: batch_mismatch',
  ],
  'num_inference_steps=2.0': [{ numInferenceSteps: 2.5 }, 'refused: invalid_type'],
  'num_inference_steps=0': [{ numInferenceSteps: 0 }, 'works'],
  "output_type='foo' (raised only AFTER the loop)": [{ outputType: 'foo' }, 'refused: output_type_invalid'],
  'latents of wrong shape': [{ latents: noise(1, cLatent, 8, 8) }, 'refused: latents_invalid'],
  'two prompts + two image embeddings': [{ prompt: ['a', 'b'], imageEmbeddings: effnet(2) }, 'works'],
  'two prompts + one image embedding': [{ prompt: ['a', 'b'] }, 'refused: batch_mismatch'],
  'one prompt + two image embeddings': [{ imageEmbeddings: effnet(2) }, 'works'],
  'num_images_per_prompt=2, one image embedding': [{ numImagesPerPrompt: 2 }, 'works'],
  'image embeddings 3x4 (4*10.67=42 -> not divisible)': [
    { imageEmbeddings: effnet(1, 3, 4) },
    'refused: image_embeddings_invalid',
  ],
  'image embeddings 1x1 (10x10 latents)': [{ imageEmbeddings: effnet(1, 1, 1) }, 'refused: image_embeddings_invalid'],
  'timesteps=[1.0, 0.5]': [{ timesteps: [1, 0.5] }, 'works'],
  'generator list of 2 for batch 1': [{ generator: seeded(2) }, 'works'],
};

const COMBINED: Calls = {
  'prompt=None and prompt_embeds=None': [{ prompt: undefined }, 'refused: prompt_missing'],
  'prompt list of two': [{ prompt: ['a', 'b'] }, 'works'],
  'prompt list of one': [{ prompt: ['a'] }, 'works'],
  'num_images_per_prompt=2': [{ numImagesPerPrompt: 2 }, 'works'],
  'prompt and prompt_embeds both (combined drops prompt for the prior)': [{ promptEmbeds: embeds }, 'works'],
  'prompt=None, prompt_embeds': [{ prompt: undefined, promptEmbeds: embeds }, 'works'],
  'negative_prompt and negative_prompt_embeds both (combined drops negative_prompt for the prior)': [
    { negativePrompt: 'b', negativePromptEmbeds: embeds },
    'works',
  ],
  'negative_prompt list of 2, prompt str': [{ negativePrompt: ['x', 'y'] }, 'refused: batch_mismatch'],
  "output_type='foo'": [{ outputType: 'foo' }, 'refused: output_type_invalid'],
  'decoder_guidance_scale=2, negative_prompt list vs prompt str': [
    { decoderGuidanceScale: 2, negativePrompt: ['x'] },
    'works',
  ],
  'prior_num_inference_steps={0.5: 10}': [{ priorNumInferenceSteps: { 0.5: 10 } }, 'refused: invalid_type'],
};

/** Python's protocols, and callbacks by name: a caller of these pipelines iterates over steps instead. */
const WITHOUT_COUNTERPART = [/^callback/, /^len\(/];

function pixels(dims: readonly number[] | undefined): string {
  return `[${dims?.join(', ')}]`;
}

const PIPELINES: Readonly<Record<string, { calls: Calls; run: (changes: object) => Promise<string> }>> = {
  prior: {
    calls: PRIOR,
    run: async (changes) => {
      const given = { prompt: 'a', height: 128, width: 128, numInferenceSteps: 2, guidanceScale: 4, ...changes };
      return pixels((await prior.generate(given as never)).imageEmbeddings.dims);
    },
  },
  decoder: {
    calls: DECODER,
    run: async (changes) => {
      const given = {
        prompt: 'a cat',
        imageEmbeddings: effnet(),
        numInferenceSteps: 2,
        outputType: 'latent',
        ...changes,
      };
      return pixels((await decoder.generate(given as never)).latents.dims);
    },
  },
  combined: {
    calls: COMBINED,
    run: async (changes) => {
      const steps = { priorNumInferenceSteps: 2, numInferenceSteps: 2, outputType: 'latent' };
      const given = { prompt: 'a cat', height: 128, width: 128, ...steps, ...changes };
      return pixels((await combined.generate(given as never)).latents.dims);
    },
  },
};

for (const { pipeline, input, type, result } of rows.filter((row) => row.pipeline !== 'scheduler')) {
  if (WITHOUT_COUNTERPART.some((pattern) => pattern.test(input))) continue;
  test(`${pipeline}, ${input}: ${result ?? type} in the reference`, async () => {
    const { calls, run } = PIPELINES[pipeline] ?? {};
    const [changes, outcome] = calls?.[input] ?? [];
    assert.ok(run && changes && outcome, `no call is known for this input of ${basename(REFERENCE)}`);
    if (outcome !== 'works') return refuses(run(changes), outcome);
    const dims = await run(changes);
    if (result) assert.ok(result.includes(dims), `${dims} instead of ${result}`);
  });
}

test('what the reference refuses on purpose is refused here too', () => {
  for (const { pipeline, input, type } of rows) {
    if (type !== 'ValueError' && type !== 'TypeError') continue;
    const [, outcome] = PIPELINES[pipeline]?.calls[input] ?? [];
    // A missing scale is not given, in TypeScript: the usual one holds.
    if (outcome && input !== 'guidance_scale=None') assert.notEqual(outcome, 'works', `${pipeline}: ${input}`);
  }
});

function refuses(work: Promise<unknown>, outcome: Outcome): Promise<void> {
  return assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof UserError, String((error as Error).stack));
    assert.equal(`refused: ${error.code}`, outcome, error.message);
    return true;
  });
}

const one = Float32Array.of(1);
const stepped = (...timesteps: number[]) => {
  const scheduler = new DDPMWuerstchenScheduler();
  scheduler.setTimesteps({ timesteps });
  return scheduler;
};
const SCHEDULER: Readonly<Record<string, readonly [call: () => unknown, outcome: Outcome]>> = {
  'set_timesteps() with nothing': [() => new DDPMWuerstchenScheduler().setTimesteps({}), 'refused: steps_invalid'],
  'set_timesteps(num_inference_steps=5, timesteps=[1,0]) (timesteps win)': [
    () => {
      const scheduler = new DDPMWuerstchenScheduler();
      scheduler.setTimesteps({ numInferenceSteps: 5, timesteps: [1, 0] });
      assert.deepEqual([...scheduler.timesteps], [1, 0]);
    },
    'works',
  ],
  'step at the last timestep t=0': [() => stepped(1, 0.5, 0).step(one, 0, one, one), 'refused: timestep_at_end'],
  'step before set_timesteps': [
    () => new DDPMWuerstchenScheduler().step(one, 1, one, one),
    'refused: timesteps_not_set',
  ],
  'step with 0-dim timestep': [() => stepped(1, 0.5, 0).step(one, 1, one, one), 'works'],
};

for (const { input, type, result } of rows.filter((row) => row.pipeline === 'scheduler')) {
  if (WITHOUT_COUNTERPART.some((pattern) => pattern.test(input))) continue;
  test(`scheduler, ${input}: ${result ?? type} in the reference`, async () => {
    const [call, outcome] = SCHEDULER[input] ?? [];
    assert.ok(call && outcome, `no call is known for this input of ${basename(REFERENCE)}`);
    if (outcome === 'works') call();
    else await refuses((async () => call())(), outcome);
  });
}
