import { hashesOfStart, type StartRequest, startGone } from '../../pipeline/images/start-request.ts';
import type { EngineInfo, EngineRequest, ImagePlan, ImageSource } from '../../pipeline/process/protocol.ts';
import { allHashes, hashesOf } from '../../pipeline/process/weights.ts';
import { OperatorError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import type { Embedding, History, ImageDetails, Recipe } from '../history/history.ts';
import { toJson } from '../history/json.ts';
import { type ImagineRequest, type Job, pictureSettings, seedOf } from '../job.ts';
import { detailsOf, drawsOf, goneImage, isFromWords, lostBefore, mixOf } from './ancestry.ts';
import { type Describe, loadedBy, type Painter } from './painter.ts';
import type { Repainting } from './repainting.ts';
import { LARGER_RENOISE } from './work.ts';

/** How far Vary strong re-noises a parent that was not drawn from seeds alone: an enlarged one. */
const STRONG_RENOISE = 0.7;
/** Memos of hashes that weights had before all their bytes were hashed: the hash that they have now. */
export const SAME_WEIGHTS = 'same weights';

export interface RecipesOptions {
  readonly history: History;
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

  /**
   * What the pipeline is asked for: the pictures of a job that are still missing. What they are made from, and is not kept
   * any more, is painted again first, once for all of them.
   * @throws UserError what `lostBefore` throws
   * @throws OperatorError as `remake` does, and `pipeline_not_loaded`
   */
  async plan(job: Job, painter: Painter, repainting: Repainting): Promise<EngineRequest> {
    const info = loadedBy(painter);
    const made = new Set(job.images.map(({ index }) => index));
    const missing = Array.from({ length: job.request.n }, (_, index) => index).filter((index) => !made.has(index));
    const recipes = missing.map((index) => [index, this.recipe(job, index, info)] as const);
    const [[, first] = []] = recipes;
    // They differ in their seeds alone.
    if (first !== undefined) await this.#repaint(lostBefore(this.#options.history.images, first), painter, repainting);
    const images = recipes.map(([index, recipe]) =>
      this.#picture(job.request, index, recipe, this.#source(recipe, repainting), info),
    );
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
      checkpoint: hashesOf(info, request.style).checkpoint,
      style: request.style,
      provider: info.provider,
      version: this.#options.version,
    };
  }

  /**
   * Makes a picture again whose file was lost, also without its parents' files. Resolves to its PNG.
   * @throws UserError what `lostBefore` throws
   * @throws OperatorError `checkpoint_changed`, `image_missing`, and what the pipeline throws
   */
  async remake(imageId: string, painter: Painter, repainting: Repainting): Promise<Uint8Array> {
    const { images } = this.#options.history;
    const details = detailsOf(images, imageId);
    if (details.embedding === null) await this.#repaint(lostBefore(images, details.recipe), painter, repainting);
    return (await this.#make(details, painter, repainting)).png;
  }

  /** Paints pictures again for their embeddings, the first first. */
  async #repaint(lost: readonly ImageDetails[], painter: Painter, repainting: Repainting): Promise<void> {
    for (const details of lost) {
      const { embedding } = await this.#make(details, painter, repainting);
      repainting.painted(details.image.id, embedding);
    }
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

  #source(recipe: Recipe, repainting: Repainting): ImageSource {
    const { verb, parentImage, stageCSeed } = recipe;
    if (isFromWords(recipe) || parentImage === null) return { kind: 'words', seed: stageCSeed };
    const { images } = this.#options.history;
    const parent = detailsOf(images, parentImage);
    const draws = verb === 'vary-strong' ? drawsOf(images, parent.recipe) : null;
    if (draws !== null) return { kind: 'mix', seed: draws.seed, mixes: [...draws.mixes, mixOf(recipe)] };
    const embedding = parent.embedding ?? repainting.embedding(parentImage);
    // It was deleted a moment ago.
    if (embedding === undefined) throw goneImage(parentImage);
    if (verb === 'vary-subtle') return { kind: 'embedding', embedding };
    const renoise = verb === 'larger' ? LARGER_RENOISE : STRONG_RENOISE;
    return { kind: 'enlarge', embedding, seed: stageCSeed, strength: renoise };
  }

  async #make(details: ImageDetails, painter: Painter, repainting: Repainting) {
    const { recipe, image, jobId } = details;
    const job = this.#options.history.jobs.get(jobId);
    if (job === null) throw goneImage(image.id);
    const loaded = painter.status.info;
    if (loaded !== null && !this.#isOf(recipe, loaded)) {
      const checkpoint = recipe.checkpoint.slice(0, 12);
      throw new OperatorError(
        'checkpoint_changed',
        () => t('Image {id} was made with another checkpoint.', { id: image.id }),
        { hint: () => t('It can be made again while the checkpoint {checkpoint} is loaded.', { checkpoint }) },
      );
    }
    const source: ImageSource =
      details.embedding === null
        ? this.#source(recipe, repainting)
        : { kind: 'embedding', embedding: details.embedding };
    const request = { ...job.request, style: recipe.style };
    // The file says how it is computed now: another provider or precision gives other last digits.
    const now = { ...recipe, provider: loaded?.provider ?? recipe.provider, version: this.#options.version };
    const plan = this.#picture(request, image.index, now, source, loaded);
    const wanted = this.#wanted(request, [plan]);
    let made: { readonly png: Uint8Array; readonly embedding: Embedding } | null = null;
    const { signal, spent } = repainting;
    for await (const event of painter.generate(wanted, { signal })) {
      spent.hold();
      if (event.type === 'image') made = { png: event.png, embedding: event.embedding };
      if (event.type === 'done') repainting.took(event.timings);
      spent.goOn(event);
    }
    spent.hold();
    signal.throwIfAborted();
    if (made !== null) return made;
    throw new OperatorError('image_missing', () => t('The pipeline made no picture for image {id}.', { id: image.id }));
  }

  /** Whether a recipe is of the weights that are loaded, whichever of their hashes it has. */
  #isOf({ checkpoint, style }: Recipe, loaded: EngineInfo): boolean {
    const same = this.#options.history.memos.get(SAME_WEIGHTS, checkpoint);
    // Recipes of all styles once had the hash of the first one.
    return [hashesOf(loaded, style), loaded].flatMap(allHashes).some((hash) => hash === checkpoint || hash === same);
  }
}

/** Whether pictures cannot be made without those they start from: a part of those stays, or Stage C begins with them. */
function isNeeded({ mask, strength }: StartRequest, images: readonly ImagePlan[]): boolean {
  if (mask !== undefined) return true;
  return strength < 1 && images.some(({ source }) => source.kind === 'words' || source.kind === 'mix');
}
