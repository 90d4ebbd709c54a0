import { hashesOfStart, type StartRequest, startGone } from '../../pipeline/images/start-request.ts';
import type { NoiseMix } from '../../pipeline/math/mixed-generator.ts';
import type { EngineInfo, EngineRequest, ImagePlan, ImageSource } from '../../pipeline/process/protocol.ts';
import { OperatorError, UserError } from '../../system/errors.ts';
import type { Embedding, History, ImageDetails, Recipe } from '../history/history.ts';
import { toJson } from '../history/json.ts';
import { type ImagineRequest, type Job, pictureSettings, seedOf } from '../job.ts';
import type { Describe, Painter } from './painter.ts';

/** How far Larger re-noises the resized embedding: enough for new detail, too little for another picture. */
const LARGER_RENOISE = 0.4;
/** How far Vary strong re-noises a parent that was not drawn from seeds alone: an enlarged one. */
const STRONG_RENOISE = 0.7;
/** How many generations of parents are made again for one picture at most; each costs its own time. */
const MAX_CHAIN = 20;
/** Memos of hashes that weights had before all their bytes were hashed: the hash that they have now. */
export const SAME_WEIGHTS = 'same weights';

export interface RecipesOptions {
  readonly history: History;
  readonly painter: Painter;
  /** Of this program, for the recipes. */
  readonly version: string;
  readonly describe: Describe;
}

/** Tells the pipeline how to make the pictures of a job, keeps how each was made, and makes the same picture again. */
export class Recipes {
  readonly #options: RecipesOptions;

  constructor(options: RecipesOptions) {
    this.#options = options;
  }

  /** What the pipeline is asked for: the pictures of a job that are still missing. */
  async plan(job: Job, info: EngineInfo, signal: AbortSignal): Promise<EngineRequest> {
    const made = new Set(job.images.map(({ index }) => index));
    const images: ImagePlan[] = [];
    for (let index = 0; index < job.request.n; index += 1) {
      if (made.has(index)) continue;
      const recipe = this.recipe(job, index, info);
      const source = await this.#source(recipe, MAX_CHAIN, signal);
      images.push(this.#picture(job.request, index, recipe, source, info));
    }
    return this.#wanted(job.request, images);
  }

  /** How picture `index` of a job is made. */
  recipe({ request, derivation }: Pick<Job, 'request' | 'derivation'>, index: number, info: EngineInfo): Recipe {
    const seed = seedOf(request, index);
    const { parentImage = null, verb = null, strength = null } = derivation ?? {};
    // A subtle variation keeps its parent's Stage C, and so the seed of it.
    const parent = verb === 'vary-subtle' ? this.#options.history.images.get(parentImage ?? '') : null;
    return {
      ...{ parentImage, verb, strength },
      stageCSeed: parent?.recipe.stageCSeed ?? seed,
      stageBSeed: seed,
      checkpoint: info.checkpoint,
      style: request.style,
      provider: info.provider,
      version: this.#options.version,
    };
  }

  /**
   * Makes a picture again whose file was lost, also without its parents' files. Resolves to its PNG.
   * @throws UserError `image_gone`
   * @throws OperatorError `checkpoint_changed`, `image_missing`, and what the pipeline throws
   */
  async remake(imageId: string, signal: AbortSignal): Promise<Uint8Array> {
    return (await this.#make(imageId, MAX_CHAIN, signal)).png;
  }

  /** The plan of one picture, with what its file says about it. */
  #picture(
    request: ImagineRequest,
    index: number,
    recipe: Recipe,
    source: ImageSource,
    info: EngineInfo | null,
  ): ImagePlan {
    const { checkpoint, provider, version } = recipe;
    const texts = this.#options.describe({
      ...pictureSettings(request),
      ...{ checkpoint, provider, version, seed: seedOf(request, index) },
      model: info?.model ?? 'wuerstchen',
    });
    const metadata = { ...texts, 'wuerst-recipe': toJson(recipe) };
    return { index, source, stageBSeed: recipe.stageBSeed, metadata };
  }

  /** @throws UserError `start_gone` */
  #wanted(request: ImagineRequest, images: readonly ImagePlan[]): EngineRequest {
    const { start, ...settings } = pictureSettings(request);
    if (start === undefined || !isNeeded(start, images)) return { ...settings, images };
    const files = hashesOfStart(start).map((hash) => {
      const path = this.#options.history.images.givenPath(hash);
      if (path === null) throw startGone();
      return [hash, path] as const;
    });
    return { ...settings, start, images, files: Object.fromEntries(files) };
  }

  async #source(recipe: Recipe, left: number, signal: AbortSignal): Promise<ImageSource> {
    const { verb, parentImage, stageCSeed } = recipe;
    if (isFromWords(recipe) || parentImage === null) return { kind: 'words', seed: stageCSeed };
    const parent = this.#details(parentImage);
    const draws = verb === 'vary-strong' ? this.#drawsOf(parent.recipe, left) : null;
    if (draws !== null) return { kind: 'mix', seed: draws.seed, mixes: [...draws.mixes, mixOf(recipe)] };
    const embedding = await this.#embeddingOf(parent, left, signal);
    if (verb === 'vary-subtle') return { kind: 'embedding', embedding };
    const renoise = verb === 'larger' ? LARGER_RENOISE : STRONG_RENOISE;
    return { kind: 'enlarge', embedding, seed: stageCSeed, strength: renoise };
  }

  /** The seeds that give every draw of a picture's Stage C; `null` where seeds alone do not. */
  #drawsOf(recipe: Recipe, left: number): Draws | null {
    const { verb, parentImage } = recipe;
    if (isFromWords(recipe)) return { seed: recipe.stageCSeed, mixes: [] };
    if (verb === 'larger' || parentImage === null || left <= 0) return null;
    const parent = this.#options.history.images.get(parentImage);
    const draws = parent === null ? null : this.#drawsOf(parent.recipe, left - 1);
    // A subtle variation has the Stage C of its parent.
    if (draws === null || verb === 'vary-subtle') return draws;
    return { ...draws, mixes: [...draws.mixes, mixOf(recipe)] };
  }

  async #embeddingOf(details: ImageDetails, left: number, signal: AbortSignal): Promise<Embedding> {
    if (details.embedding !== null) return details.embedding;
    return (await this.#make(details.image.id, left - 1, signal)).embedding;
  }

  async #make(imageId: string, left: number, signal: AbortSignal) {
    const details = this.#details(imageId);
    const { recipe, image, jobId } = details;
    const job = this.#options.history.jobs.get(jobId);
    if (job === null || left <= 0) throw unknownRecipe(imageId);
    const loaded = this.#options.painter.status.info;
    if (loaded !== null && !this.#isOf(recipe, loaded)) {
      throw new OperatorError('checkpoint_changed', `Image ${imageId} was made with another checkpoint.`, {
        hint: `It can be made again while the checkpoint ${recipe.checkpoint.slice(0, 12)} is loaded.`,
      });
    }
    const source: ImageSource =
      details.embedding === null
        ? await this.#source(recipe, left, signal)
        : { kind: 'embedding', embedding: details.embedding };
    const request = { ...job.request, style: recipe.style };
    // The file says how it is computed now: another provider or precision gives other last digits.
    const now = { ...recipe, provider: loaded?.provider ?? recipe.provider, version: this.#options.version };
    const plan = this.#picture(request, image.index, now, source, loaded);
    const wanted = this.#wanted(request, [plan]);
    let made: { readonly png: Uint8Array; readonly embedding: Embedding } | null = null;
    for await (const event of this.#options.painter.generate(wanted, { signal })) {
      if (event.type === 'image') made = { png: event.png, embedding: event.embedding };
    }
    if (made !== null) return made;
    throw new OperatorError('image_missing', `The pipeline made no picture for image ${imageId}.`);
  }

  /** Whether a recipe is of the weights that are loaded, whichever of their hashes it has. */
  #isOf({ checkpoint }: Recipe, loaded: EngineInfo): boolean {
    const same = this.#options.history.memos.get(SAME_WEIGHTS, checkpoint);
    return [loaded.checkpoint, ...(loaded.formerCheckpoints ?? [])].some(
      (hash) => hash === checkpoint || hash === same,
    );
  }

  #details(imageId: string): ImageDetails {
    const details = this.#options.history.images.get(imageId);
    if (details === null) throw unknownRecipe(imageId);
    return details;
  }
}

interface Draws {
  readonly seed: bigint;
  readonly mixes: readonly NoiseMix[];
}

/** What a strong variation mixes into the draws of its parent. */
function mixOf({ stageCSeed, strength }: Recipe): NoiseMix {
  return { seed: stageCSeed, strength: strength ?? 0.5 };
}

/** Whether pictures cannot be made without those they start from: a part of those stays, or Stage C begins with them. */
function isNeeded({ mask, strength }: StartRequest, images: readonly ImagePlan[]): boolean {
  if (mask !== undefined) return true;
  return strength < 1 && images.some(({ source }) => source.kind === 'words' || source.kind === 'mix');
}

/** Whether one seed gives every draw of a picture's Stage C. */
function isFromWords({ verb }: Recipe): boolean {
  return verb === null || verb === 'reroll' || verb === 'remix';
}

function unknownRecipe(imageId: string): UserError {
  return new UserError('image_gone', `The picture ${imageId} that this was to be made from is not kept any more.`, {
    hint: 'Its owner may have erased it. Start again from the words: /wuerst a red fox in the snow',
  });
}
