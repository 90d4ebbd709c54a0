/** Everything about a picture that a person can choose; defaults are filled in before a request leaves the parser. */
export interface ImagineRequest {
  readonly prompt: string;
  /** What to keep out of the picture; empty for nothing. */
  readonly negative: string;
  /** Pixels; the picture has exactly this size. */
  readonly width: number;
  /** Pixels; the picture has exactly this size. */
  readonly height: number;
  /** Pictures in this request, 1 to 10. */
  readonly n: number;
  /** `interpolated`, `base`, `aesthetic`, or a decimal from 0 (base) to 1 (aesthetic) that mixes the two. */
  readonly style: string;
  /** Unsigned, up to 64 bits. Picture k (from 0) uses `seed + k`, wrapping at 2^64. */
  readonly seed: bigint;
  /** Equal steps of Stage C; `null` for `DEFAULT_STAGE_C_TIMESTEPS`. */
  readonly steps: number | null;
  readonly decoderSteps: number;
  /** Guidance scale of Stage C; 1 and below switch guidance off. */
  readonly guidance: number;
  readonly decoderGuidance: number;
  /** Ask for the result behind a spoiler cover, where the surface has one. */
  readonly spoiler: boolean;
}

/** What made a request from an older picture. */
export type Verb = 'reroll' | 'vary-subtle' | 'vary-strong' | 'larger' | 'remix';

export interface Derivation {
  readonly verb: Verb;
  /** The image acted on; for `reroll` the job's first image, if it has one. */
  readonly parentImage: string | null;
  readonly parentJob: string;
  /** How far from the parent, 0 (the same) to 1 (unrelated); the factor of the side for `larger`; else `null`. */
  readonly strength: number | null;
}

export type JobState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';

export const TERMINAL_STATES: readonly JobState[] = ['done', 'failed', 'cancelled'];

export function isOver({ state }: Pick<Job, 'state'>): boolean {
  return TERMINAL_STATES.includes(state);
}

export type Surface = 'discord' | 'slack' | 'web' | 'terminal';

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
  /** Whose share of the queue this uses: the guild that installed the app, else the user. */
  readonly payer: string;
  /** May change settings, delete and cancel for others. */
  readonly moderator: boolean;
  /** The room admits adults only. */
  readonly ageRestricted: boolean;
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
}

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

export type Stage = 'load' | 'text' | 'prior' | 'decoder' | 'vqgan' | 'encode';

/** Milliseconds since 1970, between which the job should be done. */
export interface Eta {
  readonly from: number;
  readonly to: number;
}

/**
 * What happens to a job. State changes and images are durable and numbered by `seq`, which only grows;
 * position updates and steps live in memory only and have `seq: null`.
 */
export type JobEvent = { readonly seq: number | null } & (
  | { readonly type: 'queued'; readonly job: Job; readonly position: number | null; readonly eta: Eta | null }
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
      /** A small JPEG or PNG of what the picture will be. */
      readonly preview: Uint8Array | null;
    }
  | { readonly type: 'image'; readonly job: Job; readonly image: JobImage }
  | { readonly type: 'done' | 'failed' | 'cancelled'; readonly job: Job }
  /** Something about a finished job changed: an image was deleted. */
  | { readonly type: 'changed'; readonly job: Job }
);

/** Seed of picture `index` of a request. */
export function seedOf(request: ImagineRequest, index: number): bigint {
  return BigInt.asUintN(64, request.seed + BigInt(index));
}
