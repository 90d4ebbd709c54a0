import { z } from 'zod';
import { UserError } from '../../system/errors.ts';
import type { Surface } from '../job.ts';
import type { Audit } from './audit.ts';
import type { Confirmations } from './confirmations.ts';
import type { Database } from './database.ts';
import type { ImageRecords } from './images.ts';
import type { JobLists } from './job-lists.ts';
import { decode } from './job-rows.ts';
import type { JobRecords } from './jobs.ts';
import { toJson } from './json.ts';
import type { Ledger } from './usage.ts';

export interface PersonalData {
  /** Everything kept about the person, as readable JSON. */
  readonly json: string;
  /** Their pictures, oldest first; each id is in the JSON too. */
  readonly images: readonly { readonly id: string; readonly hash: string }[];
}

export interface Erased {
  readonly jobs: number;
  readonly images: number;
  /** Contents that may not be needed any more, now that the rows are gone. */
  readonly hashes: readonly string[];
}

interface Parts {
  readonly database: Database;
  readonly jobs: JobRecords;
  readonly lists: JobLists;
  readonly images: ImageRecords;
  readonly ledger: Ledger;
  readonly audit: Audit;
  readonly confirmations: Confirmations;
}

const profile = z.object({ name: z.string(), first_seen: z.number(), last_seen: z.number() });

/** What is kept about one person: taken out for them, or erased. */
export class PersonRecords {
  readonly #parts: Parts;
  readonly #profile;
  readonly #jobIds;
  readonly #imageCount;
  readonly #deleteJobs;
  readonly #deleteProfile;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { database } = parts;
    this.#profile = database.prepare<[string, string]>(
      'SELECT name, first_seen, last_seen FROM users WHERE surface = ? AND id = ?',
    );
    this.#jobIds = database
      .prepare<[string, string]>('SELECT id FROM jobs WHERE surface = ? AND user = ? ORDER BY num')
      .pluck();
    this.#imageCount = database
      .prepare<[string, string]>(
        `SELECT count(*) FROM jobs JOIN images ON images.job = jobs.num WHERE jobs.surface = ? AND jobs.user = ?`,
      )
      .pluck();
    this.#deleteJobs = database.prepare<[string, string]>('DELETE FROM jobs WHERE surface = ? AND user = ?');
    this.#deleteProfile = database.prepare<[string, string]>('DELETE FROM users WHERE surface = ? AND id = ?');
  }

  /** One consistent view of everything but the platform's message handles, which hold tokens. */
  take(surface: Surface, user: string, now: number): PersonalData {
    const { database, jobs, images, ledger, audit, confirmations } = this.#parts;
    return database.write(() => {
      const row = this.#profile.get(surface, user);
      const { name, first_seen, last_seen } =
        row === undefined ? { name: null, first_seen: null, last_seen: null } : decode(profile, row, 'person');
      const ids = this.#jobIds.all(surface, user) as string[];
      const own = ids.map((id) => jobs.job(id)).filter((job) => job !== null);
      const pictures = own.flatMap((job) => job.images);
      const json = toJson(
        {
          format: 'wuerst-person-1',
          exportedAt: now,
          person: { surface, id: user, name, firstSeen: first_seen, lastSeen: last_seen },
          jobs: own.map((job) => ({
            ...job,
            images: job.images.map((image) => ({ ...image, recipe: images.details(image.id)?.recipe ?? null })),
          })),
          usage: ledger.ofUser(surface, user),
          actions: audit.byActor(surface, user),
          confirmations: confirmations.ofUser(surface, user),
        },
        2,
      );
      return { json, images: pictures.filter(({ deleted }) => !deleted).map(({ id, hash }) => ({ id, hash })) };
    });
  }

  /**
   * Jobs go with their images, events, messages and keys. What stays: today's usage count until the day ends,
   * a guild's decision to block the person, and what others derived from their pictures.
   * @throws UserError `erase_unfinished`
   */
  erase(surface: Surface, user: string, now: number): Erased {
    const { database, lists, images, ledger, audit, confirmations } = this.#parts;
    return database.write(() => {
      const unfinished = lists.unfinished({ surface, user });
      if (unfinished.length > 0) {
        const ids = unfinished.slice(0, 5).map(({ id }) => id);
        throw new UserError('erase_unfinished', `${unfinished.length} of your pictures are not finished yet.`, {
          hint: `Cancel them first (${ids.join(', ')}${unfinished.length > 5 ? ', …' : ''}), then erase again.`,
        });
      }
      const hashes = images.hashesOfUser(surface, user);
      const imageCount = Number(this.#imageCount.get(surface, user));
      const jobCount = this.#deleteJobs.run(surface, user).changes;
      confirmations.erase(surface, user);
      ledger.erase(surface, user, now);
      audit.erase(surface, user);
      this.#deleteProfile.run(surface, user);
      audit.add({
        surface,
        guild: null,
        actor: 'erased',
        action: 'erase',
        target: 'erased',
        detail: { jobs: jobCount, images: imageCount },
      });
      return { jobs: jobCount, images: imageCount, hashes };
    });
  }
}
