import { join } from 'node:path';
import { systemClock } from '../../system/clock.ts';
import { ApiKeys } from './api-keys.ts';
import { Audit } from './audit.ts';
import { type BackupReport, backUp, DATABASE_FILE, IMAGE_FOLDER } from './backup.ts';
import { Confirmations } from './confirmations.ts';
import { Database } from './database.ts';
import { SavedDefaults } from './defaults.ts';
import { EventLog } from './events.ts';
import { Gallery } from './gallery.ts';
import { ImageFiles, type ImageFilesOptions } from './image-files.ts';
import { Images, type Removed, type Retention } from './images.ts';
import { JobLists } from './job-lists.ts';
import { Jobs } from './jobs.ts';
import { Memos } from './memos.ts';
import { Messages } from './messages.ts';
import { Overview } from './overview.ts';
import { PersonalData } from './personal-data.ts';
import { Postings } from './postings.ts';
import { SavedPresets } from './presets.ts';
import { QueueShares } from './queue-shares.ts';
import { StoredSettings } from './settings.ts';
import { Usage } from './usage.ts';
import { WebAccounts } from './web-accounts.ts';
import { WebhookMessages } from './webhook-messages.ts';
import { SavedWildcards } from './wildcards.ts';

export type { SettingsScope } from './audit.ts';
export { DATABASE_FILE } from './backup.ts';
export type { FinishedImage, ImageDetails } from './images.ts';
export type { Party } from './job-lists.ts';
export type { Accepted, NewJob, StoredJob } from './job-rows.ts';
export type { JobError } from './jobs.ts';
export type { Embedding, Recipe } from './recipe.ts';

export interface HistoryOptions {
  /** The data folder; made if it is missing. */
  readonly folder: string;
  /** The time; milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
  /** As a clock's. @default `now` where it is given, else the system's */
  readonly monotonic?: () => number;
  /** Milliseconds to wait for another process's lock. @default 2000 */
  readonly busyTimeoutMs?: number;
  readonly images?: ImageFilesOptions;
}

const DAY_MS = 86_400_000;
const USAGE_MS = 90 * DAY_MS;

/** How long what is kept, in milliseconds. */
export interface KeptFor {
  /** Requests that have ended: prompts, recipes, embeddings and what is left of their pictures. @default two years */
  readonly records: number;
  /** Who set, deleted, cancelled or erased what. @default a year */
  readonly audit: number;
  /** How long events can be replayed, and a repeated command finds its job. @default 30 days */
  readonly events: number;
}

export const KEPT_FOR: KeptFor = { records: 730 * DAY_MS, audit: 365 * DAY_MS, events: 30 * DAY_MS };

export interface TidyOptions extends Retention {
  readonly keptFor?: KeptFor;
}

/**
 * Everything the bot remembers: one SQLite file and a folder of pictures. Each method of its parts is one transaction,
 * and after it returns its effect survives the death of the process; between any two calls the stored state can be
 * resumed.
 *
 * Methods throw `OperatorError` for a database that is locked, damaged or out of space, and `UserError` where said.
 */
export class History {
  /** For tests and maintenance. */
  readonly database: Database;
  /** Single jobs, and every change of their states. */
  readonly jobs: Jobs;
  /** Pages of jobs, prompts for completion, unfinished and undelivered jobs. */
  readonly lists: JobLists;
  readonly events: EventLog;
  /** People, failures and files of all places, for whoever runs the bot. */
  readonly overview: Overview;
  /** Images with their recipes, and what becomes of their files. */
  readonly images: Images;
  /** Pictures by place, words and favourites. */
  readonly gallery: Gallery;
  /** The platform's message that shows each job. */
  readonly messages: Messages;
  /** The fair queue's accounts. */
  readonly shares: QueueShares;
  /** What admins set. */
  readonly settings: StoredSettings;
  /** Saved styles of people, guilds and everyone. */
  readonly presets: SavedPresets;
  /** What is chosen where nothing is typed, for people, channels and guilds. */
  readonly defaults: SavedDefaults;
  /** Lists of words of guilds that prompts draw from. */
  readonly wildcards: SavedWildcards;
  /** Accelerator time of people and guilds. */
  readonly usage: Usage;
  readonly audit: Audit;
  readonly confirmations: Confirmations;
  /** Step times, and small values of the bot's other parts. */
  readonly memos: Memos;
  readonly personalData: PersonalData;
  /** Names of the web chat that belong to somebody. */
  readonly webAccounts: WebAccounts;
  /** What lets programs in. */
  readonly apiKeys: ApiKeys;
  /** What programs are still to be told. */
  readonly webhookMessages: WebhookMessages;
  /** What platforms show apart from the messages of jobs, and what must go from them. */
  readonly postings: Postings;
  readonly #files: ImageFiles;
  readonly #now: () => number;

  private constructor(database: Database, options: HistoryOptions) {
    const { folder, now = systemClock.now, monotonic = options.now ?? systemClock.monotonic, images } = options;
    const files = new ImageFiles(join(folder, IMAGE_FOLDER), images);
    this.#files = files;
    this.#now = now;
    this.database = database;
    this.events = new EventLog(database);
    this.usage = new Usage(database, now);
    this.audit = new Audit(database, now);
    this.confirmations = new Confirmations(database, { now, monotonic });
    this.shares = new QueueShares(database);
    this.memos = new Memos(database);
    this.webAccounts = new WebAccounts(database, this.audit, now);
    this.apiKeys = new ApiKeys(database, this.audit, now);
    this.webhookMessages = new WebhookMessages(database);
    this.settings = new StoredSettings(database, this.audit);
    this.presets = new SavedPresets(database, this.audit);
    this.defaults = new SavedDefaults(database, this.audit);
    this.wildcards = new SavedWildcards(database, this.audit);
    this.jobs = new Jobs({ database, events: this.events, usage: this.usage, now });
    this.lists = new JobLists(database, this.jobs);
    this.overview = new Overview(database, this.jobs);
    this.messages = new Messages(database, this.jobs, now);
    this.postings = new Postings(database, now);
    this.gallery = new Gallery(database, now);
    this.images = new Images({ ...this, database, files, now });
    this.personalData = new PersonalData({ ...this, database, files, now });
  }

  /**
   * Opens, checks and, after an upgrade of the program, migrates the data folder.
   * @throws OperatorError `database_locked`, `database_unwritable`, `database_corrupt`, `database_newer`, `disk_full`
   */
  static open(options: HistoryOptions): History {
    const { folder, busyTimeoutMs } = options;
    const path = join(folder, DATABASE_FILE);
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

  /**
   * Drops files over the limits (rows and recipes stay), what is kept for longer than it may be, and what the log of the
   * database still holds of people who were erased.
   */
  async tidy({ keptFor = KEPT_FOR, ...limits }: TidyOptions = {}): Promise<Removed> {
    const now = this.#now();
    this.atomically(() => {
      this.events.prune(now - keptFor.events);
      this.jobs.pruneKeys(now - keptFor.events);
      this.usage.prune(now - USAGE_MS);
      this.audit.prune(now - keptFor.audit);
      this.confirmations.prune();
      this.webAccounts.prune();
    });
    await this.personalData.pruneJobs(now - keptFor.records);
    this.personalData.emptyLog(0);
    return this.images.retain(limits);
  }

  /** Copies database and pictures, while in use, to a folder that can take this one's place. @param beside as `backUp` has it */
  backup(destination: string, beside: readonly string[] = []): Promise<BackupReport> {
    return backUp({ database: this.database, files: this.#files, beside }, destination);
  }
}
