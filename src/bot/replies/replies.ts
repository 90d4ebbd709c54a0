import { loraTag, MAX_LORA_WEIGHT, MAX_LORAS } from '../../pipeline/images/lora-tag.ts';
import { DEFAULT_STAGE_C_STEPS } from '../../pipeline/math/scheduler.ts';
import { OperatorError, UserError } from '../../system/errors.ts';
import { listedAs } from '../../texts/translate.ts';
import { formatRequest } from '../command/format.ts';
import { FIELD_KEYS, KEYS, type Key, type KeyName } from '../command/keys.ts';
import { formatLoras } from '../command/loras.ts';
import { originText } from '../command/origins.ts';
import { SUBCOMMANDS } from '../command/subcommands.ts';
import type { ImageDetails } from '../history/history.ts';
import { type Eta, type ImagineRequest, type Job, type JobImage, titleOf } from '../job.ts';
import type { Outlook } from '../jobs/removals.ts';
import { EMPTY_REPLY, type Reply } from '../reply.ts';
import { type KnownLora, type RequestLimits, requestDefaults } from '../request-limits.ts';
import { type CoverOf, kept, ROW, rowsOf, secondary, shortened, shownImages, waitingLabel } from './job-reply.ts';

const NOTICE: Reply = { ...EMPTY_REPLY, ephemeral: true };
const LISTED = 10;
const SHOWN_PICTURES = 4;
/** Rows of buttons in one message. */
const MOST_ROWS = 5;

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

/** The message of a job that its place no longer allows: nothing of the prompt or the pictures, but the ways to get rid of it. */
export function withheldReply(shown: Reply, refusal: UserError): Reply {
  const { title, lines } = errorReply(refusal);
  const buttons = shown.buttons
    .map((row) => row.filter(({ action }) => /^(?:cancel|delete):/.test(action)))
    .filter((row) => row.length > 0);
  return { ...EMPTY_REPLY, tone: 'error', title: 'This is not shown here any more', lines: [title, ...lines], buttons };
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

/**
 * Every parameter of a picture, ready to paste.
 *
 * @param signature who signs the pictures
 */
export function infoReply(
  job: Job,
  image: JobImage | null,
  details: ImageDetails | null,
  limits: RequestLimits,
  signature?: string,
): Reply {
  const { request } = job;
  const recipe = details?.recipe ?? null;
  const derived = recipe !== null && recipe.verb !== null && recipe.verb !== 'reroll' && recipe.verb !== 'remix';
  const made: ImagineRequest = image === null ? request : { ...request, seed: image.seed, n: 1 };
  const settings = FIELD_KEYS.filter(({ key }) => !SHOWN_OTHERWISE.includes(key.name));
  const values = {
    Size: `${made.width}×${made.height}`,
    ...Object.fromEntries(settings.map(({ key, field }) => [labelOf(key), made[field]])),
    Lora: made.loras && formatLoras(made.loras),
    Steps: made.steps ?? `reference, ${DEFAULT_STAGE_C_STEPS}`,
    ...startFields(request),
    ...{ 'Made by': recipe?.verb, Strength: recipe?.strength },
    ...(derived ? { 'Stage C seed': recipe.stageCSeed, 'Stage B seed': recipe.stageBSeed } : {}),
    ...{ Checkpoint: recipe?.checkpoint.slice(0, 16), Provider: recipe?.provider, Version: recipe?.version },
    ...{ Picture: image?.id, Request: job.id },
    ...{ 'Typed as': request.original, 'Negative typed as': request.originalNegative },
    'Values from': originsOf(job, limits),
    Signature: image === null ? undefined : signature,
  };
  return {
    ...NOTICE,
    title: titleOf(request),
    lines: [
      ...(derived
        ? [`Made from ${recipe.parentImage ?? 'another picture'}: the command below makes it from the words alone.`]
        : []),
      ...(request.start ? ['It starts from a picture, which the command below does not hold.'] : []),
    ],
    fields: Object.entries(values).flatMap(([name, value]) =>
      value === undefined || value === null || value === '' ? [] : [{ name, value: String(value) }],
    ),
    code: `/wuerst ${formatRequest(made, limits.recommended.steps)}`,
  };
}

/** What a request starts from. */
function startFields({ start }: ImagineRequest) {
  if (start === undefined) return {};
  const [first] = start.pictures;
  const weights = start.pictures.map(({ weight }) => weight).join(', ');
  const pictures =
    first && start.pictures.length === 1 ? 'a picture' : `${start.pictures.length} pictures (${weights})`;
  const mask = start.mask === first?.hash ? 'what was transparent in it' : 'what was white in its mask';
  return {
    'Starts from': pictures,
    'Start strength': start.strength,
    ...(start.mask === undefined ? {} : { 'Painted anew': mask }),
  };
}

/** What `origins` are told of, in the order of display. */
const ORIGINATED = [
  { name: 'prompt', field: 'prompt' },
  ...KEYS.flatMap(({ name, fields: [field, ...more] }) =>
    field === undefined || more.length > 0 ? [] : [{ name, field }],
  ),
];

/** `typed (width height); preset film (guidance); the model (the rest)`: without colons and commas, which settings have. */
function originsOf({ request, derivation }: Job, limits: RequestLimits): string | undefined {
  const origins = request.origins ?? (derivation === null ? typedBeside(request, limits) : undefined);
  if (origins === undefined) return undefined;
  const named = ORIGINATED.flatMap(({ name, field }) => {
    const origin = origins[field];
    return origin === undefined ? [] : [{ name, origin }];
  });
  const groups = [...new Set(named.map(({ origin }) => origin))].map((origin) => {
    const names = named.filter((one) => one.origin === origin).map(({ name }) => name);
    return `${originText(origin)} (${names.join(' ')})`;
  });
  return [...groups, groups.length === 0 ? 'the model (all)' : 'the model (the rest)'].join('; ');
}

/** Where nothing was saved: what is not the model's was typed. */
function typedBeside(request: ImagineRequest, limits: RequestLimits): Readonly<Record<string, string>> {
  const usual = requestDefaults(limits);
  const typed = FIELD_KEYS.filter(({ field }) => field !== 'seed' && String(request[field]) !== String(usual[field]));
  return Object.fromEntries(typed.map(({ field }) => [field, 'typed']));
}

/** What `lora:` can name. */
export function lorasReply(loras: readonly KnownLora[]): Reply {
  const [first] = loras;
  if (first === undefined) {
    const line = 'Whoever runs this bot adds them: wuerst models pull --lora owner/name';
    return { ...NOTICE, title: 'There are no LoRAs here', lines: [line] };
  }
  return {
    ...NOTICE,
    title: loras.length === 1 ? 'One LoRA' : `${loras.length} LoRAs`,
    lines: [`Up to ${MAX_LORAS} in a prompt, each with a weight from -${MAX_LORA_WEIGHT} to ${MAX_LORA_WEIGHT}:`],
    fields: [{ name: 'Names', value: loras.map(({ name }) => name).join(', ') }],
    code: `/wuerst a panda on a green background ${loraTag({ name: first.name, weight: 0.8 })}`,
  };
}

/** A person's latest requests, newest first. */
interface HistoryView {
  readonly isPresent: (imageId: string) => boolean;
  /** The place covers all pictures. */
  readonly spoiler: boolean;
  /** How it shows each picture. */
  readonly cover: CoverOf;
  /** Jobs left out, because the rules of this place forbid to show them. */
  readonly hidden: number;
}

export function historyReply(jobs: readonly Job[], { isPresent, spoiler, cover, hidden }: HistoryView): Reply {
  const listed = jobs.slice(0, LISTED);
  if (listed.length === 0 && hidden === 0) {
    return { ...NOTICE, title: 'You have asked for nothing yet', code: '/wuerst a red fox in the snow' };
  }
  const pictures = listed
    .flatMap((job) => shownImages(job, cover).slice(0, 1))
    .filter(({ id }) => isPresent(id))
    .map((image) => ({ ...image, spoiler: image.spoiler || spoiler }));
  const buttons = listed.map(({ id, request }) => secondary(`show:${id}`, shortened(titleOf(request), 30)));
  return {
    ...NOTICE,
    title: 'Your latest pictures',
    lines: hidden === 0 ? [] : [`The rules here do not allow ${hidden} of them to be shown.`],
    fields: listed.map((job) => ({ name: job.id, value: `${shortened(titleOf(job.request), 100)} (${outcome(job)})` })),
    images: pictures.slice(0, SHOWN_PICTURES),
    buttons: rowsOf(buttons),
  };
}

/** A person's latest favourites, newest picture first. */
export function favouritesReply(
  found: readonly { readonly job: Job; readonly image: JobImage }[],
  { isPresent, spoiler, cover, hidden }: HistoryView,
): Reply {
  const listed = found.slice(0, LISTED);
  if (listed.length === 0 && hidden === 0) {
    const line = 'The button ★ Favourite below a picture keeps it here for you alone.';
    return { ...NOTICE, title: 'You have no favourites yet', lines: [line] };
  }
  const pictures = listed
    .flatMap(({ job }) => shownImages(job, cover))
    .filter(({ id }) => isPresent(id))
    .map((image) => ({ ...image, spoiler: image.spoiler || spoiler }));
  return {
    ...NOTICE,
    title: 'Your favourites',
    lines: hidden === 0 ? [] : [`${hidden} of them cannot be shown here.`],
    fields: listed.map(({ job, image }) => ({ name: image.id, value: shortened(titleOf(job.request), 100) })),
    images: pictures.slice(0, SHOWN_PICTURES),
    buttons: rowsOf(listed.map(({ job, image }) => secondary(`show:${image.id}`, shortened(titleOf(job.request), 30)))),
  };
}

export function favouredReply(imageId: string, isLiked: boolean): Reply {
  if (!isLiked) {
    return { ...NOTICE, title: 'No longer a favourite', buttons: [[secondary(`favourite:${imageId}`, '★ Favourite')]] };
  }
  return {
    ...NOTICE,
    title: 'Kept as a favourite',
    lines: ['Only you see your favourites: /wuerst favourites'],
    buttons: [[secondary(`unfavourite:${imageId}`, 'Take it out')]],
  };
}

function outcome(job: Job): string {
  if (job.state !== 'done') return job.state === 'queued' ? 'waiting' : job.state;
  const count = kept(job).length;
  return count === 1 ? '1 picture' : `${count} pictures`;
}

interface QueueView {
  readonly waiting: number;
  /** Unfinished jobs of this guild; `null` in a direct message. */
  readonly here: number | null;
  readonly running: readonly { readonly own: boolean; readonly fraction: number }[];
  readonly own: readonly { readonly job: Job; readonly position: number | null; readonly eta: Eta | null }[];
}

export function queueReply({ waiting, here, running, own }: QueueView): Reply {
  const cancels = own
    .slice(0, ROW)
    .map(({ job }) => secondary(`cancel:${job.id}`, `Cancel ${shortened(titleOf(job.request), 24)}`));
  return {
    ...NOTICE,
    title: waiting === 0 ? 'Nothing waits' : waiting === 1 ? '1 request waits' : `${waiting} requests wait`,
    lines: [
      beingMade(running),
      ...(here === null || here === 0 ? [] : [`Unfinished requests from this place: ${here}.`]),
    ],
    fields: own.map(({ job, ...place }) => ({
      name: `${shortened(titleOf(job.request), 60)} (${job.id})`,
      value: job.state === 'running' ? 'Being made' : waitingLabel(place),
    })),
    buttons: rowsOf(cancels),
  };
}

function beingMade(running: QueueView['running']): string {
  const [only] = running;
  if (only === undefined) return 'Nothing is being made right now.';
  if (running.length === 1) {
    return `Being made: a request of ${only.own ? 'yours' : 'somebody else'}, ${Math.floor(only.fraction * 100)} %.`;
  }
  const own = running.filter((each) => each.own).map(({ fraction }) => `${Math.floor(fraction * 100)} %`);
  const yours = own.length === 0 ? 'none of them yours' : `of them yours: ${own.join(', ')}`;
  return `Being made: ${running.length} requests, ${yours}.`;
}

/** Requests that wait for a yes. */
interface Question {
  readonly id: string;
  readonly requests: readonly ImagineRequest[];
  readonly notes: readonly string[];
}

/** Asks before several requests are made. */
export function confirmReply({ id, requests, notes }: Question): Reply {
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

/** Asks before what may have been meant as a command is painted. */
export function doubtReply({ id, requests, notes }: Question, meant: readonly string[]): Reply {
  const commands = Object.values(SUBCOMMANDS).map(({ usage }) => usage);
  const [only] = meant;
  const line =
    only === undefined
      ? `Commands are ${listedAs('conjunction', commands)}.`
      : `It looks like a command but is not one. The command is /wuerst ${only}`;
  return {
    ...NOTICE,
    title: `Paint “${shortened(requests[0]?.prompt ?? '', 100)}”?`,
    lines: [line, ...notes],
    buttons: [[{ action: `confirm:${id}`, label: 'Paint it', style: 'primary' }]],
  };
}

export function confirmedReply(jobs: readonly Job[]): Reply {
  const buttons = jobs.slice(0, MOST_ROWS * ROW).map(({ id }, index) => secondary(`show:${id}`, `${index + 1}`));
  return {
    ...NOTICE,
    title: `${jobs.length} requests wait for their turn`,
    lines: jobs.slice(0, LISTED).map(({ id, request }) => `${id}: ${shortened(titleOf(request), 100)}`),
    buttons: rowsOf(buttons),
  };
}

function messagesAndFiles(count: number): string {
  return count === 1 ? 'One message or file' : `${count} messages and files`;
}

function leftLines({ waiting, left }: Outlook): readonly string[] {
  const reasons = [...left].map(([why, count]) => `${messagesAndFiles(count)} could not be removed yet. ${why}`);
  return [
    ...(waiting === 0 ? [] : [`${messagesAndFiles(waiting)} will be removed as soon as that is possible.`]),
    ...reasons,
    ...(left.size === 0 ? [] : ['It is tried again and again; /wuerst erase tells what is left.']),
  ];
}

/** @param outlook what is left of an earlier time */
export function eraseQuestion(outlook: Outlook): Reply {
  return {
    ...NOTICE,
    title: 'Erase everything kept about you?',
    lines: [
      'Your requests and pictures are erased for good, and your old buttons stop working.',
      'Messages of mine that show them are removed where I can. What others made from your pictures stays.',
      'To get a copy first: /wuerst export',
      ...leftLines(outlook),
    ],
    buttons: [
      [{ action: 'erase:me', label: 'Erase everything', style: 'danger', confirm: 'Erase everything for good?' }],
    ],
  };
}

interface ErasedView {
  readonly jobs: number;
  readonly images: number;
  readonly posted: Outlook;
  /** The database's log still holds it. */
  readonly logHoldsErased: boolean;
}

/** Only what is gone everywhere is called erased. */
export function erasedReply({ jobs, images, posted, logHoldsErased }: ErasedView): Reply {
  const counts = `${jobs === 1 ? '1 request' : `${jobs} requests`} and ${images === 1 ? '1 picture' : `${images} pictures`}`;
  const { removed, waiting, left } = posted;
  const lines = [
    ...(removed === 0
      ? []
      : [`${messagesAndFiles(removed)} that showed them ${removed === 1 ? 'is' : 'are'} gone, too.`]),
    ...leftLines(posted),
  ];
  if (logHoldsErased) {
    const why = 'Another program keeps the log of the database in use, so traces of them are still on the disk.';
    const next = 'They are removed within an hour after it is done.';
    return { ...NOTICE, title: 'Not gone for good yet', lines: [`${counts} were removed.`, why, next, ...lines] };
  }
  const title = waiting === 0 && left.size === 0 ? 'Erased' : 'Not gone everywhere yet';
  return { ...NOTICE, title, lines: [`${counts} were erased here.`, ...lines] };
}

export function exportReply(json: string, files: number): Reply {
  return {
    ...NOTICE,
    title: 'Everything kept about you',
    lines: [`It names ${files} pictures. To see one: /wuerst show <id>`],
    code: json,
  };
}
