import * as z from 'zod';
import type { Job, JobImage, Surface } from '../job.ts';
import type { Database } from './database.ts';
import { decode, decodeImage, decodeJobRow, IMAGE_COLUMNS, JOB_COLUMNS, type JobRow, jobFrom } from './job-rows.ts';
import { type PictureSearch, wordsQuery } from './picture-words.ts';

/** A picture with the request that made it, of whose pictures it is the only one here. */
export interface FoundPicture {
  readonly job: Job;
  readonly image: JobImage;
  /** By whom it was searched for. */
  readonly liked: boolean;
}

export interface FoundPictures {
  /** Of all that were found. */
  readonly total: number;
  /** Newest first. */
  readonly pictures: readonly FoundPicture[];
}

interface Page {
  /** From 0. */
  readonly offset: number;
  readonly limit: number;
  /** Whose favourites are marked. */
  readonly for: string;
}

const jobNumber = z.object({ job: z.number() });
const favouriteRow = z.object({ id: z.string(), at: z.number() });

/** How many pictures of one kind of relation are given, at most. */
const MOST_RELATED = 60;

/**
 * Pictures by place, by what they were made with, and by who likes them. The tables are filled by triggers, so that they
 * hold exactly the pictures that are not deleted.
 */
export class Gallery {
  readonly #now: () => number;
  readonly #sql;

  constructor(database: Database, now: () => number) {
    this.#now = now;
    const inPlace = (column: 'room' | 'user') => {
      const where = `FROM gallery WHERE surface = ? AND ${column} = ?`;
      return {
        page: database.column(`SELECT image ${where} ORDER BY image DESC LIMIT ? OFFSET ?`, Number),
        count: database.column(`SELECT count(*) ${where}`, Number),
      };
    };
    const made = (where: string) =>
      database.column(
        `SELECT images.num FROM jobs JOIN images ON images.job = jobs.num
         WHERE ${where} AND images.deleted = 0 LIMIT ${MOST_RELATED}`,
        Number,
      );
    this.#sql = {
      room: inPlace('room'),
      user: inPlace('user'),
      words: {
        page: database.column(
          'SELECT rowid FROM gallery_words WHERE gallery_words MATCH ? ORDER BY rowid DESC LIMIT ? OFFSET ?',
          Number,
        ),
        count: database.column('SELECT count(*) FROM gallery_words WHERE gallery_words MATCH ?', Number),
      },
      image: database.query(`SELECT ${IMAGE_COLUMNS}, images.job FROM images WHERE num = ?`, (row) => ({
        image: decodeImage(row),
        job: decode(jobNumber, row, 'image').job,
      })),
      job: database.query(`SELECT ${JOB_COLUMNS} FROM jobs WHERE num = ?`, decodeJobRow),
      number: database.column('SELECT num FROM images WHERE id = ? AND deleted = 0', Number),
      isLiked: database.column('SELECT 1 FROM favourites WHERE surface = ? AND user = ? AND image = ?', Number),
      like: database.statement(
        'INSERT INTO favourites (surface, user, image, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
      ),
      unlike: database.statement('DELETE FROM favourites WHERE surface = ? AND user = ? AND image = ?'),
      likedBy: database.query(
        `SELECT images.id, favourites.at FROM favourites JOIN images ON images.num = favourites.image
         WHERE favourites.surface = ? AND favourites.user = ? ORDER BY favourites.image`,
        (row) => decode(favouriteRow, row, 'favourite'),
      ),
      erase: database.statement('DELETE FROM favourites WHERE surface = ? AND user = ?'),
      derived: made('jobs.parent_image = ?'),
      ofJob: made('jobs.id = ?'),
      startedFrom: database.column(
        `SELECT images.num FROM given_pictures JOIN images ON images.job = given_pictures.job
         WHERE given_pictures.hash = ? AND images.deleted = 0 LIMIT ${MOST_RELATED}`,
        Number,
      ),
      ofHash: database.column('SELECT num FROM images WHERE hash = ? AND deleted = 0 LIMIT 1', Number),
    };
  }

  search(search: PictureSearch, page: Page): FoundPictures {
    const range = [Math.max(0, Math.trunc(page.limit)), Math.max(0, Math.trunc(page.offset))] as const;
    const query = wordsQuery(search);
    const { surface, of } = search;
    const [found, total] =
      query !== null
        ? [this.#sql.words.page.all(query, ...range), this.#sql.words.count.get(query)]
        : 'room' in of
          ? [this.#sql.room.page.all(surface, of.room, ...range), this.#sql.room.count.get(surface, of.room)]
          : [this.#sql.user.page.all(surface, of.user, ...range), this.#sql.user.count.get(surface, of.user)];
    return { total: total ?? 0, pictures: this.#pictures(found, surface, page.for) };
  }

  /** `null` for one that is unknown or deleted. */
  get(imageId: string, liker: { readonly surface: Surface; readonly user: string }): FoundPicture | null {
    const num = this.#sql.number.get(imageId);
    return num === undefined ? null : (this.#pictures([num], liker.surface, liker.user)[0] ?? null);
  }

  /** Pictures made from one by its buttons or by starting from it, and the others of its request; oldest first. */
  relatives({ job, image }: FoundPicture): {
    readonly children: readonly FoundPicture[];
    readonly siblings: readonly FoundPicture[];
  } {
    const { surface, user } = job.caller;
    const children = [...this.#sql.derived.all(image.id), ...this.#sql.startedFrom.all(image.hash)];
    const siblings = this.#pictures(this.#sql.ofJob.all(job.id), surface, user);
    return {
      children: this.#pictures([...new Set(children)], surface, user),
      siblings: siblings.filter((other) => other.image.id !== image.id),
    };
  }

  /** The pictures that one was made from directly: by a button, or as a start. */
  parents({ job, image }: FoundPicture): readonly FoundPicture[] {
    const { surface, user } = job.caller;
    const parent = job.derivation?.parentImage ?? null;
    const hashes = job.request.start?.pictures.map(({ hash }) => hash) ?? [];
    const nums = [
      ...(parent === null || parent === image.id ? [] : [this.#sql.number.get(parent)]),
      ...hashes.map((hash) => this.#sql.ofHash.get(hash)),
    ];
    return this.#pictures([...new Set(nums.filter((num) => num !== undefined))], surface, user);
  }

  /** @returns whether that changed anything; `false` for a picture that is not there */
  like(imageId: string, { surface, user }: { readonly surface: Surface; readonly user: string }): boolean {
    const num = this.#sql.number.get(imageId);
    return num !== undefined && this.#sql.like.run(surface, user, num, this.#now()).changes > 0;
  }

  unlike(imageId: string, { surface, user }: { readonly surface: Surface; readonly user: string }): boolean {
    const num = this.#sql.number.get(imageId);
    return num !== undefined && this.#sql.unlike.run(surface, user, num).changes > 0;
  }

  /** Ids of what a person likes, and since when. */
  likedBy(surface: Surface, user: string): readonly z.output<typeof favouriteRow>[] {
    return this.#sql.likedBy.all(surface, user);
  }

  erase(surface: Surface, user: string): void {
    this.#sql.erase.run(surface, user);
  }

  #pictures(nums: readonly number[], surface: Surface, user: string): readonly FoundPicture[] {
    // The pictures of a request lie side by side.
    let known: JobRow | undefined;
    return nums.flatMap((num) => {
      const found = this.#sql.image.get(num);
      if (found === undefined) return [];
      if (known?.num !== found.job) known = this.#sql.job.get(found.job);
      if (known === undefined) return [];
      const liked = this.#sql.isLiked.get(surface, user, num) !== undefined;
      return [{ job: jobFrom(known, [found.image]), image: found.image, liked }];
    });
  }
}
