import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import {
  DEFAULT_STAGE_C_TIMESTEPS,
  REFERENCE_VALUES,
  type StepEvent,
  type Tensor,
  TorchGenerator,
  WuerstchenCombinedPipeline,
  WuerstchenDecoderPipeline,
  WuerstchenPriorPipeline,
} from '../../../src/pipeline/index.ts';
import { type LoadedTensor, readSafetensors } from '../read-safetensors.ts';
import { foldersIn, REFERENCE } from '../reference.ts';

/** The reference lets this share of bytes differ by 1. */
const BYTES_OFF = 0.001;

interface Case {
  pipeline: string;
  args: Record<string, unknown>;
  generator_seed: number | string | (number | string)[];
  outputs: Record<string, { tolerance_abs?: number; per_step_tolerance_abs?: number[] }>;
  warnings: string[];
}

const sets = foldersIn('pipelines');
test('the reference set has pipelines to compare with', () => {
  assert.ok(sets.length > 0, `no pipelines in ${REFERENCE}`);
});

for (const dir of sets) {
  const names = readdirSync(join(dir, 'cases')).filter((name) => name.endsWith('.json'));
  assert.ok(names.length > 0, `no cases in ${dir}`);
  for (const name of names) {
    test(`${basename(dir)}/${name.replace('.json', '')} agrees with the reference`, async () => {
      const file = join(dir, 'cases', name);
      const one = JSON.parse(await readFile(file, 'utf8')) as Case;
      const tensors = await readSafetensors(file.replace(/json$/, 'safetensors'));
      const found = await run(dir, one, tensors);
      let compared = 0;
      for (const [key, expected] of tensors) {
        if (!key.startsWith('out.')) continue;
        const output = key.slice(4);
        compare(found[output], expected, one.outputs[output] ?? {}, `${name} ${output}`);
        compared += 1;
      }
      assert.ok(compared > 0, `${name} compares nothing`);
      assert.equal((found.warnings?.length ?? 0) > 0, one.warnings.length > 0, 'warns exactly when the reference does');
      for (const cut of one.warnings.flatMap(removedTexts))
        assert.ok(
          found.warnings?.some((warning) => warning.includes(cut)),
          `no warning names ${cut}`,
        );
    });
  }
}

/** What a warning of the reference names as cut: a Python list of texts. */
function removedTexts(warning: string): string[] {
  return [...warning.slice(warning.indexOf('[')).matchAll(/'([^']+)'/g)].flatMap(([, text]) => text ?? []);
}

interface Result {
  warnings?: readonly string[];
  [output: string]: unknown;
}

async function run(dir: string, one: Case, tensors: Map<string, LoadedTensor>): Promise<Result> {
  const options = (): Record<string, unknown> => ({
    ...camelArgs(one.args, tensors),
    generator: generators(one.generator_seed),
  });
  if (one.pipeline.startsWith('WuerstchenPriorPipeline')) {
    const pipeline = await WuerstchenPriorPipeline.fromPretrained(join(dir, 'wuerstchen-prior'), { provider: 'cpu' });
    const { output, steps } = await collect(pipeline.stream(options()));
    await pipeline.release();
    const { imageEmbeddings, promptEmbeds, negativePromptEmbeds, warnings } = output;
    return {
      image_embeddings: imageEmbeddings,
      prompt_embeds: promptEmbeds,
      negative_prompt_embeds: negativePromptEmbeds,
      warnings,
      ...steps,
    };
  }
  const combined = one.pipeline.startsWith('WuerstchenCombinedPipeline');
  const pipeline = combined
    ? await WuerstchenCombinedPipeline.fromPretrained(dir, { provider: 'cpu', pipelineValues: REFERENCE_VALUES })
    : await WuerstchenDecoderPipeline.fromPretrained(join(dir, 'wuerstchen'), { provider: 'cpu' });
  const stream = (outputType: 'image' | 'float') => {
    const given = { ...options(), outputType } as never;
    return collect<{
      latents: Tensor;
      images: readonly { data: Uint8Array; width: number; height: number }[];
      pixels: Tensor | null;
      warnings: readonly string[];
      imageEmbeddings?: Tensor;
    }>(pipeline.stream(given));
  };
  const bytes = await stream('image');
  const floats = await stream('float');
  await pipeline.release();
  const { images, latents, warnings, imageEmbeddings } = bytes.output;
  const [first] = images;
  assert.ok(first);
  return {
    image_embeddings: imageEmbeddings,
    latents,
    warnings,
    image_np: channelsLast(floats.output.pixels),
    pixels_u8: {
      data: Buffer.concat(images.map(({ data }) => data)),
      dims: [images.length, first.height, first.width, 3],
    },
    ...bytes.steps,
  };
}

async function collect<T>(stream: AsyncGenerator<StepEvent, T>) {
  const latents: Float32Array[] = [];
  const timesteps: number[] = [];
  let dims: number[] = [];
  for (;;) {
    const { done, value } = await stream.next();
    if (done) {
      const steps = {
        step_latents: {
          data: Float32Array.from(latents.flatMap((part) => [...part])),
          dims: [latents.length, ...dims],
        },
        step_timesteps: { data: Float32Array.from(timesteps), dims: [timesteps.length] },
      };
      return { output: value, steps };
    }
    latents.push(value.latents.data.slice());
    dims = value.latents.dims;
    timesteps.push(value.timestep);
  }
}

function camelArgs(args: Record<string, unknown>, tensors: Map<string, LoadedTensor>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(args).map(([key, value]) => {
      const name = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      const given = tensors.get(`in.${key}`);
      if (given) return [name, { data: given.data, dims: given.shape }];
      return [name, value === 'DEFAULT_STAGE_C_TIMESTEPS' ? DEFAULT_STAGE_C_TIMESTEPS : value];
    }),
  );
}

function generators(seed: Case['generator_seed']): TorchGenerator | TorchGenerator[] {
  return Array.isArray(seed) ? seed.map((one) => new TorchGenerator(BigInt(one))) : new TorchGenerator(BigInt(seed));
}

function channelsLast(picture: Tensor | null): { data: Float32Array; dims: number[] } {
  assert.ok(picture);
  const [n = 0, c = 0, h = 0, w = 0] = picture.dims;
  const data = new Float32Array(picture.data.length);
  for (let i = 0; i < data.length; i += 1) {
    const channel = Math.floor(i / (h * w)) % c;
    const image = Math.floor(i / (h * w * c));
    data[(image * h * w + (i % (h * w))) * c + channel] = picture.data[i] ?? Number.NaN;
  }
  return { data, dims: [n, h, w, c] };
}

function compare(
  found: unknown,
  expected: LoadedTensor,
  { tolerance_abs, per_step_tolerance_abs }: Case['outputs'][string],
  what: string,
): void {
  assert.ok(found, `${what} is missing`);
  const { data, dims } = found as { data: ArrayLike<number>; dims: readonly number[] };
  assert.deepEqual([...dims], expected.shape, what);
  const wanted = expected.data as ArrayLike<number | bigint>;
  const differences = Array.from(wanted, (value, i) => Math.abs(Number(data[i]) - Number(value)));
  const worst = differences.reduce((most, difference) => Math.max(most, difference), 0);
  if (expected.dtype === 'U8') {
    assert.ok(worst <= 1, `${what}: a byte is off by ${worst}`);
    const share = differences.filter((difference) => difference > 0).length / differences.length;
    assert.ok(share <= BYTES_OFF, `${what}: ${share} of the bytes differ`);
    return;
  }
  assert.ok(tolerance_abs !== undefined, `${what}: no tolerance given`);
  assert.ok(worst <= tolerance_abs, `${what}: off by ${worst}, allowed ${tolerance_abs}`);
  const perStep = differences.length / (per_step_tolerance_abs?.length ?? 1);
  per_step_tolerance_abs?.forEach((tolerance, step) => {
    const here = Math.max(...differences.slice(step * perStep, (step + 1) * perStep));
    assert.ok(here <= tolerance, `${what} step ${step}: off by ${here}, allowed ${tolerance}`);
  });
}
