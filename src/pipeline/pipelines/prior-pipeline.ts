import { expected } from '../../system/errors.ts';
import { partOf } from '../checkpoint/layout.ts';
import { LoadedLoras } from '../lora/loaded-loras.ts';
import { concatRows, type Tensor } from '../math/tensor.ts';
import { WuerstchenPrior } from '../networks/wuerstchen-prior.ts';
import { isGuided } from './denoise.ts';
import {
  checkedLatents,
  checkSampling,
  describeValue,
  negativeList,
  promptList,
  remade,
  repeatRows,
  type StepEvent,
} from './pipeline-options.ts';
import type { PretrainedOptions } from './pretrained.ts';
import { checkPrompts, embedsMismatch, type PromptOptions } from './prompt-options.ts';
import { openParts, type RepositoryParts, SamplingPipeline } from './sampling-pipeline.ts';
import { checkStart, type StartOptions, timestepsFrom } from './start.ts';

export interface PriorOptions extends PromptOptions, StartOptions {
  /** Pixels of the final picture. @default 1024 */
  readonly height?: number | undefined;
  /** Pixels of the final picture. @default 1024 */
  readonly width?: number | undefined;
  /** Stage C of this call, of the same repository. @default the pipeline's */
  readonly prior?: WuerstchenPrior | undefined;
}

export interface PriorOutput {
  /** [N, 16, h, w], prompt 0 image 0 first. */
  readonly imageEmbeddings: Tensor;
  /** One row for each picture. */
  readonly promptEmbeds: Tensor;
  readonly negativePromptEmbeds: Tensor | null;
  readonly warnings: readonly string[];
  /** Milliseconds. */
  readonly timings: { readonly text: number; readonly prior: number };
}

/** diffusers' WuerstchenPriorPipeline: text to image embeddings. */
export class WuerstchenPriorPipeline extends SamplingPipeline<PriorOptions, PriorOutput> {
  #prior: WuerstchenPrior;
  readonly #loras = new LoadedLoras();

  private constructor(parts: RepositoryParts, prior: WuerstchenPrior) {
    super(parts);
    this.#prior = prior;
  }

  get prior(): WuerstchenPrior {
    return this.#prior;
  }

  set prior(prior: WuerstchenPrior) {
    prior.adapter = this.#prior.adapter;
    this.#prior = prior;
  }

  /** Names of the loaded LoRAs. */
  get loras(): readonly string[] {
    return this.#loras.names;
  }

  /** Names and weights of the LoRAs in use. */
  get adapters(): Readonly<Record<string, number>> {
    return this.#loras.weights;
  }

  /**
   * Loads a LoRA of Stage C, of its text encoder or of both: a safetensors file as PEFT, diffusers, Kohya or OneTrainer
   * write it. The checkpoint stays as it is. As in diffusers, the LoRA is the one in use, with weight 1, until
   * {@link setAdapters} says otherwise.
   *
   * @param options.name to call it by in `setAdapters`. @default the file's name without its ending
   * @returns its name
   * @throws UserError `lora_missing`, `lora_name_taken`, or `lora_refused` with a sentence that says what the file is
   */
  async loadLora(
    path: string,
    options: { readonly name?: string | undefined; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<string> {
    const { readLoraFile } = await import('../lora/lora-file.ts');
    const layers = { prior: this.prior.component.layers, text_encoder: this.text.model.component.layers };
    const file = await readLoraFile(path, layers, options.signal);
    const name = options.name ?? file.name;
    this.#loras.add(name, file);
    this.setAdapters({ [name]: 1 });
    return name;
  }

  /** Forgets a LoRA. */
  unloadLora(name: string): void {
    this.#loras.remove(name);
    this.setAdapters(this.adapters);
  }

  /**
   * Uses these LoRAs and no others, from the next picture on; their changes, times their weights, add up. Without one, or
   * with weights of 0, pictures are those of the checkpoint bit by bit.
   *
   * @throws UserError `lora_unknown`, `lora_weight_invalid`
   */
  setAdapters(weights: Readonly<Record<string, number>>): void {
    this.#loras.use(weights);
    this.prior.adapter = this.#loras.adapter('prior');
    this.text.model.adapter = this.#loras.adapter('text_encoder');
  }

  /**
   * @param dir a folder, or a repository of the hub, which is fetched if there is no such folder
   * @param options `priorDir`: folder of Stage C when it is not the repository's own `prior/`
   */
  static async fromPretrained(
    dir: string,
    options: PretrainedOptions & { readonly priorDir?: string } = {},
  ): Promise<WuerstchenPriorPipeline> {
    const parts = await openParts(dir, 'prior', options);
    const { check } = options;
    const prior = await WuerstchenPrior.load(options.priorDir ?? partOf(parts.place, 'prior'), parts.runtime, {
      check,
    });
    return new WuerstchenPriorPipeline(parts, prior);
  }

  get networks() {
    return [this.text.model, this.prior] as const;
  }

  override async *stream(options: PriorOptions): AsyncGenerator<StepEvent, PriorOutput> {
    const { steps, guidanceScale, images } = checkSampling(options, { steps: 60, guidance: 8 });
    const guided = isGuided({ guidanceScale });
    checkPrompts(options, guided);
    const sides = [checkSide('height', options.height ?? 1024), checkSide('width', options.width ?? 1024)];
    const whole = this.newScheduler(steps, options.timesteps);
    const { resolutionMultiple, latentMean, latentStd } = this.values;
    const network = options.prior ?? this.prior;
    network.adapter = this.prior.adapter;
    const count = images * (options.promptEmbeds?.dims[0] ?? promptList('prompt', options.prompt).length);
    const dims = [count, network.config.c_in, ...sides.map((side) => Math.ceil(side / resolutionMultiple))];
    const start = checkStart(options, dims);
    const began = performance.now();
    const text = await this.#encode(options, guided, images);
    const encoded = performance.now();

    const { promptEmbeds, negativePromptEmbeds } = text;
    const scheduler = start ? this.newScheduler(0, timestepsFrom(whole.timesteps, start.strength)) : whole;
    if (start && scheduler.timesteps.length < 2) {
      const imageEmbeddings = repeatRows(start.image, count / (start.image.dims[0] ?? 1));
      return { ...text, imageEmbeddings, timings: { text: encoded - began, prior: 0 } };
    }
    const states = negativePromptEmbeds ? concatRows([promptEmbeds, negativePromptEmbeds]) : promptEmbeds;
    const { data } = yield* this.sample(
      {
        ...{ stage: 'prior', network, scheduler, guidanceScale, dims, states, imageEmbeddings: null },
        latents: options.latents && checkedLatents(options.latents, dims),
        start: start && { ...start, latents: this.latentsOf(start.image), begins: start.strength < 1 },
        conditioning: remade([states], () => network.condition(states)),
      },
      options,
    );
    const { fround } = Math;
    const [mean, std] = [fround(latentMean), fround(latentStd)];
    const imageEmbeddings = { data: data.map((value) => fround(value * mean) - std), dims };
    return { ...text, imageEmbeddings, timings: { text: encoded - began, prior: performance.now() - encoded } };
  }

  /** Image embeddings as the latents that Stage C ends with. */
  latentsOf({ data, dims }: Tensor): Tensor {
    const { latentMean, latentStd } = this.values;
    return { data: data.map((value) => (value + latentStd) / latentMean), dims };
  }

  async #encode(
    { prompt, negativePrompt, weighted, promptEmbeds, negativePromptEmbeds }: PriorOptions,
    guided: boolean,
    images: number,
  ) {
    const prompts = promptEmbeds ? [] : promptList('prompt', prompt);
    const empty = Array.from({ length: promptEmbeds?.dims[0] ?? prompts.length }, () => '');
    const readsNegatives = guided && !negativePromptEmbeds;
    const negatives = readsNegatives ? (negativeList(negativePrompt, promptEmbeds ? empty : prompts) ?? empty) : [];
    const [encoded, encodedNegatives] = await this.text.encodeBoth(prompts, negatives, { weighted });
    const positive = promptEmbeds ?? encoded;
    if (!positive) throw new Error('The prior has prompts, or what was made of them.');
    const negative = guided ? (negativePromptEmbeds ?? encodedNegatives) : null;
    if (negative && String(negative.dims) !== String(positive.dims)) throw embedsMismatch(positive, negative);
    const warnings = this.text.warnings(prompts, { weighted });
    return {
      promptEmbeds: repeatRows(positive, images),
      negativePromptEmbeds: negative && repeatRows(negative, images),
      warnings,
    };
  }
}

function checkSide(name: string, side: unknown): number {
  if (typeof side === 'number' && Number.isInteger(side) && side > 0 && side <= 16384) return side;
  throw expected(
    'size_invalid',
    `${name} to be a whole number of pixels from 1 to 16384`,
    describeValue(side),
    'For example height 1024 width 1536.',
  );
}
