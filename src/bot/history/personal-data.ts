import * as z from 'zod';
import { UserError } from '../../system/errors.ts';
import type { Surface } from '../job.ts';
import { type Audit, ERASED } from './audit.ts';
import type { Confirmations } from './confirmations.ts';
import type { Database } from './database.ts';
import type { ImageFiles } from './image-files.ts';
import type { Images } from './images.ts';
import type { JobLists } from './job-lists.ts';
import { decode } from './job-rows.ts';
import type { Jobs } from './jobs.ts';
import { toJson } from './json.ts';
import type { Usage } from './usage.ts';

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
  readonly now: () => number;
}

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

  /** One consistent view of everything but the platform's message handles, which hold tokens. */
  export(surface: Surface, user: string): PersonalExport {
    const { database, jobs, images, files, usage, audit, confirmations, now } = this.#options;
    return database.write(() => {
      const found = this.#sql.profile.get(surface, user);
      const own = this.#sql.jobIds
        .all(surface, user)
        .map((id) => jobs.get(id))
        .filter((job) => job !== null);
      const content = {
        format: 'wuerst-person-1',
        exportedAt: now(),
        person: {
          ...{ surface, id: user, name: found?.name ?? null },
          ...{ firstSeen: found?.first_seen ?? null, lastSeen: found?.last_seen ?? null },
        },
        jobs: own.map((job) => ({
          ...job,
          images: job.images.map((image) => ({ ...image, recipe: images.get(image.id)?.recipe ?? null })),
        })),
        usage: usage.ofUser(surface, user),
        actions: audit.byActor(surface, user),
        confirmations: confirmations.ofUser(surface, user),
      };
      const present = own.flatMap((job) => job.images).filter((image) => !image.deleted && images.isPresent(image));
      return {
        json: toJson(content, 2),
        files: present.map(({ id, hash }) => ({ name: `${id}.png`, path: files.path(hash) })),
      };
    });
  }

  /**
   * Erases what is kept about a person, also from the log of the database. Jobs go with their images, events, messages
   * and keys. What stays: today's usage count until the day ends, a guild's decision to block the person, what others
   * derived from their pictures, and a file that another person's image shares. Not inside `History.atomically`: a file
   * cannot be rolled back.
   * @throws UserError `erase_unfinished` while they have queued or running jobs
   */
  erase(surface: Surface, user: string): { readonly jobs: number; readonly images: number } {
    const { database, images } = this.#options;
    const { hashes, ...erased } = database.write(() => this.#eraseRows(surface, user));
    images.removeUnused(hashes);
    database.emptyLog();
    return erased;
  }

  #eraseRows(surface: Surface, user: string) {
    const { lists, images, usage, audit, confirmations } = this.#options;
    const unfinished = lists.unfinished({ surface, user });
    if (unfinished.length > 0) {
      const ids = unfinished.slice(0, 5).map(({ id }) => id);
      throw new UserError('erase_unfinished', `${unfinished.length} of your requests are not finished yet.`, {
        hint: `Cancel them first (${ids.join(', ')}${unfinished.length > 5 ? ', …' : ''}), then erase again.`,
      });
    }
    const hashes = images.hashesOf(surface, user);
    const detail = { jobs: this.#sql.deleteJobs.run(surface, user).changes, images: hashes.length };
    confirmations.erase(surface, user);
    usage.erase(surface, user);
    audit.erase(surface, user);
    this.#sql.deleteProfile.run(surface, user);
    audit.add({ surface, guild: null, actor: ERASED, action: 'erase', target: ERASED, detail });
    return { ...detail, hashes };
  }
}
