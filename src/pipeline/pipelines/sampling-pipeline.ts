import { openRepository } from '../checkpoint/config-file.ts';
import type { HalfName } from '../checkpoint/contents.ts';
import { halfIn, type PlacedHalf, partOf } from '../checkpoint/layout.ts';
import { type PipelineValues, pipelineValues, schedulerConfig } from '../checkpoint/model-index.ts';
import { DDPMWuerstchenScheduler, type SchedulerConfig } from '../math/scheduler.ts';
import type { Tensor } from '../math/tensor.ts';
import type { Conditioning } from '../networks/conditioning.ts';
import type { Denoiser } from '../networks/denoiser.ts';
import type { Network } from '../networks/network.ts';
import { Runtime } from '../runtime/runtime.ts';
import { PromptEncoder } from '../text/prompt-encoder.ts';
import { denoise, drawNoise, rowGenerators } from './denoise.ts';
import { drain, promptList, type SamplingOptions, type StepEvent } from './pipeline-options.ts';
import { folderOf, type PretrainedOptions } from './pretrained.ts';
import { firstLatents, type Start } from './start.ts';

/** What every pipeline repository holds besides its networks. */
export interface RepositoryParts {
  readonly place: PlacedHalf;
  readonly runtime: Runtime;
  readonly text: PromptEncoder;
  readonly values: PipelineValues;
  readonly scheduler: SchedulerConfig;
}

/**
 * @param from the half's own repository, any folder of a model, or a repository of the hub
 * @param options `like`: the text encoder of another repository, whose tokenizer is shared when the files are the same
 */
export async function openParts(
  from: string,
  half: HalfName,
  options: PretrainedOptions & { readonly like?: PromptEncoder },
): Promise<RepositoryParts> {
  const place = halfIn(await folderOf(from, { half }, options), half);
  const { index } = await openRepository(place.dir, place.className);
  const runtime = options.runtime ?? (await Runtime.create(options));
  const text = await PromptEncoder.load(place, runtime, { check: options.check, like: options.like });
  const values = pipelineValues(place.dir, index, options.pipelineValues);
  return { place, runtime, text, values, scheduler: await schedulerConfig(partOf(place, 'scheduler')) };
}

/** One run of the denoising loop. */
interface Sampling {
  readonly stage: StepEvent['stage'];
  readonly network: Denoiser;
  readonly scheduler: DDPMWuerstchenScheduler;
  readonly guidanceScale: number;
  /** [N, C, H, W] */
  readonly dims: number[];
  /** Noise, checked; drawn from the generators when absent. */
  readonly latents: Tensor | undefined;
  /** @default noise alone */
  readonly start?: Start | undefined;
  readonly states: Tensor;
  readonly imageEmbeddings: Tensor | null;
  readonly conditioning: () => Promise<Conditioning>;
}

/** What the pipelines of Stage C and Stage B share: a text encoder, and a network that takes noise away step by step. */
export abstract class SamplingPipeline<Options extends SamplingOptions, Output> {
  readonly runtime: Runtime;
  readonly text: PromptEncoder;
  readonly values: PipelineValues;
  readonly #scheduler: SchedulerConfig;

  protected constructor({ runtime, text, values, scheduler }: RepositoryParts) {
    this.runtime = runtime;
    this.text = text;
    this.values = values;
    this.#scheduler = scheduler;
  }

  /** In the order of use. */
  abstract get networks(): readonly Network[];

  /**
   * Yields after every denoising step.
   *
   * @throws UserError for options that do not fit, before any work; the signal's reason within one step of an abort
   */
  abstract stream(options: Options): AsyncGenerator<StepEvent, Output>;

  generate(options: Options): Promise<Output> {
    return drain(this.stream(options));
  }

  /**
   * Hidden states [B, T, C] of prompts with weights in A1111's grammar, `a (panda:1.3) on [green]`, by its rule
   * "original": to be given as `promptEmbeds` or `negativePromptEmbeds`.
   *
   * @throws UserError `weights_too_large`, and `invalid_type` for what is no prompt
   */
  async weightedPromptEmbeds(prompt: string | readonly string[]): Promise<Tensor> {
    return this.text.encode(promptList('prompt', prompt), { weighted: true });
  }

  async release(): Promise<void> {
    await Promise.all(this.networks.map((network) => network.release()));
  }

  /** The repository's scheduler with equal steps, or with explicit timesteps. */
  newScheduler(steps: number, timesteps?: ArrayLike<number>): DDPMWuerstchenScheduler {
    const scheduler = new DDPMWuerstchenScheduler(this.#scheduler);
    scheduler.setTimesteps(timesteps ? { timesteps } : { numInferenceSteps: steps });
    return scheduler;
  }

  /** @returns the latents at the end of the loop */
  protected async *sample(
    {
      stage,
      network,
      scheduler,
      guidanceScale,
      dims,
      states,
      imageEmbeddings,
      conditioning,
      start,
      ...given
    }: Sampling,
    options: SamplingOptions,
  ): AsyncGenerator<StepEvent, Tensor> {
    const generators = rowGenerators(options.generator, dims[0] ?? 0);
    const noise = given.latents ?? { data: drawNoise(generators, dims), dims };
    const latents = start ? firstLatents(start, noise, scheduler) : noise;
    const kept = start?.mask && { latents: start.latents, mask: start.mask, noise };
    const rows = generators.map((generator) => ({ generator, scheduler, guidanceScale }));
    for await (const step of denoise({ network, rows, latents, conditioning, kept, signal: options.signal })) {
      yield { ...step, stage, textEncoderHiddenStates: states, imageEmbeddings };
    }
    return latents;
  }
}
