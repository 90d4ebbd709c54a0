import { loraTag, MAX_LORA_WEIGHT, MAX_LORAS } from '../../pipeline/images/lora-tag.ts';
import { DEFAULT_STAGE_C_STEPS } from '../../pipeline/math/scheduler.ts';
import { OperatorError, UserError } from '../../system/errors.ts';
import { currentLanguage } from '../../texts/language.ts';
import { listedAs, t, translatable } from '../../texts/translate.ts';
import { formatRequest } from '../command/format.ts';
import { FIELD_KEYS, KEYS, type KeyName, type RequestField } from '../command/keys.ts';
import { labelsOf } from '../command/local-names.ts';
import { formatLoras } from '../command/loras.ts';
import { originText } from '../command/origins.ts';
import { SUBCOMMANDS } from '../command/subcommands.ts';
import type { ImageDetails } from '../history/history.ts';
import { type ImagineRequest, type Job, type JobImage, type JobState, type QueuePosition, titleOf } from '../job.ts';
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
  database_locked: [translatable('The bot is busy right now.'), translatable('Try again in a moment.')],
  disk_full: [
    translatable('The bot has no room left on its disk, so nothing was done.'),
    translatable('Try again later: whoever runs the bot has to free some space. Earlier requests are kept.'),
  ],
};
const UNKNOWN_TROUBLE = [
  translatable('Something went wrong.'),
  translatable('It has been logged for whoever runs this bot. Trying again may help.'),
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
  return {
    ...EMPTY_REPLY,
    tone: 'error',
    title: t('This is not shown here any more'),
    lines: [title, ...lines],
    buttons,
  };
}

/** What is told of an error that does not speak for itself. */
export function troubleOf(error: unknown): readonly [title: string, line: string] {
  const [title, line] = (error instanceof OperatorError && TROUBLES[error.code]) || UNKNOWN_TROUBLE;
  return [t(title), t(line)];
}

/** Of the settings: the size has a line of its own, and the others say nothing about one picture. */
const SHOWN_OTHERWISE: readonly KeyName[] = ['width', 'height', 'n', 'spoiler'];

function labelOf(name: KeyName): string {
  return labelsOf(name)[currentLanguage()];
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
    [labelOf('size')]: `${made.width}×${made.height}`,
    ...Object.fromEntries(settings.map(({ key, field }) => [labelOf(key.name), madeWith(made, field)])),
    ...startFields(request),
    ...{ [t('Made by')]: recipe?.verb, [t('Strength')]: recipe?.strength },
    ...(derived ? { [t('Stage C seed')]: recipe.stageCSeed, [t('Stage B seed')]: recipe.stageBSeed } : {}),
    [t('Checkpoint')]: recipe?.checkpoint.slice(0, 16),
    ...{ [t('Provider')]: recipe?.provider, [t('Version')]: recipe?.version },
    ...{ [t('Picture')]: image?.id, [t('Request')]: job.id },
    ...{ [t('Typed as')]: request.original, [t('Negative typed as')]: request.originalNegative },
    [t('Values from')]: originsOf(job, limits),
    [t('Signature')]: image === null ? undefined : signature,
  };
  return {
    ...NOTICE,
    title: titleOf(request),
    lines: [
      ...(derived
        ? [
            recipe.parentImage === null
              ? t('Made from another picture: the command below makes it from the words alone.')
              : t('Made from {parent}: the command below makes it from the words alone.', {
                  parent: recipe.parentImage,
                }),
          ]
        : []),
      ...(request.start ? [t('It starts from a picture, which the command below does not hold.')] : []),
    ],
    fields: Object.entries(values).flatMap(([name, value]) =>
      value === undefined || value === null || value === '' ? [] : [{ name, value: String(value) }],
    ),
    code: `/wuerst ${formatRequest(made, limits.recommended.steps)}`,
  };
}

function madeWith(made: ImagineRequest, field: RequestField) {
  if (field === 'loras') return made.loras && formatLoras(made.loras);
  return field === 'steps' ? (made.steps ?? t('reference, {count}', { count: DEFAULT_STAGE_C_STEPS })) : made[field];
}

/** What a request starts from. */
function startFields({ start }: ImagineRequest) {
  if (start === undefined) return {};
  const [first] = start.pictures;
  const weights = start.pictures.map(({ weight }) => weight).join(', ');
  const pictures =
    first && start.pictures.length === 1
      ? t('a picture')
      : t('{count} picture ({weights}) | {count} pictures ({weights})', { count: start.pictures.length, weights });
  const mask = start.mask === first?.hash ? t('what was transparent in it') : t('what was white in its mask');
  return {
    [t('Starts from')]: pictures,
    [t('Start strength')]: start.strength,
    ...(start.mask === undefined ? {} : { [t('Painted anew')]: mask }),
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
  return [...groups, groups.length === 0 ? t('the model (all)') : t('the model (the rest)')].join('; ');
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
    const line = t('Whoever runs this bot adds them: {command}', {
      command: 'wuerst models pull --lora owner/name',
    });
    return { ...NOTICE, title: t('There are no LoRAs here'), lines: [line] };
  }
  return {
    ...NOTICE,
    title: loras.length === 1 ? t('One LoRA') : t('{count} LoRA | {count} LoRAs', { count: loras.length }),
    lines: [
      t('Up to {count} in a prompt, each with a weight from {least} to {most}:', {
        count: MAX_LORAS,
        least: -MAX_LORA_WEIGHT,
        most: MAX_LORA_WEIGHT,
      }),
    ],
    fields: [{ name: t('Names'), value: loras.map(({ name }) => name).join(', ') }],
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
    return { ...NOTICE, title: t('You have asked for nothing yet'), code: '/wuerst a red fox in the snow' };
  }
  const pictures = listed
    .flatMap((job) => shownImages(job, cover).slice(0, 1))
    .filter(({ id }) => isPresent(id))
    .map((image) => ({ ...image, spoiler: image.spoiler || spoiler }));
  const buttons = listed.map(({ id, request }) => secondary(`show:${id}`, shortened(titleOf(request), 30)));
  return {
    ...NOTICE,
    title: t('Your latest pictures'),
    lines: hidden === 0 ? [] : [t('The rules here do not allow {count} of them to be shown.', { count: hidden })],
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
    const line = t('The button {button} below a picture keeps it here for you alone.', { button: t('★ Favourite') });
    return { ...NOTICE, title: t('You have no favourites yet'), lines: [line] };
  }
  const pictures = listed
    .flatMap(({ job }) => shownImages(job, cover))
    .filter(({ id }) => isPresent(id))
    .map((image) => ({ ...image, spoiler: image.spoiler || spoiler }));
  return {
    ...NOTICE,
    title: t('Your favourites'),
    lines: hidden === 0 ? [] : [t('{count} of them cannot be shown here.', { count: hidden })],
    fields: listed.map(({ job, image }) => ({ name: image.id, value: shortened(titleOf(job.request), 100) })),
    images: pictures.slice(0, SHOWN_PICTURES),
    buttons: rowsOf(listed.map(({ job, image }) => secondary(`show:${image.id}`, shortened(titleOf(job.request), 30)))),
  };
}

export function favouredReply(imageId: string, isLiked: boolean): Reply {
  if (!isLiked) {
    return {
      ...NOTICE,
      title: t('No longer a favourite'),
      buttons: [[secondary(`favourite:${imageId}`, t('★ Favourite'))]],
    };
  }
  return {
    ...NOTICE,
    title: t('Kept as a favourite'),
    lines: [t('Only you see your favourites: {command}', { command: '/wuerst favourites' })],
    buttons: [[secondary(`unfavourite:${imageId}`, t('Take it out'))]],
  };
}

const STATES: Readonly<Record<Exclude<JobState, 'done'>, string>> = {
  queued: translatable('waiting'),
  running: translatable('running'),
  failed: translatable('failed'),
  cancelled: translatable('cancelled'),
};

function outcome(job: Job): string {
  if (job.state !== 'done') return t(STATES[job.state]);
  return t('{count} picture | {count} pictures', { count: kept(job).length });
}

interface QueueView {
  readonly waiting: number;
  /** Unfinished jobs of this guild; `null` in a direct message. */
  readonly here: number | null;
  readonly running: readonly { readonly own: boolean; readonly fraction: number }[];
  readonly own: readonly ({ readonly job: Job } & QueuePosition)[];
  /** Somebody can paint. */
  readonly isServed: boolean;
}

export function queueReply({ waiting, here, running, own, isServed }: QueueView): Reply {
  const cancels = own
    .slice(0, ROW)
    .map(({ job }) =>
      secondary(`cancel:${job.id}`, t('Cancel {title}', { title: shortened(titleOf(job.request), 24) })),
    );
  return {
    ...NOTICE,
    title: waiting === 0 ? t('Nothing waits') : t('{count} request waits | {count} requests wait', { count: waiting }),
    lines: [
      isServed || running.length > 0
        ? beingMade(running)
        : t('Nobody is ready to paint: requests wait until a painter is.'),
      ...(here === null || here === 0 ? [] : [t('Unfinished requests from this place: {count}.', { count: here })]),
    ],
    fields: own.map(({ job, ...place }) => ({
      name: `${shortened(titleOf(job.request), 60)} (${job.id})`,
      value: job.state === 'running' ? t('Being made') : waitingLabel(place),
    })),
    buttons: rowsOf(cancels),
  };
}

function beingMade(running: QueueView['running']): string {
  const [only] = running;
  if (only === undefined) return t('Nothing is being made right now.');
  if (running.length === 1) {
    const percent = Math.floor(only.fraction * 100);
    return only.own
      ? t('Being made: a request of yours, {percent} %.', { percent })
      : t('Being made: a request of somebody else, {percent} %.', { percent });
  }
  const count = running.length;
  const own = running.filter((each) => each.own).map(({ fraction }) => `${Math.floor(fraction * 100)} %`);
  return own.length === 0
    ? t('Being made: {count} request, not yours. | Being made: {count} requests, none of them yours.', { count })
    : t('Being made: {count} request, yours: {own}. | Being made: {count} requests, of them yours: {own}.', {
        count,
        own: own.join(', '),
      });
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
  const more = requests.length > LISTED ? [t('and {count} more', { count: requests.length - LISTED })] : [];
  return {
    ...NOTICE,
    title: t('Make {count} request, {pictures} pictures in all? | Make {count} requests, {pictures} pictures in all?', {
      count: requests.length,
      pictures,
    }),
    lines: [...shown, ...more, ...notes],
    buttons: [
      [{ action: `confirm:${id}`, label: t('Make all {count}', { count: requests.length }), style: 'primary' }],
    ],
  };
}

/** Asks before what may have been meant as a command is painted. */
export function doubtReply({ id, requests, notes }: Question, meant: readonly string[]): Reply {
  const commands = Object.values(SUBCOMMANDS).map(({ usage }) => usage);
  const [only] = meant;
  const line =
    only === undefined
      ? t('Commands are {commands}.', { commands: listedAs('conjunction', commands) })
      : t('It looks like a command but is not one. The command is {command}', { command: `/wuerst ${only}` });
  return {
    ...NOTICE,
    title: t('Paint “{prompt}”?', { prompt: shortened(requests[0]?.prompt ?? '', 100) }),
    lines: [line, ...notes],
    buttons: [[{ action: `confirm:${id}`, label: t('Paint it'), style: 'primary' }]],
  };
}

export function confirmedReply(jobs: readonly Job[]): Reply {
  const buttons = jobs.slice(0, MOST_ROWS * ROW).map(({ id }, index) => secondary(`show:${id}`, `${index + 1}`));
  return {
    ...NOTICE,
    title: t('{count} request waits for its turn | {count} requests wait for their turn', { count: jobs.length }),
    lines: jobs.slice(0, LISTED).map(({ id, request }) => `${id}: ${shortened(titleOf(request), 100)}`),
    buttons: rowsOf(buttons),
  };
}

function leftLines({ waiting, left }: Outlook): readonly string[] {
  const reasons = [...left].map(([why, count]) =>
    t(
      'One message or file could not be removed yet. {why} | {count} messages and files could not be removed yet. {why}',
      { count, why },
    ),
  );
  return [
    ...(waiting === 0
      ? []
      : [
          t(
            'One message or file will be removed as soon as that is possible. | {count} messages and files will be removed as soon as that is possible.',
            { count: waiting },
          ),
        ]),
    ...reasons,
    ...(left.size === 0
      ? []
      : [t('It is tried again and again; {command} tells what is left.', { command: '/wuerst erase' })]),
  ];
}

/** @param outlook what is left of an earlier time */
export function eraseQuestion(outlook: Outlook): Reply {
  return {
    ...NOTICE,
    title: t('Erase everything kept about you?'),
    lines: [
      t('Your requests and pictures are erased for good, and your old buttons stop working.'),
      t('Messages of mine that show them are removed where I can. What others made from your pictures stays.'),
      t('To get a copy first: {command}', { command: '/wuerst export' }),
      ...leftLines(outlook),
    ],
    buttons: [
      [{ action: 'erase:me', label: t('Erase everything'), style: 'danger', confirm: t('Erase everything for good?') }],
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
  const counts = listedAs('conjunction', [
    t('{count} request | {count} requests', { count: jobs }),
    t('{count} picture | {count} pictures', { count: images }),
  ]);
  const { removed, waiting, left } = posted;
  const lines = [
    ...(removed === 0
      ? []
      : [
          t(
            'One message or file that showed them is gone, too. | {count} messages and files that showed them are gone, too.',
            { count: removed },
          ),
        ]),
    ...leftLines(posted),
  ];
  if (logHoldsErased) {
    const why = t('Another program keeps the log of the database in use, so traces of them are still on the disk.');
    const next = t('They are removed within an hour after it is done.');
    return {
      ...NOTICE,
      title: t('Not gone for good yet'),
      lines: [t('{counts} were removed.', { counts }), why, next, ...lines],
    };
  }
  const title = waiting === 0 && left.size === 0 ? t('Erased') : t('Not gone everywhere yet');
  return { ...NOTICE, title, lines: [t('{counts} were erased here.', { counts }), ...lines] };
}

export function exportReply(json: string, files: number): Reply {
  return {
    ...NOTICE,
    title: t('Everything kept about you'),
    lines: [
      t('It names {count} picture. To see one: {command} | It names {count} pictures. To see one: {command}', {
        count: files,
        command: '/wuerst show <id>',
      }),
    ],
    code: json,
  };
}
