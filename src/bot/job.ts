import type { ImagineRequest, PictureSettings } from '../pipeline/images/imagine-request.ts';
import type { PictureVerdict } from '../pipeline/images/picture-verdict.ts';
import type { EngineStage } from '../pipeline/process/protocol.ts';
import { inLanguage, type Language } from '../texts/language.ts';
import { t } from '../texts/translate.ts';

export type { ImagineRequest };

/** What made a request from an older picture. */
export const VERBS = ['reroll', 'vary-subtle', 'vary-strong', 'larger', 'remix'] as const;
export type Verb = (typeof VERBS)[number];

export interface Derivation {
  readonly verb: Verb;
  /** The image acted on; for `reroll` the job's first image, if it has one. */
  readonly parentImage: string | null;
  readonly parentJob: string;
  /** How far from the parent, 0 (the same) to 1 (unrelated); the factor of the side for `larger`; else `null`. */
  readonly strength: number | null;
}

export const JOB_STATES = ['queued', 'running', 'done', 'failed', 'cancelled'] as const;
export type JobState = (typeof JOB_STATES)[number];

export const TERMINAL_STATES: readonly JobState[] = ['done', 'failed', 'cancelled'];

export function isOver({ state }: Pick<Job, 'state'>): boolean {
  return TERMINAL_STATES.includes(state);
}

export const SURFACES = ['discord', 'slack', 'web', 'terminal'] as const;
export type Surface = (typeof SURFACES)[number];

/** Who asks, where, and who pays: filled in by the adapter, from what the platform vouches for. */
export interface Caller {
  readonly surface: Surface;
  /** Stable id of the person on that surface. */
  readonly user: string;
  /** What to call them in replies. Untrusted text. */
  readonly name: string;
  /** The conversation: channel, DM or web room. */
  readonly room: string;
  /** Guild or workspace, whose settings and moderation apply; `null` in a direct message. */
  readonly guild: string | null;
  /** Whose share of the queue this uses, with the user's own: the guild that installed the app, else `personalPayer`. */
  readonly payer: string;
  /** May change settings, delete and cancel for others. */
  readonly moderator: boolean;
  /** The room admits adults only. */
  readonly ageRestricted: boolean;
  /** What they read. @default English */
  readonly language?: Language | undefined;
}

/** What makes it safe to send a request again. */
export interface Repeatable {
  /** The same key of the same person answers with the same job, also after a crash: the platform's id of the command or click. */
  readonly idempotencyKey?: string | undefined;
  /** A hash of what was asked, where a program chose the key: with another one the key is refused. @default not compared */
  readonly fingerprint?: string | undefined;
}

/** Whose language texts are in. */
export type Reader = Pick<Caller, 'language'>;

/** As part of a caller. */
export function readerOf(language: Language): Reader {
  return language === 'en' ? {} : { language };
}

/** Runs what makes texts for one person, whoever caused it. */
export function forReader<T>({ language = 'en' }: Reader, run: () => T): T {
  return inLanguage(language, run);
}

/**
 * The guild whose rules and quotas hold: that of the room or, in a direct message, the one that pays for it. `null` where
 * a person pays.
 */
export function ruledBy({ guild, payer }: Pick<Caller, 'guild' | 'payer'>): string | null {
  return guild ?? guildOf(payer);
}

/** The payer that a person is who pays for themselves. */
export function personalPayer(surface: Surface, user: string): string {
  return `${surface}:user:${user}`;
}

/** The guild that a payer's id names, such as `slack:team:T1`. */
export function guildOf(payer: string): string | null {
  return /^[^:]+:(?:guild|team):(.+)$/.exec(payer)?.[1] ?? null;
}

export interface JobImage {
  readonly id: string;
  /** Position in its job, from 0. */
  readonly index: number;
  readonly seed: bigint;
  readonly width: number;
  readonly height: number;
  /** SHA-256 of the PNG file, in hex. */
  readonly hash: string;
  readonly deleted: boolean;
  /** What the picture classifier found; absent where it did not look. */
  readonly verdict?: PictureVerdict;
  /** What a moderator decided, whatever that was. */
  readonly overruled?: Overruling;
}

export const OVERRULINGS = ['shown', 'hidden'] as const;
export type Overruling = (typeof OVERRULINGS)[number];

export interface Job {
  /** Short, unguessable, `[a-z0-9]`. */
  readonly id: string;
  readonly caller: Caller;
  readonly state: JobState;
  readonly request: ImagineRequest;
  readonly derivation: Derivation | null;
  readonly images: readonly JobImage[];
  /** Why it failed or was cancelled. */
  readonly error: { readonly code: string; readonly message: string; readonly hint?: string } | null;
  /** Words of the prompt that CLIP could not take in, settings read as text, and the like; shown with the reply. */
  readonly notes: readonly string[];
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

export type Stage = EngineStage;

/** Milliseconds since 1970, between which the job should be done. */
export interface Eta {
  readonly from: number;
  readonly to: number;
}

/** What a request waits for that none of those who can paint now has; `painter`: nobody can paint. */
export type Lack =
  | { readonly what: 'painter' | 'start' }
  | { readonly what: 'style' | 'lora' | 'size'; readonly name: string };

/** Where a job waits, and when it should be done. */
export interface QueuePosition {
  /** From 1; `null` for more than is kept current. */
  readonly position: number | null;
  readonly eta: Eta | null;
  /** Why it cannot start whoever's turn it is; then there is no `eta`. */
  readonly lack?: Lack | undefined;
}

/**
 * What happens to a job. State changes and images are durable and numbered by `seq`, which only grows;
 * position updates and steps live in memory only and have `seq: null`.
 */
export type JobEvent = { readonly seq: number | null } & (
  | ({ readonly type: 'queued'; readonly job: Job } & QueuePosition)
  | { readonly type: 'started'; readonly job: Job }
  | {
      readonly type: 'step';
      readonly job: Job;
      readonly stage: Stage;
      /** Steps done in this stage, 0 to total. */
      readonly step: number;
      readonly total: number;
      /** Share of the whole job's work that is done, 0 to 1. */
      readonly fraction: number;
      readonly eta: Eta | null;
      /** A small JPEG or PNG of what the pictures will be: one alone, more on a grid of ⌈√count⌉ columns. */
      readonly preview: Uint8Array | null;
      /** Positions of the pictures in the preview, row by row. */
      readonly previewOf?: readonly number[];
    }
  | { readonly type: 'image'; readonly job: Job; readonly image: JobImage }
  | { readonly type: 'done' | 'failed' | 'cancelled'; readonly job: Job }
  /** Something about a finished job changed: an image was deleted. */
  | { readonly type: 'changed'; readonly job: Job }
  /** The job is gone, with all that was kept of it; `seq` is `null`. */
  | { readonly type: 'erased'; readonly job: Job }
);

/** What a request is called: its prompt, if it has one. */
export function titleOf({ prompt }: Pick<ImagineRequest, 'prompt'>): string {
  return prompt === '' ? t('A variation of a picture') : prompt;
}

/** The same for every reader: for the names of files. */
export function englishTitleOf(request: Pick<ImagineRequest, 'prompt'>): string {
  return inLanguage('en', () => titleOf(request));
}

/** Seed of picture `index` of a request. */
export function seedOf(request: ImagineRequest, index: number): bigint {
  return BigInt.asUintN(64, request.seed + BigInt(index));
}

/** What the pipeline and the files' parameters need of a request. */
export function pictureSettings({
  n: _n,
  seed: _seed,
  spoiler: _spoiler,
  original: _original,
  originalNegative: _originalNegative,
  origins: _origins,
  ...settings
}: ImagineRequest): PictureSettings {
  return settings;
}
