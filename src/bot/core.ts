import type { Marker } from '../marking/marker.ts';
import type { Administration } from './administration.ts';
import type { Caller, Job, JobEvent, JobImage, QueuePosition, Reader, Repeatable, Surface } from './job.ts';
import type { QueueOverview } from './queue-overview.ts';
import type { Button, Cover, Reply } from './reply.ts';
import type { RequestLimits } from './request-limits.ts';

/** The answer to a command or a button: a job to follow, or a reply to show. */
export type Outcome =
  | { readonly kind: 'job'; readonly job: Job; readonly repeated: boolean }
  | { readonly kind: 'reply'; readonly reply: Reply };

/** Pictures that came with a command, by the hashes of their files. */
export interface GivenPictures {
  readonly pictures: readonly string[];
  /** Of a picture that is white where the first one is to be painted anew. */
  readonly mask?: string | undefined;
}

/** A file that came with a command. */
export interface GivenFile {
  readonly name: string;
  readonly content: Uint8Array;
}

export interface CommandOptions extends Repeatable {
  /** Values of native options, by the names of the grammar's keys. The same key in the text as well is an error. */
  readonly options?: Readonly<Record<string, string | number | boolean>>;
  /** Pictures to start from, by what `givePicture` gave. @default none */
  readonly pictures?: GivenPictures | undefined;
  /** What `presets import` reads; with any other command it is an error. @default none */
  readonly file?: GivenFile | undefined;
  /** The text came by a command of its own (`/wuerst-show`): anything but a subcommand is an error, never a prompt. @default false */
  readonly subcommand?: boolean;
}

/**
 * The core, as adapters see it. Every method that a person's input reaches throws `UserError` for what that
 * person can mend; the adapter shows it with `errorReply`.
 */
export interface Core {
  /** Runs what was typed after `/wuerst`: a prompt with settings, or a subcommand. The job is stored before this resolves. */
  command(text: string, caller: Caller, options?: CommandOptions): Promise<Outcome>;
  /** Runs a button's `verb:id`; `text` is what was typed into its form. */
  act(action: string, caller: Caller, options?: Repeatable & { readonly text?: string }): Promise<Outcome>;

  /**
   * Checks and stores a picture that a person gives, for `CommandOptions.pictures`. It is read in a process of its own, within
   * bounds of memory and time.
   * @param options.asMask what is transparent in it is to be painted anew: it becomes a mask, for `GivenPictures.mask`. @default false
   * @returns the hash of its file
   */
  givePicture(content: Uint8Array, caller: Caller, options?: { readonly asMask?: boolean }): Promise<string>;

  job(id: string): Job | null;
  /** The job that made an image, also after the image was deleted. */
  jobOfImage(imageId: string): Job | null;
  /** Jobs of a room or a person, newest first; `before` is a job id to page on from. */
  jobs(filter: {
    readonly surface: Surface;
    readonly room?: string;
    readonly user?: string;
    readonly before?: string;
    readonly limit: number;
  }): readonly Job[];
  /** The rooms in which a person has asked for pictures, the one of the latest request first. */
  rooms(caller: Pick<Caller, 'surface' | 'user'>): readonly string[];
  /** Position (from 1, `null` for more than 25 until asked for here) and expected end of a waiting or running job. */
  queuePosition(jobId: string): QueuePosition;
  /**
   * Absolute path of an image's PNG, made again from its recipe if the file was lost. `null` when deleted or unknown.
   * The rules for pictures that are not safe for work hold: `null` for one that is blocked, a blurred copy of one that is
   * blurred. `fileIdOf` names other versions; only moderators get an `original`.
   * `null` too where the rules of the asker's place forbid it. Making it again is charged to whoever asks, within their quotas; without an asker to its owner, and `null` beyond theirs.
   */
  imagePath(fileId: string, asker?: Caller): Promise<string | null>;
  /** How a picture is shown where its job was asked for or, with an asker, there. Absent where nothing is looked at. */
  cover?(imageId: string, asker?: Caller): Cover;
  /** What every picture passes on its way out, behind `imagePath`. Absent where nothing is marked. */
  readonly marker?: Marker;
  /**
   * What the job's message shows now: waiting, progress with preview, images with buttons, or the error.
   * @param place where it waits and when it should be done, where that is known; `null` to leave it out. @default computed
   */
  jobReply(job: Job, place?: QueuePosition | null): Reply;
  errorReply(error: unknown): Reply;
  /**
   * The button with this action as its message would show it now: for its form or its question, on platforms that
   * ask only after the click. `null` where nothing can be done, or no longer.
   */
  button(action: string, caller: Caller): Button | null;

  /**
   * What a command may ask for: the limits of the checkpoint that is loaded, or was when the bot ran last; with a caller,
   * within the rules of their place.
   */
  limits(caller?: Caller): RequestLimits;
  /** Saved styles that can be named here, with their texts. Absent where nothing is saved. */
  presets?(caller: Caller): readonly { readonly name: string; readonly prompt: string; readonly negative: string }[];
  /** Recent prompts of a person, newest first, for completion. `containing` is matched as plain text. */
  recentPrompts(
    caller: Caller,
    containing: string,
    limit: number,
  ): readonly { readonly id: string; readonly prompt: string }[];
  /** The prompt behind an id of `recentPrompts`. */
  promptById(id: string, caller: Caller): string | null;
  /** What may come next after this text: subcommands, settings and their values. */
  completions(textBeforeCursor: string, caller: Caller): readonly Completion[];

  /** Everything that is kept about a person, as JSON in parts. @throws UserError `too_many_exports` */
  exportText(caller: Caller): Iterable<string>;

  /** Events of every job, in order; a listener that throws is logged and loses only that event. Returns the way to stop. */
  subscribe(listener: (event: JobEvent) => void): () => void;
  /** Durable events of a room after `seq`, oldest first. */
  eventsSince(surface: Surface, room: string, seq: number, limit: number): readonly JobEvent[];

  /** The platform's own handle on the message that shows a job (ids, token, expiry), stored as JSON before anything is sent to it. */
  saveMessage(jobId: string, message: unknown): void;
  message(jobId: string): unknown | null;
  /** Jobs of a surface whose final state has not yet been shown: asked for at start, then delivered again. */
  undelivered(surface: Surface): readonly Job[];
  /** The message now shows the job's final state for good (or can never show it, with the reason). */
  markDelivered(jobId: string, problem?: string): void;

  /** What is being painted and what waits. Absent where nothing waits. */
  queueOverview?(caller: Caller): QueueOverview;

  /** Absent where nothing is stored. */
  readonly postings?: Postings;
  /** Absent where nothing is stored. */
  readonly gallery?: Gallery;
  /** For whoever runs the bot. Absent where nobody looks after anything. */
  readonly administration?: Administration;
}

/** A picture that was made and is still there. */
export interface GalleryPicture {
  /** With this picture alone. */
  readonly job: Job;
  readonly image: JobImage;
  /** By the caller. */
  readonly liked: boolean;
  /** How the picture's place shows it. @default as it is */
  readonly cover?: Cover;
}

export interface GalleryQuery {
  /** @default the caller's own pictures, of every room */
  readonly room?: string;
  /** What is typed to find them: words, `"phrases"`, `key:value`, and `-` before what to leave out. */
  readonly text: string;
  /** Only those that the caller likes. */
  readonly liked: boolean;
  /** From 0, counting what is withheld, too. */
  readonly offset: number;
  readonly limit: number;
}

export interface GalleryPage {
  /** Of all that were found, those that are withheld among them. */
  readonly total: number;
  /** Of this page, newest first, without what the rules forbid to show. */
  readonly pictures: readonly GalleryPicture[];
  /** How many of this page are left out. */
  readonly withheld: number;
}

/** Where a picture comes from and what came of it. */
export interface Family {
  /** The nearest first. */
  readonly ancestors: readonly GalleryPicture[];
  readonly siblings: readonly GalleryPicture[];
  readonly children: readonly GalleryPicture[];
}

/** Pictures apart from the conversations that they were made in. What a place no longer allows to be shown is never among them. */
export interface Gallery {
  /** @param isForAdults whether a room admits adults only, now */
  search(query: GalleryQuery, caller: Caller, isForAdults: (room: string) => boolean): GalleryPage;
  /** `null` for a picture that is deleted, unknown, withheld or not the caller's to see. */
  picture(imageId: string, caller: Caller, isForAdults: (room: string) => boolean): GalleryPicture | null;
  /** @param picture as `picture` gave it */
  family(picture: GalleryPicture, caller: Caller, isForAdults: (room: string) => boolean): Family;
}

/** Something on a platform that is to be removed, and who wants that: they are told what is left of it. */
export interface Doomed extends Reader {
  readonly id: number;
  /** Id of the job that it is from, which may be gone. */
  readonly job: string;
  /** The platform's own handle. */
  readonly handle: unknown;
  /** How often removing it has failed. */
  readonly tries: number;
}

/** A failed attempt to remove something. */
export interface Failure {
  /** A sentence. */
  readonly problem: string;
  /** The handle on what is left. */
  readonly handle: unknown;
  /** When to try again, in milliseconds since 1970. */
  readonly dueAt: number;
}

/**
 * What a platform shows besides the messages of jobs, and what must go from it: pictures that were deleted, and all of
 * people who were erased. Everything here is stored, so that a restart forgets nothing.
 */
export interface Postings {
  /** The platform's handle on something else that shows a picture of a job, or (`image` is `null`) the job: it goes with that. */
  save(job: Job, image: string | null, handle: unknown): void;
  /** As `save`, for something that is to go at once, whether or not the job is still known. */
  discard(of: { readonly surface: Surface; readonly job: string }, handle: unknown): void;
  /** What is to be removed now, at most so many. */
  due(surface: Surface, limit: number): readonly Doomed[];
  /** When something is to be removed next, in milliseconds since 1970. */
  nextDue(surface: Surface): number | undefined;
  /** What waits is due now. */
  hasten(surface: Surface): void;
  /** It is gone. */
  removed(id: number): void;
  failed(id: number, failure: Failure): void;
  /** Jobs whose end was shown, with a picture that has been deleted since. */
  outdated(surface: Surface): readonly Job[];
  /** The job's message shows no deleted picture any more. */
  refreshed(jobId: string): void;
  /** Calls `listener` whenever something is to be removed. Returns the way to stop. */
  subscribe(surface: Surface, listener: () => void): () => void;
}

export interface Completion {
  /** Replaces the text from `from` to the cursor. */
  readonly insert: string;
  /** Index into the text before the cursor. */
  readonly from: number;
  readonly label: string;
  readonly description: string;
}
