import { asciiSlug } from '../../system/slug.ts';
import { t, translatable } from '../../texts/translate.ts';
import { bracketed } from '../command/format.ts';
import { normaliseText, unitsOf } from '../command/lexer.ts';
import { presetOffer } from '../command/preset-offer.ts';
import { PROMPT_PLACE } from '../command/presets.ts';
import {
  type Derivation,
  englishTitleOf,
  type Job,
  type JobImage,
  type QueuePosition,
  type Stage,
  titleOf,
} from '../job.ts';
import type { LiveStep } from '../jobs/running-job.ts';
import { POSITION_CAP } from '../queue/fair-queue.ts';
import { type Button, type Cover, EMPTY_REPLY, type Reply, type ReplyImage, versionOf } from '../reply.ts';
import { LARGER_FACTORS, largerSize, type RequestLimits } from '../request-limits.ts';
import { coverLines } from './covered-pictures.ts';
import { lackText } from './lack-text.ts';

const STAGES: Readonly<Record<Stage, string>> = {
  load: translatable('Loading the model'),
  text: translatable('Reading the words'),
  prior: translatable('Sketching'),
  decoder: translatable('Painting'),
  vqgan: translatable('Finishing'),
  encode: translatable('Saving the picture'),
};

/** From so many pictures on, a message has no room for all their buttons: a button for each picture brings them. */
const PICKED_FROM = 5;

interface JobReplyOptions {
  /** `null` where it is not known. */
  readonly place: QueuePosition | null;
  readonly step: LiveStep | null;
  /** Of the place where the job was asked for. */
  readonly limits: RequestLimits;
  /** How that place shows each picture. @default none is covered */
  readonly cover?: CoverOf;
}

/** How a place shows a picture. */
export type CoverOf = (image: JobImage) => Cover;

const uncovered: CoverOf = () => 'none';

/** What the message of a job shows now. */
export function jobReply(job: Job, options: JobReplyOptions): Reply {
  const { cover = uncovered } = options;
  const base = { ...EMPTY_REPLY, title: titleOf(job.request) };
  const lines = [...derivedFrom(job.derivation), ...coverLines(job, cover), ...job.notes];
  const images = shownImages(job, cover);
  const cancel = secondary(`cancel:${job.id}`, t('Cancel'));
  switch (job.state) {
    case 'queued': {
      const { place } = options;
      const label = place === null ? t('Waiting') : waitingLabel(place);
      const progress = { fraction: 0, label };
      const eta = place?.eta ?? null;
      return { ...base, lines, progress, eta, images: shownImages(inOrder(job), cover), buttons: [[cancel]] };
    }
    case 'running': {
      const { step } = options;
      const progress = { fraction: step?.fraction ?? 0, label: step === null ? t('Starting') : stepLabel(step, job) };
      const eta = (step ?? options.place)?.eta ?? null;
      const { preview = null, previewOf = [] } = step ?? {};
      const images = shownImages(inOrder(job), cover);
      return { ...base, lines, progress, eta, preview, previewOf, images, buttons: [[cancel]] };
    }
    case 'done': {
      const shown = kept(job).length > 0 ? lines : [...lines, t('The pictures were deleted.')];
      return { ...base, lines: shown, images, buttons: doneButtons(job, options) };
    }
    case 'cancelled': {
      const why = job.error?.message ?? t('Cancelled.');
      return { ...base, lines: [...lines, why], images, buttons: endedButtons(job, options) };
    }
    case 'failed': {
      const why = [job.error?.message ?? t('It failed.'), ...(job.error?.hint === undefined ? [] : [job.error.hint])];
      return { ...base, tone: 'error', lines: [...why, ...lines], images, buttons: endedButtons(job, options) };
    }
  }
}

/** @param position from 1; `null` for more than is kept current, and without an `eta` for a job that was just taken out. */
export function waitingLabel({ position, eta, lack }: QueuePosition): string {
  if (lack !== undefined) return lackText(lack);
  if (position === null && eta === null) return t('Waiting');
  if (position === null || position > POSITION_CAP) {
    return t('Waiting, more than {count} before it', { count: POSITION_CAP });
  }
  return position === 1 ? t('Waiting, next in line') : t('Waiting, position {position}', { position });
}

function stepLabel({ stage, step, total }: LiveStep, { request, images }: Job): string {
  const doing = total > 1 ? `${t(STAGES[stage])} ${step}/${total}` : t(STAGES[stage]);
  if (request.n === 1) return doing;
  const picture = Math.min(images.length + 1, request.n);
  return t('{doing}, picture {picture} of {n}', { doing, picture, n: request.n });
}

const DERIVED = {
  reroll: translatable('New seeds for {parent}'),
  'vary-subtle': translatable('A subtle variation of {parent}'),
  'vary-strong': translatable('A strong variation of {parent}'),
  larger: translatable('Larger, from {parent}'),
  remix: translatable('A remix of {parent}'),
} as const satisfies Record<Derivation['verb'], string>;

function derivedFrom(derivation: Derivation | null): string[] {
  if (derivation === null) return [];
  const { verb, strength, parentImage, parentJob } = derivation;
  const parent = parentImage ?? parentJob;
  if (verb !== 'larger' || strength === null) return [t(DERIVED[verb], { parent })];
  return [t('Larger, from {parent} ({factor}×)', { parent, factor: strength })];
}

export function kept(job: Job): readonly JobImage[] {
  return job.images.filter(({ deleted }) => !deleted);
}

/** The job with the pictures before the first that is missing: several painters may finish a later one first. */
function inOrder(job: Job): Job {
  return { ...job, images: job.images.filter(({ index }, place) => index === place) };
}

export function shownImages(job: Job, cover: CoverOf = uncovered): readonly ReplyImage[] {
  return kept(job).flatMap((image) => {
    const { id, seed, width, height } = image;
    const covered = cover(image);
    if (covered === 'block') return [];
    const version = versionOf(covered);
    return {
      ...{ id, width, height },
      fileName: `${asciiSlug(englishTitleOf(job.request))}-${seed}.png`,
      alt: titleOf(job.request),
      spoiler: job.request.spoiler || covered === 'spoiler',
      ...(version === undefined ? {} : { version }),
    };
  });
}

function reroll(job: Job, label = t('Reroll')): Button {
  return { action: `reroll:${job.id}`, label, style: 'primary' };
}

function endedButtons(job: Job, options: JobReplyOptions): readonly (readonly Button[])[] {
  return kept(job).length > 0 ? doneButtons(job, options) : [[reroll(job, t('Try again'))]];
}

/** Buttons in a row. */
export const ROW = 5;

export function rowsOf(buttons: readonly Button[]): readonly (readonly Button[])[] {
  return buttons.flatMap((_, i) => (i % ROW === 0 ? [buttons.slice(i, i + ROW)] : []));
}

export function secondary(action: string, label: string): Button {
  return { action, label, style: 'secondary' };
}

/** Every button of a finished job, most important first. */
function doneButtons(job: Job, { limits, cover = uncovered }: JobReplyOptions): readonly (readonly Button[])[] {
  const images = kept(job);
  const buttonsOf = (image: JobImage) => imageButtons(job, image, limits, cover(image));
  const all: Button = {
    action: `delete:${job.id}`,
    label: t('Delete all'),
    style: 'danger',
    confirm: t('Delete {count} picture for good? | Delete all {count} pictures for good?', { count: images.length }),
  };
  if (images.length === 0) return [[reroll(job)]];
  if (images.length === 1) return [[reroll(job), ...images.flatMap(buttonsOf)]];
  const picks =
    images.length < PICKED_FROM
      ? []
      : images.map(({ id, index }) => secondary(`show:${id}`, t('Picture {number}', { number: index + 1 })));
  return [[reroll(job), all], ...rowsOf(picks), ...images.map(buttonsOf)];
}

/** What can be done with one picture. */
function imageButtons(job: Job, image: JobImage, limits: RequestLimits, covered: Cover): readonly Button[] {
  const number = job.request.n > 1 ? ` ${image.index + 1}` : '';
  const value = bracketed(job.request.prompt, job.request.weighted);
  const asked = { label: t('Prompt'), value, maxLength: unitsOf(limits.maxPromptLength) };
  const plain = (verb: string, label: string): Button => ({
    ...secondary(`${verb}:${image.id}`, `${label}${number}`),
    ...(number === '' ? {} : { short: label }),
  });
  const larger = (['larger', 'larger-2x'] as const).flatMap((verb) => {
    const factor = LARGER_FACTORS[verb];
    return largerSize(image, factor, limits) === null ? [] : [plain(verb, t('Larger {factor}×', { factor }))];
  });
  const remove: Button = {
    ...plain('delete', t('Delete')),
    style: 'danger',
    confirm: t('Delete this picture for good?'),
  };
  // Nothing is made of a picture that nobody sees.
  if (covered === 'block') return [plain('info', t('Info')), remove];
  return [
    plain('vary-subtle', t('Vary subtle')),
    plain('vary-strong', t('Vary strong')),
    ...larger,
    {
      ...plain('remix', t('Remix')),
      ask: { title: t('Remix'), ...asked },
    },
    ...(limits.startsFromPictures
      ? [
          {
            ...plain('start', t('Use as start')),
            ask: { ...asked, title: t('Use as start'), label: t('Prompt; without words, a variation'), optional: true },
          },
        ]
      : []),
    plain('favourite', t('★ Favourite')),
    plain('info', t('Info')),
    {
      ...plain('save-preset', t('Save as preset')),
      ask: {
        title: t('Save as preset'),
        label: t('Name, and text with {prompt} behind a colon', { prompt: PROMPT_PLACE }),
        value: presetOffer(job.request),
        maxLength: unitsOf(limits.maxPromptLength),
      },
    },
    remove,
  ];
}

/** One picture with its own buttons. */
export function imageReply(job: Job, image: JobImage, limits: RequestLimits, cover: CoverOf = uncovered): Reply {
  return {
    ...EMPTY_REPLY,
    title: titleOf(job.request),
    lines: [
      t('Picture {number} of {n}, seed {seed}, from {job}', {
        number: image.index + 1,
        n: job.request.n,
        seed: image.seed,
        job: job.id,
      }),
      ...coverLines({ ...job, images: [image] }, cover),
    ],
    images: shownImages(job, cover).filter(({ id }) => id === image.id),
    buttons: [imageButtons(job, image, limits, cover(image))],
    ephemeral: true,
  };
}

/** A text in one line of at most `length` characters, for lists. */
export function shortened(text: string, length: number): string {
  const line = normaliseText(text).replace(/\s+/g, ' ');
  const characters = [...line];
  return characters.length > length ? `${characters.slice(0, length - 1).join('')}…` : line;
}
