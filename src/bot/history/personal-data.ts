import { setImmediate as nextTurn } from 'node:timers/promises';
import * as z from 'zod';
import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import type { Job, Surface } from '../job.ts';
import { type Audit, ERASED } from './audit.ts';
import type { Confirmations } from './confirmations.ts';
import type { Database } from './database.ts';
import type { SavedDefaults } from './defaults.ts';
import type { EventLog } from './events.ts';
import type { Gallery } from './gallery.ts';
import type { ImageFiles } from './image-files.ts';
import type { Images } from './images.ts';
import type { JobLists } from './job-lists.ts';
import { decode } from './job-rows.ts';
import type { Jobs } from './jobs.ts';
import { toJson } from './json.ts';
import type { Memos } from './memos.ts';
import type { Messages } from './messages.ts';
import { type Postings, withoutTokens } from './postings.ts';
import type { SavedPresets } from './presets.ts';
import type { QueueShares } from './queue-shares.ts';
import type { Usage } from './usage.ts';
import type { WebAccounts } from './web-accounts.ts';

export interface PersonalExport {
  /** Everything kept about the person, as readable JSON. */
  readonly json: string;
  /** Their pictures that are still on disk, oldest first; the id in each name is in the JSON too. */
  readonly files: readonly { readonly name: string; readonly path: string }[];
}

interface Options {
  readonly database: Database;
  readonly jobs: Jobs;
  readonly lists: JobLists;
  readonly images: Images;
  readonly files: ImageFiles;
  readonly usage: Usage;
  readonly audit: Audit;
  readonly confirmations: Confirmations;
  readonly events: EventLog;
  readonly messages: Messages;
  readonly postings: Postings;
  readonly shares: QueueShares;
  readonly memos: Memos;
  readonly presets: SavedPresets;
  readonly defaults: SavedDefaults;
  readonly webAccounts: WebAccounts;
  readonly gallery: Gallery;
  readonly now: () => number;
}

/** Owner and key of the memo that says that the log still holds something that was erased. */
const LOG_HOLDS_ERASED = ['personal-data', 'log-holds-erased'] as const;

/**
 * Where something of one person is kept, by table, and what each is called in the export. Whatever is erased is exported.
 * The tables `images`, `recipes`, `gallery`, `gallery_words`, `given_pictures`, `events` and `idempotency_keys` go with the jobs.
 */
export const PERSONAL_TABLES = {
  users: 'person',
  jobs: 'jobs',
  images: 'jobs',
  recipes: 'jobs',
  gallery: 'jobs',
  gallery_words: 'jobs',
  gallery_words_content: 'jobs',
  favourites: 'favourites',
  given_pictures: 'jobs',
  events: 'jobs',
  idempotency_keys: 'keys',
  usage: 'usage',
  queue_shares: 'queueShares',
  audit: 'actions',
  confirmations: 'confirmations',
  postings: 'postings',
  presets: 'presets',
  defaults: 'defaults',
  web_accounts: 'signIn',
  web_keys: 'signIn',
} as const satisfies Record<string, string>;

type Section = (typeof PERSONAL_TABLES)[keyof typeof PERSONAL_TABLES];

/** Jobs forgotten between two turns of the event loop. */
const BATCH = 50;

const profile = z.object({ name: z.string(), first_seen: z.number(), last_seen: z.number() });

/** What is kept about one person: exported for them, or erased. */
export class PersonalData {
  readonly #options: Options;
  readonly #sql;

  constructor(options: Options) {
    this.#options = options;
    const { database } = options;
    this.#sql = {
      profile: database.query('SELECT name, first_seen, last_seen FROM users WHERE surface = ? AND id = ?', (row) =>
        decode(profile, row, 'person'),
      ),
      jobIds: database.column('SELECT id FROM jobs WHERE surface = ? AND user = ? ORDER BY num', String),
      deleteJobs: database.statement('DELETE FROM jobs WHERE surface = ? AND user = ?'),
      deleteProfile: database.statement('DELETE FROM users WHERE surface = ? AND id = ?'),
    };
  }

  /** One consistent view of everything but the tokens in the platform's message handles. */
  export(surface: Surface, user: string): PersonalExport {
    const { database, jobs, images, files } = this.#options;
    return database.write(() => {
      const own = this.#sql.jobIds.all(surface, user).flatMap((id) => jobs.get(id)?.images ?? []);
      const present = own.filter((image) => !image.deleted && images.isPresent(image));
      return {
        json: [...this.exportText(surface, user)].join(''),
        files: [
          ...present.map(({ id, hash }) => ({ name: `${id}.png`, path: files.path(hash) })),
          ...images
            .givenBy(surface, user)
            .filter((hash) => images.isPresent({ hash }))
            .map((hash) => ({ name: `given-${hash}`, path: files.path(hash) })),
        ],
      };
    });
  }

  /** The JSON of the export in parts, one a job, so that a long one need not be in memory as a whole. */
  *exportText(surface: Surface, user: string): Generator<string, void> {
    const { jobs, now } = this.#options;
    const head = { format: 'wuerst-person-1', exportedAt: now(), ...this.#sections(surface, user) };
    yield `${toJson(head, 2).slice(0, -'\n}'.length)},\n  "jobs": [`;
    let separator = '\n    ';
    for (const id of this.#sql.jobIds.all(surface, user)) {
      const job = jobs.get(id);
      // It may have been erased meanwhile.
      if (job === null) continue;
      yield separator + toJson(this.#exported(job), 2).replaceAll('\n', '\n    ');
      separator = ',\n    ';
    }
    yield '\n  ]\n}';
  }

  /** Everything but the jobs. */
  #sections(surface: Surface, user: string): Record<Exclude<Section, 'jobs'>, unknown> {
    const { jobs, usage, audit, confirmations, postings, shares, presets, defaults, webAccounts, gallery } =
      this.#options;
    const found = this.#sql.profile.get(surface, user);
    return {
      person: {
        ...{ surface, id: user, name: found?.name ?? null },
        ...{ firstSeen: found?.first_seen ?? null, lastSeen: found?.last_seen ?? null },
      },
      keys: jobs.keysOf(surface, user),
      usage: usage.ofUser(surface, user),
      queueShares: shares.ofUser(surface, user),
      actions: [...audit.byActor(surface, user), ...audit.byTarget(surface, user)],
      confirmations: confirmations.ofUser(surface, user),
      postings: postings.ofUser(surface, user),
      presets: presets.all({ surface, user }),
      favourites: gallery.likedBy(surface, user),
      defaults: defaults.of({ surface, scope: 'person', owner: user }),
      signIn: surface === 'web' ? { account: webAccounts.get(user), keys: webAccounts.keysOf(user) } : null,
    };
  }

  /** A job with its events and message, and its pictures with what they are made from. */
  #exported(job: Job) {
    const { images, events, messages, jobs } = this.#options;
    return {
      ...job,
      images: job.images.map((image) => {
        const { recipe = null, embedding = null } = images.get(image.id) ?? {};
        // Its numbers are many, and the picture's file holds what they show.
        return { ...image, recipe, embedding: embedding && { dims: embedding.dims, bytes: embedding.data.byteLength } };
      }),
      events: events.ofJob(jobs.row(job.id)?.num ?? 0),
      message: withoutTokens(messages.get(job.id)),
    };
  }

  /**
   * Erases what is kept about a person, also from the log of the database. Jobs go with their images, events and keys; a
   * name of the web chat is free again, and nobody is signed in under it.
   * What stays: the handles on what platforms still show, until that is removed; today's usage count until the day ends; a
   * guild's decision to block the person; what others derived from their pictures; and a file that another person's image
   * shares. Not inside `History.atomically`: a file cannot be rolled back.
   * @throws UserError `erase_unfinished` while they have queued or running jobs
   */
  erase(surface: Surface, user: string): { readonly jobs: number; readonly images: number } {
    const { database, images, memos } = this.#options;
    const { hashes, ...erased } = database.write(() => {
      memos.set(...LOG_HOLDS_ERASED, true);
      return this.#eraseRows(surface, user);
    });
    images.removeUnused(hashes);
    this.emptyLog();
    return erased;
  }

  /** Whether the log of the database, and so the disk, still holds something that was erased: others keep it in use. */
  get logHoldsErased(): boolean {
    return this.#options.memos.get(...LOG_HOLDS_ERASED) === true;
  }

  /** Empties the log of the database if it holds something that was erased. @param waitMs for others that use it */
  emptyLog(waitMs?: number): void {
    const { database, memos } = this.#options;
    if (this.logHoldsErased && database.emptyLog(waitMs)) memos.set(...LOG_HOLDS_ERASED, false);
  }

  /**
   * Forgets what ended before a time, with the pictures: rows, recipes, embeddings and files. Handles of messages stay, so
   * that erasing still reaches them.
   */
  async pruneJobs(before: number): Promise<number> {
    const { database, jobs, images, postings } = this.#options;
    let pruned = 0;
    for (let batch = jobs.endedBefore(before, BATCH); batch.length > 0; batch = jobs.endedBefore(before, BATCH)) {
      const hashes = database.write(() =>
        batch.flatMap((num) => {
          const used = images.hashesOfJob(num);
          postings.keepMessage(num);
          jobs.delete(num);
          return used;
        }),
      );
      images.removeUnused(hashes);
      pruned += batch.length;
      await nextTurn();
    }
    jobs.pruneUsers(before);
    return pruned;
  }

  #eraseRows(surface: Surface, user: string) {
    const { lists, images, usage, audit, confirmations, postings, shares, presets, defaults } = this.#options;
    const { webAccounts, gallery } = this.#options;
    const unfinished = lists.unfinished({ surface, user });
    if (unfinished.length > 0) {
      const ids = unfinished.slice(0, 5).map(({ id }) => id);
      const problem = t(
        '{count} of your requests is not finished yet. | {count} of your requests are not finished yet.',
        { count: unfinished.length },
      );
      throw new UserError('erase_unfinished', problem, {
        hint: t('Cancel them first ({ids}), then erase again.', {
          ids: `${ids.join(', ')}${unfinished.length > 5 ? ', …' : ''}`,
        }),
      });
    }
    const own = images.hashesOf(surface, user);
    const hashes = [...own, ...images.givenBy(surface, user)];
    postings.doomUser(surface, user);
    const detail = { jobs: this.#sql.deleteJobs.run(surface, user).changes, images: own.length };
    images.takeBack({ surface, user }, own);
    confirmations.erase(surface, user);
    shares.erase(surface, user);
    presets.erase(surface, user);
    gallery.erase(surface, user);
    defaults.clear({ surface, scope: 'person', owner: user }, { user, guild: null });
    usage.erase(surface, user);
    audit.erase(surface, user);
    this.#sql.deleteProfile.run(surface, user);
    if (surface === 'web') webAccounts.remove(user);
    audit.add({ surface, guild: null, actor: ERASED, action: 'erase', target: ERASED, detail });
    return { ...detail, hashes };
  }
}
