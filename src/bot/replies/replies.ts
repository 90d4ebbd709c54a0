import { DEFAULT_STAGE_C_STEPS } from '../../pipeline/math/scheduler.ts';
import { OperatorError, UserError } from '../../system/errors.ts';
import { formatRequest } from '../command/format.ts';
import { FIELD_KEYS, type Key, type KeyName } from '../command/keys.ts';
import type { ImageDetails } from '../history/history.ts';
import type { ImagineRequest, Job, JobImage } from '../job.ts';
import { type Button, EMPTY_REPLY, type Reply } from '../reply.ts';
import { kept, shortened, shownImages, waitingLabel } from './job-reply.ts';

const NOTICE: Reply = { ...EMPTY_REPLY, ephemeral: true };
const LISTED = 10;
const SHOWN_PICTURES = 4;

/** What people are told of an operator's trouble: whether and when to try again. */
const TROUBLES: Readonly<Record<string, readonly [title: string, line: string]>> = {
  database_locked: ['The bot is busy right now.', 'Try again in a moment.'],
  disk_full: [
    'The bot has no room left on its disk, so nothing was done.',
    'Try again later: whoever runs the bot has to free some space. Earlier requests are kept.',
  ],
};
const UNKNOWN_TROUBLE = [
  'Something went wrong.',
  'It has been logged for whoever runs this bot. Trying again may help.',
] as const;

/** An error as people may see it: only a `UserError` speaks for itself. */
export function errorReply(error: unknown): Reply {
  if (error instanceof UserError) {
    return { ...NOTICE, tone: 'error', title: error.message, lines: error.hint === undefined ? [] : [error.hint] };
  }
  const [title, line] = troubleOf(error);
  return { ...NOTICE, tone: 'error', title, lines: [line] };
}

/** What is told of an error that does not speak for itself. */
export function troubleOf(error: unknown): readonly [title: string, line: string] {
  return (error instanceof OperatorError && TROUBLES[error.code]) || UNKNOWN_TROUBLE;
}

/** Of the settings: the size has a line of its own, and the others say nothing about one picture. */
const SHOWN_OTHERWISE: readonly KeyName[] = ['width', 'height', 'n', 'spoiler'];

function labelOf({ name }: Key): string {
  return name.charAt(0).toUpperCase() + name.slice(1).replace('-', ' ');
}

/** Every parameter of a picture, ready to paste. */
export function infoReply(job: Job, image: JobImage | null, details: ImageDetails | null): Reply {
  const { request } = job;
  const recipe = details?.recipe ?? null;
  const derived = recipe !== null && recipe.verb !== null && recipe.verb !== 'reroll' && recipe.verb !== 'remix';
  const made: ImagineRequest = image === null ? request : { ...request, seed: image.seed, n: 1 };
  const field = (name: string, value: string | number | bigint | boolean | null) =>
    value === null || value === '' ? [] : [{ name, value: String(value) }];
  const settings = FIELD_KEYS.filter(({ key }) => !SHOWN_OTHERWISE.includes(key.name));
  return {
    ...NOTICE,
    title: request.prompt,
    lines: derived
      ? [`Made from ${recipe.parentImage ?? 'another picture'}: the command below makes it from the words alone.`]
      : [],
    fields: [
      ...field('Size', `${made.width}×${made.height}`),
      ...settings.flatMap(({ key, field: name }) => field(labelOf(key), made[name])),
      ...(made.steps === null ? field('Steps', `the model's own ${DEFAULT_STAGE_C_STEPS}`) : []),
      ...field('Made by', recipe?.verb ?? null),
      ...field('Strength', recipe?.strength ?? null),
      ...field('Stage C seed', derived ? recipe.stageCSeed : null),
      ...field('Stage B seed', derived ? recipe.stageBSeed : null),
      ...field('Checkpoint', recipe?.checkpoint.slice(0, 16) ?? null),
      ...field('Provider', recipe?.provider ?? null),
      ...field('Version', recipe?.version ?? null),
      ...field('Picture', image?.id ?? null),
      ...field('Request', job.id),
    ],
    code: `/wuerst ${formatRequest(made)}`,
  };
}

/** A person's latest requests, newest first. */
export function historyReply(jobs: readonly Job[], isPresent: (imageId: string) => boolean): Reply {
  const listed = jobs.slice(0, LISTED);
  if (listed.length === 0) {
    return { ...NOTICE, title: 'You have asked for nothing yet', code: '/wuerst a red fox in the snow' };
  }
  const pictures = listed.flatMap((job) => shownImages(job).slice(0, 1)).filter(({ id }) => isPresent(id));
  const buttons = listed.map(
    ({ id, request }): Button => ({
      action: `show:${id}`,
      label: shortened(request.prompt, 30),
      style: 'secondary',
    }),
  );
  return {
    ...NOTICE,
    title: 'Your latest pictures',
    fields: listed.map((job) => ({ name: job.id, value: `${shortened(job.request.prompt, 100)} (${outcome(job)})` })),
    images: pictures.slice(0, SHOWN_PICTURES),
    buttons: [buttons.slice(0, 5), buttons.slice(5)].filter((row) => row.length > 0),
  };
}

function outcome(job: Job): string {
  if (job.state !== 'done') return job.state === 'queued' ? 'waiting' : job.state;
  const count = kept(job).length;
  return count === 1 ? '1 picture' : `${count} pictures`;
}

export interface QueueView {
  readonly waiting: number;
  /** Unfinished jobs of this guild; `null` in a direct message. */
  readonly here: number | null;
  readonly running: { readonly own: boolean; readonly fraction: number } | null;
  readonly own: readonly { readonly job: Job; readonly position: number | null }[];
}

export function queueReply({ waiting, here, running, own }: QueueView): Reply {
  const percent = running === null ? 0 : Math.floor(running.fraction * 100);
  const now =
    running === null
      ? 'Nothing is being made just now.'
      : `Being made: ${running.own ? 'a request of yours' : 'a request of somebody else'}, ${percent} %.`;
  const cancels = own.map(
    ({ job }): Button => ({
      action: `cancel:${job.id}`,
      label: `Cancel ${shortened(job.request.prompt, 24)}`,
      style: 'secondary',
    }),
  );
  return {
    ...NOTICE,
    title: waiting === 0 ? 'Nothing waits' : waiting === 1 ? '1 request waits' : `${waiting} requests wait`,
    lines: [now, ...(here === null || here === 0 ? [] : [`${here} of this place are not finished.`])],
    fields: own.map(({ job, position }) => ({
      name: `${shortened(job.request.prompt, 60)} (${job.id})`,
      value: job.state === 'running' ? 'Being made' : waitingLabel(position),
    })),
    buttons: [cancels.slice(0, 5)].filter((row) => row.length > 0),
  };
}

/** Asks before several requests are made. */
export function confirmReply(id: string, requests: readonly ImagineRequest[], notes: readonly string[]): Reply {
  const pictures = requests.reduce((sum, { n }) => sum + n, 0);
  const shown = requests.slice(0, LISTED).map(({ prompt }) => shortened(prompt, 100));
  const more = requests.length > LISTED ? [`and ${requests.length - LISTED} more`] : [];
  return {
    ...NOTICE,
    title: `Make ${requests.length} requests, ${pictures} pictures in all?`,
    lines: [...shown, ...more, ...notes],
    buttons: [[{ action: `confirm:${id}`, label: `Make all ${requests.length}`, style: 'primary' }]],
  };
}

export function confirmedReply(jobs: readonly Job[]): Reply {
  const buttons = jobs.map(
    ({ id }, index): Button => ({ action: `show:${id}`, label: `${index + 1}`, style: 'secondary' }),
  );
  return {
    ...NOTICE,
    title: `${jobs.length} requests wait for their turn`,
    lines: jobs.slice(0, LISTED).map(({ id, request }) => `${id}: ${shortened(request.prompt, 100)}`),
    buttons: [0, 5, 10, 15, 20].map((from) => buttons.slice(from, from + 5)).filter((row) => row.length > 0),
  };
}

export function eraseQuestion(): Reply {
  return {
    ...NOTICE,
    title: 'Erase everything kept about you?',
    lines: [
      'Your requests, pictures and settings go for good, and old buttons of yours stop working.',
      'What others made from your pictures stays. Get a copy first: /wuerst export',
    ],
    buttons: [
      [{ action: 'erase:me', label: 'Erase everything', style: 'danger', confirm: 'Erase everything for good?' }],
    ],
  };
}

export function erasedReply({ jobs, images }: { readonly jobs: number; readonly images: number }): Reply {
  return { ...NOTICE, title: 'Erased', lines: [`${jobs} requests and ${images} pictures are gone.`] };
}

export function exportReply(json: string, files: number): Reply {
  return {
    ...NOTICE,
    title: 'Everything kept about you',
    lines: [`With ${files} pictures; bring any back by its id: /wuerst show <id>`],
    code: json,
  };
}
