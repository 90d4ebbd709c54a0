import { join } from 'node:path';
import type { Caller, Job, JobEvent, Surface } from '../job.ts';
import { Audit } from './audit.ts';
import { type BackupReport, backUp, DATABASE_FILE, IMAGE_FOLDER } from './backup.ts';
import { Confirmations } from './confirmations.ts';
import { Database } from './database.ts';
import { EventLog } from './events.ts';
import { ImageFiles, type Removed, type Retention } from './image-files.ts';
import { type FinishedImage, type ImageFile, Pictures } from './image-lifecycle.ts';
import { ImageStore, type ImageStoreOptions } from './image-store.ts';
import { type ImageDetails, ImageRecords } from './images.ts';
import { JobLists } from './job-lists.ts';
import type { StoredJob } from './job-rows.ts';
import { type JobError, JobRecords } from './jobs.ts';
import { Learned } from './memos.ts';
import { Messages } from './messages.ts';
import type { Accepted, NewJob } from './new-job.ts';
import { PersonRecords } from './personal-data.ts';
import { Shares } from './queue-shares.ts';
import { type Actor, Settings } from './settings.ts';
import { Ledger, type Usage } from './usage.ts';

export { type GuildSettings, SETTINGS, type SettingKey } from '../command/guild-settings.ts';
export type { AuditEntry, AuditFilter, AuditRow } from './audit.ts';
export { DATABASE_FILE } from './backup.ts';
export type { Confirmation } from './confirmations.ts';
export type { ImageDetails } from './images.ts';
export type { JobFilter, Party, RecentPrompt } from './job-lists.ts';
export type { StepTime } from './memos.ts';
export type { Delivery } from './messages.ts';
export type { Embedding, Recipe } from './recipe.ts';
export type { Place } from './settings.ts';
export type { Accepted, Actor, BackupReport, FinishedImage, ImageFile, JobError, NewJob, StoredJob, Usage };

export interface HistoryOptions {
  /** The data folder; made if it is missing. */
  readonly folder: string;
  /** The time; milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
  /** Milliseconds to wait for another process's lock. @default 2000 */
  readonly busyTimeoutMs?: number;
  readonly images?: ImageStoreOptions;
}

/** What keeps old things from piling up; every age in milliseconds. */
export interface Housekeeping extends Retention {
  /** Durable events that pages may still replay. @default 30 days */
  readonly eventAgeMs?: number;
  /** Idempotency keys. @default 30 days */
  readonly keyAgeMs?: number;
  /** Usage counts. @default 90 days */
  readonly usageAgeMs?: number;
}

const DAY_MS = 86_400_000;

/**
 * Everything the bot remembers: one SQLite file and a folder of pictures. Each method is one transaction, and after
 * it returns its effect survives the death of the process; between any two calls the stored state can be resumed.
 * State changes return the durable event to pass on, or `null` where the job's present state forbids the change
 * (then nothing was written), so that of two racing ends of a job exactly one counts.
 *
 * Methods throw `OperatorError` for a database that is locked, damaged or out of space, and `UserError` where said.
 */
export class History {
  readonly folder: string;
  /** For tests and maintenance. */
  readonly database: Database;
  /** Pages of jobs, prompts for completion, unfinished and undelivered jobs. */
  readonly lists: JobLists;
  /** The platform's message that shows each job. */
  readonly messages: Messages;
  /** The fair queue's accounts. */
  readonly shares: Shares;
  /** What admins set. */
  readonly settings: Settings;
  readonly audit: Audit;
  readonly confirmations: Confirmations;
  /** Step times, preview maps, memos of other parts, OAuth installations. */
  readonly learned: Learned;
  readonly #now: () => number;
  readonly #store: ImageStore;
  readonly #events: EventLog;
  readonly #ledger: Ledger;
  readonly #jobs: JobRecords;
  readonly #images: ImageRecords;
  readonly #files: ImageFiles;
  readonly #pictures: Pictures;
  readonly #person: PersonRecords;

  private constructor(database: Database, options: HistoryOptions) {
    const now = options.now ?? Date.now;
    const store = new ImageStore(join(options.folder, IMAGE_FOLDER), options.images);
    const events = new EventLog(database);
    const ledger = new Ledger(database);
    const audit = new Audit(database, now);
    const jobs = new JobRecords(database, events, ledger, now);
    const lists = new JobLists(database, jobs);
    const images = new ImageRecords(database);
    const files = new ImageFiles(database, store, images, now);
    const confirmations = new Confirmations(database, now);
    this.folder = options.folder;
    this.database = database;
    this.lists = lists;
    this.messages = new Messages(database, now);
    this.shares = new Shares(database);
    this.settings = new Settings(database, audit);
    this.audit = audit;
    this.confirmations = confirmations;
    this.learned = new Learned(database);
    this.#now = now;
    this.#store = store;
    this.#events = events;
    this.#ledger = ledger;
    this.#jobs = jobs;
    this.#images = images;
    this.#files = files;
    this.#pictures = new Pictures({ database, store, events, jobs, images, files, audit, now });
    this.#person = new PersonRecords({ database, jobs, lists, images, ledger, audit, confirmations });
  }

  /**
   * Opens, checks and, after an upgrade of the program, migrates the data folder.
   * @throws OperatorError `database_locked`, `database_unwritable`, `database_corrupt`, `database_newer`, `disk_full`
   */
  static open(options: HistoryOptions): History {
    const { busyTimeoutMs } = options;
    const path = join(options.folder, DATABASE_FILE);
    const database = Database.open(busyTimeoutMs === undefined ? { path } : { path, busyTimeoutMs });
    try {
      return new History(database, options);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  close(): void {
    this.database.close();
  }

  /** Several calls as one transaction: all of them count, or, if `work` throws, none. `work` is synchronous. */
  atomically<T>(work: () => T): T {
    return this.database.write(work);
  }

  // ---- a job's way ----

  /** Stores the job with its person, guild, reservation, idempotency key and `queued` event, or finds the earlier one. */
  accept(job: NewJob): Accepted {
    return this.#jobs.accept(job);
  }

  /** queued → running; counts the attempt. Call it before the job is given to the pipeline process. */
  start(jobId: string): JobEvent | null {
    return this.#jobs.start(jobId);
  }

  /**
   * running → queued; from now on it counts as resumed. With `forgiveAttempt` the start does not count against the job: the bot is
   * stopping, and the job is not to blame.
   */
  requeue(jobId: string, options: { readonly forgiveAttempt?: boolean } = {}): JobEvent | null {
    return this.#jobs.requeue(jobId, options.forgiveAttempt ?? false);
  }

  /** How many starts count against a job now. */
  setAttempts(jobId: string, attempts: number): void {
    this.#jobs.setAttempts(jobId, attempts);
  }

  /** How often a job was started in all. */
  starts(jobId: string): number {
    return this.#jobs.starts(jobId);
  }

  /**
   * Stores a picture of a running job, the file before its row. `null` if the job is not running any more or has a
   * picture with this index already, which stays.
   * @throws OperatorError `disk_full`, `image_unwritable`; the job is as before then
   */
  finishImage(jobId: string, image: FinishedImage): Promise<JobEvent | null> {
    return this.#pictures.finish(jobId, image);
  }

  /**
   * running → done. `seconds` of accelerator time take the place of the reserved estimate. `notes` are what only the
   * making showed.
   */
  finish(jobId: string, options: { readonly seconds: number; readonly notes?: readonly string[] }): JobEvent | null {
    return this.#jobs.finish(jobId, options.seconds, options.notes ?? []);
  }

  /** queued or running → failed, and what was reserved is refunded. */
  fail(jobId: string, error: JobError): JobEvent | null {
    return this.#jobs.end(jobId, 'failed', error);
  }

  /** queued or running → cancelled, and what was reserved is refunded. Counts at once, whatever the pipeline still does. */
  cancel(jobId: string, reason: JobError): JobEvent | null {
    return this.#jobs.end(jobId, 'cancelled', reason);
  }

  /** Among one person's own waiting jobs, the greater goes first. */
  setPriority(jobId: string, priority: number): void {
    this.#jobs.setPriority(jobId, priority);
  }

  // ---- finding jobs ----

  job(id: string): Job | null {
    return this.#jobs.job(id);
  }

  /** The job with what the queue and the pipeline's watcher need to know. */
  stored(id: string): StoredJob | null {
    return this.#jobs.stored(id);
  }

  /** Queued jobs in the order of arrival. */
  waiting(): readonly StoredJob[] {
    return this.#jobs.waiting();
  }

  /** Jobs in state running: at start, those that a crash interrupted. */
  interrupted(): readonly StoredJob[] {
    return this.#jobs.running();
  }

  /** The job that an idempotency key of this person led to. */
  jobByKey(caller: Pick<Caller, 'surface' | 'user'>, key: string): Job | null {
    return this.#jobs.byKey(caller, key)?.job ?? null;
  }

  // ---- events ----

  /** Durable events of a room after `seq`, oldest first; each carries its job as it is now. */
  eventsSince(surface: Surface, room: string, seq: number, limit: number): readonly JobEvent[] {
    return this.database.run(() => this.#events.since(surface, room, seq, limit, (id) => this.#jobs.job(id)));
  }

  /** Number of the newest durable event; 0 before the first. */
  latestSeq(): number {
    return this.database.run(() => this.#events.latest());
  }

  // ---- pictures ----

  /** An image with its recipe and embedding; `null` if unknown. */
  image(imageId: string): ImageDetails | null {
    return this.#images.details(imageId);
  }

  /** Where an image's file is, if it still is; `null` if the image is unknown. */
  imageFile(imageId: string): ImageFile | null {
    return this.#pictures.file(imageId);
  }

  /** Stores the file of an image anew, which may differ in a few pixels. Resolves to its path; `null` if deleted. */
  restoreImage(imageId: string, png: Uint8Array): Promise<string | null> {
    return this.#pictures.restore(imageId, png);
  }

  /**
   * Deletes the picture and its embedding for good. `null` if unknown or deleted before. A file that another image
   * shares stays. Not inside `atomically`: a file cannot be rolled back.
   */
  deleteImage(imageId: string, by: Actor): JobEvent | null {
    return this.#pictures.delete(imageId, by);
  }

  // ---- people ----

  /** What a person or a guild was charged today. */
  usage(kind: 'user' | 'guild', surface: Surface, party: string): Usage {
    return this.database.run(() => this.#ledger.usage(kind, surface, party, this.#now()));
  }

  /** Everything kept about a person as JSON, and their pictures that are still on disk. */
  exportUser(
    surface: Surface,
    user: string,
  ): { readonly json: string; readonly files: readonly { readonly name: string; readonly path: string }[] } {
    const { json, images } = this.#person.take(surface, user, this.#now());
    const files = images
      .filter(({ hash }) => this.#files.present(hash))
      .map(({ id, hash }) => ({ name: `${id}.png`, path: this.#store.path(hash) }));
    return { json, files };
  }

  /**
   * Erases what is kept about a person, also from the log of the database. A file that another person's image
   * shares stays. Not inside `atomically`. @throws UserError `erase_unfinished` while they have queued or running jobs
   */
  eraseUser(surface: Surface, user: string): { readonly jobs: number; readonly images: number } {
    const { jobs, images, hashes } = this.#person.erase(surface, user, this.#now());
    this.#files.removeUnused(hashes);
    this.database.emptyLog();
    return { jobs, images };
  }

  // ---- upkeep ----

  /** Makes files and rows agree after a crash. At start, and only by the bot that owns the folder. */
  sweep(): Promise<{ readonly orphans: number; readonly lost: number }> {
    return this.#files.sweep();
  }

  /** Drops files over the limits (rows and recipes stay) and what is too old to be of use. */
  async tidy(limits: Housekeeping): Promise<Removed> {
    const now = this.#now();
    this.database.write(() => {
      this.#events.prune(now - (limits.eventAgeMs ?? 30 * DAY_MS));
      this.#jobs.pruneKeys(now - (limits.keyAgeMs ?? 30 * DAY_MS));
      this.#ledger.prune(now - (limits.usageAgeMs ?? 90 * DAY_MS));
      this.confirmations.prune();
    });
    return this.#files.retain(limits);
  }

  /** Bytes of all pictures on disk. */
  imageBytes(): number {
    return this.#files.totalBytes();
  }

  /** Copies database and pictures, while in use, to a folder that can take this one's place. */
  backup(destination: string): Promise<BackupReport> {
    return backUp(this.database, this.#store, destination);
  }
}
