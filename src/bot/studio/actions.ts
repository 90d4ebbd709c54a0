import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import { withinMaxima } from '../command/layers.ts';
import { normaliseText } from '../command/lexer.ts';
import { parseCommand } from '../command/parse.ts';
import type { PromptSources } from '../command/prompt-sources.ts';
import { type ImagineRequest, type Job, type JobImage, VERBS, type Verb } from '../job.ts';
import type { Draft } from '../jobs/submissions.ts';
import { LARGER_FACTORS, largerSize, type RequestLimits, type Size } from '../request-limits.ts';

/** What a button can do. The first make new requests: `larger` by 1.5, `larger-2x` by 2. */
const DRAFT_VERBS = [...VERBS, 'larger-2x', 'start'] as const;
const ACTION_VERBS = [
  ...DRAFT_VERBS,
  'favourite',
  'unfavourite',
  'save-preset',
  'info',
  'delete',
  'cancel',
  'show',
  'uncover',
  'hide',
  'confirm',
  'erase',
] as const;
type ActionVerb = (typeof ACTION_VERBS)[number];
export type DraftVerb = (typeof DRAFT_VERBS)[number];

/** How far a strong variation's draws are from its parent's. */
const STRONG = 0.5;

/** @throws UserError `action_unknown` */
export function parseAction(action: string): { readonly verb: ActionVerb; readonly id: string } {
  const [, verb = '', id = ''] = /^([a-z0-9-]{1,16}):([A-Za-z0-9_-]{1,64})$/.exec(action) ?? [];
  const known = ACTION_VERBS.find((one) => one === verb);
  if (known !== undefined) return { verb: known, id: id.toLowerCase() };
  throw new UserError('action_unknown', t('This button no longer works.'), {
    hint: t('Bring its picture back with fresh buttons: {command}', { command: '/wuerst history' }),
  });
}

interface ActOptions {
  readonly job: Job;
  /** The image acted on; `null` for an action on the job as a whole. */
  readonly image: JobImage | null;
  /** What was typed into the form of Remix. */
  readonly text: string | undefined;
  readonly limits: RequestLimits;
  readonly sources: PromptSources;
  readonly randomSeed: () => bigint;
}

/**
 * The requests that a button makes: one, or for Remix with braces several. Reroll and the variations make as many
 * pictures as their job did, Larger and Remix one.
 * @throws UserError `larger_than_allowed`, `remix_text_missing`, and what `parseCommand` throws for the text of a remix
 */
export function draftsOf(verb: DraftVerb, options: ActOptions): readonly Draft[] {
  const { job, image, limits, sources, randomSeed } = options;
  const { request } = job;
  const parentImage = image?.id ?? job.images[0]?.id ?? null;
  const derived = (made: ImagineRequest, as: Verb, strength: number | null): Draft => ({
    request: made,
    derivation: { verb: as, parentImage, parentJob: job.id, strength },
    notes: [],
  });
  const within = (draft: Draft): Draft => {
    const clamped = withinMaxima(draft.request, sources.maxima, limits);
    return { ...draft, request: clamped.request, notes: clamped.notes };
  };
  const fresh = { ...request, n: Math.min(request.n, limits.maxImages), seed: BigInt.asUintN(32, randomSeed()) };
  switch (verb) {
    case 'reroll':
      return [within(derived(fresh, 'reroll', null))];
    case 'vary-subtle':
      return [within(derived(fresh, 'vary-subtle', null))];
    case 'vary-strong':
      return [within(derived(fresh, 'vary-strong', STRONG))];
    case 'start':
      return started(options);
    case 'remix':
      return remixed(options).map(({ made, notes }) => ({ ...derived(made, 'remix', null), notes }));
    default: {
      const factor = LARGER_FACTORS[verb];
      const size = largerSize(request, factor, limits);
      if (size === null) throw tooLarge(request, factor, limits);
      const seed = image?.seed ?? request.seed;
      const origins = request.origins && { origins: { ...request.origins, width: 'Larger', height: 'Larger' } };
      return [within(derived({ ...request, ...size, n: 1, seed, ...origins }, 'larger', factor))];
    }
  }
}

/** The new text over the old settings; a setting in the text takes the place of the old one. */
function remixed({ job, image, text, limits, sources, randomSeed }: ActOptions) {
  const typed = normaliseText(text ?? '');
  if (typed === '') {
    throw new UserError('remix_text_missing', t('A remix needs a new prompt, and none came.'), {
      hint: t('Send it with the action, for example {prompt}.', {
        prompt: `"${job.request.prompt.slice(0, 100)} at night"`,
      }),
    });
  }
  const { prompt: _prompt, ...old } = job.request;
  const defaults = { ...old, n: 1, seed: image?.seed ?? old.seed };
  const parsed = parseCommand(typed, { limits, sources, randomSeed, defaults });
  if (parsed.kind === 'imagine') return [{ made: parsed.request, notes: parsed.notes }];
  if (parsed.kind === 'permutations') return parsed.requests.map((made) => ({ made, notes: parsed.notes }));
  return [];
}

/** New words and a new seed, starting from the picture. */
function started({ job, image, text, limits, sources, randomSeed }: ActOptions): readonly Draft[] {
  if (image === null) throw new UserError('image_unknown', t('This request has no picture to start from.'));
  const { prompt: _prompt, start: _start, seed: _seed, ...old } = job.request;
  const pictures = { pictures: [image.hash] };
  const defaults = { ...old, n: 1 };
  const parsed = parseCommand(normaliseText(text ?? ''), { limits, sources, randomSeed, defaults, pictures });
  if (parsed.kind !== 'imagine' && parsed.kind !== 'permutations') return [];
  const requests = parsed.kind === 'imagine' ? [parsed.request] : parsed.requests;
  const notes = [t('Starts from picture {id}.', { id: image.id }), ...parsed.notes];
  return requests.map((request) => ({ request, derivation: null, notes }));
}

function tooLarge({ width, height }: Size, factor: number, limits: RequestLimits): UserError {
  return new UserError(
    'larger_than_allowed',
    t('{factor} times {width}×{height} is more than the limit of {maxPixels} pixels, or {maxSide} a side.', {
      factor,
      width,
      height,
      maxPixels: limits.maxPixels,
      maxSide: limits.maxSide,
    }),
    { hint: t('Start from a smaller picture.') },
  );
}
