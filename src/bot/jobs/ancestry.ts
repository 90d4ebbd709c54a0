import type { NoiseMix } from '../../pipeline/math/mixed-generator.ts';
import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import type { History, ImageDetails, Recipe } from '../history/history.ts';
import { workOf } from './estimator.ts';
import type { JobServices } from './job-services.ts';

type Images = Pick<History['images'], 'get'>;

/** How many pictures are painted again, at most, to make one request or one lost picture; each costs its time. */
export const MOST_REPAINTED = 10;
/** How many generations of parents give seeds to mix, at most. */
const MOST_MIXED = 20;

/** What a strong variation is drawn from. */
interface Draws {
  readonly seed: bigint;
  readonly mixes: readonly NoiseMix[];
}

/** What a picture was, or is to be, made from. */
type Origin = Pick<Recipe, 'verb' | 'parentImage'>;

/** @throws UserError `image_gone` */
export function detailsOf(images: Images, imageId: string): ImageDetails {
  const details = images.get(imageId);
  if (details === null) throw goneImage(imageId);
  return details;
}

export function goneImage(imageId: string): UserError {
  return new UserError(
    'image_gone',
    t('The picture {imageId} that this was to be made from is not kept any more.', { imageId }),
    {
      hint: t('Its owner may have erased it. Start again from the words: {command}', {
        command: '/wuerst a panda on a green background',
      }),
    },
  );
}

/** Whether one seed gives every draw of a picture's Stage C. */
export function isFromWords({ verb }: Pick<Recipe, 'verb'>): boolean {
  return verb === null || verb === 'reroll' || verb === 'remix';
}

/** What a strong variation mixes into the draws of its parent. */
export function mixOf({ stageCSeed, strength }: Recipe): NoiseMix {
  return { seed: stageCSeed, strength: strength ?? 0.5 };
}

/** The seeds that give every draw of a picture's Stage C; `null` where seeds alone do not. */
export function drawsOf(images: Images, recipe: Recipe, left = MOST_MIXED): Draws | null {
  const { verb, parentImage } = recipe;
  if (isFromWords(recipe)) return { seed: recipe.stageCSeed, mixes: [] };
  if (verb === 'larger' || parentImage === null || left <= 0) return null;
  const parent = images.get(parentImage);
  const draws = parent === null ? null : drawsOf(images, parent.recipe, left - 1);
  // A subtle variation has the Stage C of its parent.
  if (draws === null || verb === 'vary-subtle') return draws;
  return { ...draws, mixes: [...draws.mixes, mixOf(recipe)] };
}

/**
 * The pictures that have to be painted again before one of this recipe can be made, because their embeddings are not
 * kept; the first comes first.
 * @throws UserError `image_gone`, or `parents_deleted` for more than `MOST_REPAINTED`
 */
export function lostBefore(images: Images, recipe: Origin): readonly ImageDetails[] {
  const lost: ImageDetails[] = [];
  for (let child = recipe; !isFromWords(child) && child.parentImage !== null; ) {
    const parent = detailsOf(images, child.parentImage);
    const isMixed = child.verb === 'vary-strong' && drawsOf(images, parent.recipe) !== null;
    if (isMixed || parent.embedding !== null) break;
    lost.unshift(parent);
    if (lost.length > MOST_REPAINTED) throw tooManyGone();
    child = parent.recipe;
  }
  return lost;
}

/** Estimate of the accelerator seconds that painting these pictures again takes. */
export function secondsToRepaint(
  { history, estimator }: Pick<JobServices, 'history' | 'estimator'>,
  lost: readonly ImageDetails[],
): number {
  return lost.reduce((sum, { jobId, recipe, embedding }) => {
    const job = history.jobs.get(jobId);
    // A stored embedding skips Stage C, as it does for a subtle variation.
    return job === null
      ? sum
      : sum + estimator.seconds(workOf(job.request, embedding === null ? recipe.verb : 'vary-subtle', 1));
  }, 0);
}

function tooManyGone(): UserError {
  return new UserError(
    'parents_deleted',
    t(
      'What this was to be made from was deleted, and to make it again more than {most} pictures would have to be painted.',
      { most: MOST_REPAINTED },
    ),
    { hint: t('Start again from the words: {command}', { command: '/wuerst a panda on a green background' }) },
  );
}
