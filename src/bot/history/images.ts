import { setImmediate as nextTurn } from 'node:timers/promises';
import * as z from 'zod';
import type { PictureVerdict } from '../../pipeline/images/picture-verdict.ts';
import { hashesOfStart } from '../../pipeline/images/start-request.ts';
import type { ImagineRequest, JobEvent, JobImage, Overruling, Surface } from '../job.ts';
import type { Actor, Audit } from './audit.ts';
import type { Database } from './database.ts';
import type { EventLog } from './events.ts';
import { IMAGE_ID_LENGTH, randomId } from './id.ts';
import { hashOf, type ImageFiles, type StoredFile } from './image-files.ts';
import { decode, decodeImage, decodeJson, IMAGE_COLUMNS } from './job-rows.ts';
import type { Jobs } from './jobs.ts';
import { toJson } from './json.ts';
import type { Messages } from './messages.ts';
import type { Postings } from './postings.ts';
import { type Embedding, embeddingBytes, embeddingFrom, type Recipe, recipeSchema } from './recipe.ts';

export interface FinishedImage {
  readonly index: number;
  readonly seed: bigint;
  readonly width: number;
  readonly height: number;
  readonly recipe: Recipe;
  /** Kept so that later pictures can be derived, and this one made again, without Stage C. */
  readonly embedding: Embedding | null;
  readonly png: Uint8Array;
  readonly verdict?: PictureVerdict | undefined;
}

export interface ImageDetails {
  readonly image: JobImage;
  readonly jobId: string;
  readonly recipe: Recipe;
  /** `null` if the image was deleted or made without one. */
  readonly embedding: Embedding | null;
}

export type FileState =
  | { readonly state: 'present'; readonly path: string }
  /** To be made again from its recipe, then given to `restore`. */
  | { readonly state: 'lost' }
  | { readonly state: 'deleted' };

export interface Retention {
  /** Files stored longer ago than this many milliseconds go. @default kept however old */
  readonly maxAgeMs?: number | undefined;
  /** The oldest files go until all together have at most so many bytes. @default no limit */
  readonly maxBytes?: number | undefined;
}

export interface Removed {
  readonly files: number;
  readonly bytes: number;
}

interface Options {
  readonly database: Database;
  readonly files: ImageFiles;
  readonly events: EventLog;
  readonly jobs: Jobs;
  readonly audit: Audit;
  readonly messages: Messages;
  readonly postings: Postings;
  readonly now: () => number;
}

const detailsRow = z.object({
  num: z.number(),
  job_id: z.string(),
  recipe_json: z.string(),
  embedding_dims_json: z.string().nullable(),
  embedding: z.instanceof(Uint8Array).nullable(),
});
const dims = z.array(z.number());
const fileRow: z.ZodType<StoredFile> = z.object({ hash: z.string(), bytes: z.number() });

/** A given picture that no request names is kept so long: longer than a question waits for its answer. */
const GIVEN_WAITS_MS = 2 * 3_600_000;

/** Requests that are looked at for one picture: the same one is made by the same words. */
const MOST_MAKERS = 5;
/** Requests that are looked at for all that a picture comes from. */
const MOST_ORIGINS = 200;

/** Files looked at or removed between two turns of the event loop. */
const BATCH = 50;

/** Not the files of unfinished jobs, which would only be made again. */
const SPARE = `NOT EXISTS (
  SELECT 1 FROM images JOIN jobs ON jobs.num = images.job
  WHERE images.hash = files.hash AND images.deleted = 0 AND jobs.state IN ('queued', 'running'))
  AND NOT EXISTS (
  SELECT 1 FROM given_pictures JOIN jobs ON jobs.num = given_pictures.job
  WHERE given_pictures.hash = files.hash AND jobs.state IN ('queued', 'running'))`;

/**
 * Images with their recipes, and a row for each file that should be on disk. The order that survives a crash at any point:
 * a file is written before the row that names it, and its row goes before the file does. So a crash can leave a file
 * without a row, which `sweep` removes, but no row whose file was never there.
 */
export class Images {
  readonly #options: Options;
  readonly #sql;
  /** Files being written whose row is not there yet, and by how many writers. */
  readonly #pinned = new Map<string, number>();

  constructor(options: Options) {
    this.#options = options;
    const { database } = options;
    const files = (rest: string) =>
      database.query(`SELECT hash, bytes FROM files WHERE ${rest}`, (row) => decode(fileRow, row, 'file'));
    this.#sql = {
      insert: database.statement(
        `INSERT INTO images (id, job, idx, seed, width, height, hash, at, verdict_json)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ),
      insertRecipe: database.statement(
        'INSERT INTO recipes (image, recipe_json, embedding_dims_json, embedding) VALUES (?, ?, ?, ?)',
      ),
      find: database.query(`SELECT ${IMAGE_COLUMNS} FROM images WHERE id = ?`, decodeImage),
      details: database.query(
        `SELECT ${IMAGE_COLUMNS}, images.num, jobs.id AS job_id, recipe_json, embedding_dims_json, embedding
         FROM images JOIN jobs ON jobs.num = images.job JOIN recipes ON recipes.image = images.num WHERE images.id = ?`,
        (row) => ({ ...decode(detailsRow, row, 'recipe'), image: decodeImage(row) }),
      ),
      atIndex: database.column('SELECT 1 FROM images WHERE job = ? AND idx = ?', Number),
      overrule: database.statement(
        'UPDATE images SET overruled = ? WHERE num = ? AND deleted = 0 AND overruled IS NOT ?',
      ),
      setHash: database.statement('UPDATE images SET hash = ? WHERE id = ?'),
      markDeleted: database.statement('UPDATE images SET deleted = 1 WHERE num = ? AND deleted = 0'),
      dropEmbedding: database.statement(
        'UPDATE recipes SET embedding = NULL, embedding_dims_json = NULL WHERE image = ?',
      ),
      hashesOfUser: database.column(
        'SELECT images.hash FROM jobs JOIN images ON images.job = jobs.num WHERE jobs.surface = ? AND jobs.user = ?',
        String,
      ),
      givenOfUser: database.column(
        `SELECT hash FROM jobs JOIN given_pictures ON given_pictures.job = jobs.num
         WHERE jobs.surface = ? AND jobs.user = ?`,
        String,
      ),
      jobsOfHash: database.column(
        `SELECT jobs.id FROM images JOIN jobs ON jobs.num = images.job WHERE images.hash = ? LIMIT ${MOST_MAKERS}`,
        String,
      ),
      takeBack: database.statement(
        `DELETE FROM given_pictures WHERE hash = ?
         AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.num = given_pictures.job AND surface = ? AND user = ?)
         AND NOT EXISTS (SELECT 1 FROM images WHERE images.hash = given_pictures.hash AND deleted = 0)`,
      ),
      hashesOfJob: database.column(
        'SELECT hash FROM images WHERE job = ? UNION ALL SELECT hash FROM given_pictures WHERE job = ?',
        String,
      ),
      uses: database.column(
        `SELECT 1 FROM images WHERE hash = ? AND deleted = 0
         UNION ALL SELECT 1 FROM given_pictures WHERE hash = ? LIMIT 1`,
        Number,
      ),
      unusedBefore: files(
        `stored_at < ? AND NOT EXISTS (SELECT 1 FROM images WHERE images.hash = files.hash AND deleted = 0)
         AND NOT EXISTS (SELECT 1 FROM given_pictures WHERE given_pictures.hash = files.hash) LIMIT ?`,
      ),
      recordFile: database.statement(
        `INSERT INTO files (hash, bytes, stored_at) VALUES (?, ?, ?)
         ON CONFLICT (hash) DO UPDATE SET stored_at = excluded.stored_at`,
      ),
      forgetFile: database.statement('DELETE FROM files WHERE hash = ?'),
      file: files('hash = ?'),
      filesAfter: files('hash > ? ORDER BY hash LIMIT ?'),
      filesBefore: files(`stored_at < ? AND ${SPARE} ORDER BY stored_at LIMIT ?`),
      oldestFiles: files(`${SPARE} ORDER BY stored_at LIMIT ?`),
      allBytes: database.column('SELECT coalesce(sum(bytes), 0) FROM files', Number),
    };
  }

  /** An image with its recipe and embedding; `null` if unknown. */
  get(imageId: string): ImageDetails | null {
    const found = this.#sql.details.get(imageId);
    if (found === undefined) return null;
    const { image, job_id, recipe_json, embedding_dims_json, embedding } = found;
    return {
      image,
      jobId: job_id,
      recipe: decodeJson(recipeSchema, recipe_json, 'recipe'),
      embedding:
        embedding_dims_json === null || embedding === null
          ? null
          : embeddingFrom(decodeJson(dims, embedding_dims_json, 'embedding'), embedding),
    };
  }

  /** Where an image's file is, if it still is; `null` if the image is unknown. */
  file(imageId: string): FileState | null {
    const image = this.#sql.find.get(imageId);
    if (image === undefined) return null;
    if (image.deleted) return { state: 'deleted' };
    return this.isPresent(image) ? { state: 'present', path: this.#options.files.path(image.hash) } : { state: 'lost' };
  }

  /** Whether the file of an image is there in full. */
  isPresent({ hash }: Pick<JobImage, 'hash'>): boolean {
    return this.#options.files.has(hash, this.#sql.file.get(hash)?.bytes);
  }

  /** Hashes of the files of all images that a person asked for. */
  hashesOf(surface: Surface, user: string): readonly string[] {
    return this.#sql.hashesOfUser.all(surface, user);
  }

  /**
   * Stores a picture of a running job, the file before its row. `null` if the job is not running any more or has a
   * picture with this index already, which stays.
   * @throws OperatorError `disk_full`, `image_unwritable`; the job is as before then
   */
  finish(jobId: string, image: FinishedImage): Promise<JobEvent | null> {
    const { jobs, events, now } = this.#options;
    return this.#keep(image.png, (hash) => {
      const row = jobs.row(jobId);
      if (row === null || row.state !== 'running') return null;
      if (this.#sql.atIndex.get(row.num, image.index) !== undefined) return null;
      const at = now();
      const id = this.#insert(row.num, image, hash, at);
      const job = jobs.get(jobId);
      return job === null ? null : events.add(row.num, job, 'image', id, at);
    });
  }

  /**
   * Stores the file of a picture that somebody gives, to be named by the `start` of a request before long.
   * @throws OperatorError `disk_full`, `image_unwritable`
   */
  async give(content: Uint8Array): Promise<string> {
    const { files, database, now } = this.#options;
    return this.#pinning(hashOf(content), async (hash) => {
      const { bytes } = await files.put(content);
      database.write(() => this.#sql.recordFile.run(hash, bytes, now()));
      return hash;
    });
  }

  /**
   * The requests that made the pictures which a request starts from, and those that these start from, as far as they are kept;
   * of pictures that people gave nothing is known.
   */
  madeOf({ start }: Pick<ImagineRequest, 'start'>): readonly ImagineRequest[] {
    const { jobs } = this.#options;
    const found = new Map<string, ImagineRequest>();
    const hashes = new Set(start === undefined ? [] : hashesOfStart(start));
    // A set is walked with what is added on the way.
    for (const hash of hashes) {
      if (found.size >= MOST_ORIGINS) break;
      for (const id of this.#sql.jobsOfHash.all(hash)) {
        const request = found.has(id) ? undefined : jobs.get(id)?.request;
        if (request === undefined) continue;
        found.set(id, request);
        if (request.start !== undefined) for (const older of hashesOfStart(request.start)) hashes.add(older);
      }
    }
    return [...found.values()];
  }

  /** Where the file of a given picture is; `null` if it is not kept any more. */
  givenPath(hash: string): string | null {
    return this.isPresent({ hash }) ? this.#options.files.path(hash) : null;
  }

  /** Hashes of the files of all pictures that a person gave. */
  givenBy(surface: Surface, user: string): readonly string[] {
    return [...new Set(this.#sql.givenOfUser.all(surface, user))];
  }

  /** Stores the file of an image anew, which may differ in a few pixels. Resolves to its path; `null` if deleted. */
  async restore(imageId: string, png: Uint8Array): Promise<string | null> {
    const before: string[] = [];
    const path = await this.#keep(png, (hash) => {
      const image = this.#sql.find.get(imageId);
      if (image === undefined || image.deleted) return null;
      before.push(image.hash);
      this.#sql.setHash.run(hash, imageId);
      return this.#options.files.path(hash);
    });
    this.removeUnused(before);
    return path;
  }

  /**
   * Deletes the picture and its embedding for good; the recipe's numbers, which later pictures refer to, stay, and so does
   * a file that another image shares. `null` if unknown or deleted before. Not inside `History.atomically`: a file cannot be
   * rolled back.
   */
  delete(imageId: string, { surface, user }: Actor): JobEvent | null {
    const { database, jobs, events, audit, messages, postings, now } = this.#options;
    const found = this.#sql.details.get(imageId);
    if (found === undefined) return null;
    const event = database.write(() => {
      const row = jobs.row(found.job_id);
      if (row === null || this.#sql.markDeleted.run(found.num).changes === 0) return null;
      this.#sql.dropEmbedding.run(found.num);
      messages.setOutdated(found.job_id, true);
      postings.doomImage(found.job_id, imageId);
      this.takeBack(row.caller, [found.image.hash]);
      audit.add({ surface, guild: row.caller.guild, actor: user, action: 'delete', target: imageId, detail: null });
      const job = jobs.get(found.job_id);
      return job === null ? null : events.add(row.num, job, 'changed', imageId, now());
    });
    if (event !== null) this.removeUnused([found.image.hash]);
    return event;
  }

  /** Keeps what a moderator decided about a picture, over what the classifier found. `null` if that was decided before. */
  overrule(imageId: string, decision: Overruling, { surface, user }: Actor): JobEvent | null {
    const { database, jobs, events, audit, messages, postings, now } = this.#options;
    const found = this.#sql.details.get(imageId);
    if (found === undefined) return null;
    return database.write(() => {
      const row = jobs.row(found.job_id);
      if (row === null || this.#sql.overrule.run(decision, found.num, decision).changes === 0) return null;
      messages.setOutdated(found.job_id, true);
      if (decision === 'hidden') postings.doomImage(found.job_id, imageId);
      const detail = { decision };
      audit.add({ surface, guild: row.caller.guild, actor: user, action: 'overrule', target: imageId, detail });
      const job = jobs.get(found.job_id);
      return job === null ? null : events.add(row.num, job, 'changed', imageId, now());
    });
  }

  /** Hashes of the files of a job's images, and of the pictures it starts from. */
  hashesOfJob(jobNum: number): readonly string[] {
    return this.#sql.hashesOfJob.all(jobNum, jobNum);
  }

  /** Requests of others start no more from pictures that a person made, of which none is left. Call it when these are gone. */
  takeBack({ surface, user }: Actor, hashes: readonly string[]): void {
    for (const hash of hashes) this.#sql.takeBack.run(hash, surface, user);
  }

  /** Removes those files that no image needs any more. Call it after the transaction that let go of them. */
  removeUnused(hashes: readonly string[]): void {
    for (const hash of hashes) {
      if (!this.#pinned.has(hash) && this.#sql.uses.get(hash, hash) === undefined) this.#remove(hash);
    }
  }

  /** Removes old files. Rows stay, and so does the way to make each file again. */
  async retain({ maxAgeMs, maxBytes }: Retention): Promise<Removed> {
    const removed = { files: 0, bytes: 0 };
    const now = this.#options.now();
    const removeAll = async (batch: () => readonly StoredFile[]) => {
      for (let next = batch(); next.length > 0; next = batch()) {
        for (const { hash, bytes } of next) {
          this.#remove(hash);
          removed.files += 1;
          removed.bytes += bytes;
        }
        await nextTurn();
      }
    };
    await removeAll(() => this.#sql.unusedBefore.all(now - GIVEN_WAITS_MS, BATCH));
    if (maxAgeMs !== undefined) await removeAll(() => this.#sql.filesBefore.all(now - maxAgeMs, BATCH));
    if (maxBytes !== undefined) await removeAll(() => this.#excess(maxBytes));
    return removed;
  }

  /** Makes rows and files agree after a crash. At start, and only by the one bot that owns the folder. */
  async sweep(): Promise<{ readonly orphans: number; readonly lost: number }> {
    const { files } = this.#options;
    let orphans = 0;
    for await (const hash of files.list({ removeParts: this.#pinned.size === 0 })) {
      if (this.#pinned.has(hash) || this.#sql.file.get(hash) !== undefined) continue;
      files.remove(hash);
      orphans += 1;
    }
    let lost = 0;
    let last = '';
    const next = () => this.#sql.filesAfter.all(last, BATCH);
    for (let rows = next(); rows.length > 0; rows = next()) {
      for (const { hash, bytes } of rows) {
        last = hash;
        if (files.has(hash, bytes)) continue;
        this.#remove(hash);
        lost += 1;
      }
      await nextTurn();
    }
    return { orphans, lost };
  }

  /** Writes the file, then runs `record` in a transaction; where that returns `null`, nothing needs the file. */
  async #keep<T>(content: Uint8Array, record: (hash: string) => T | null): Promise<T | null> {
    const { database, files, now } = this.#options;
    const hash = hashOf(content);
    try {
      return await this.#pinning(hash, async () => {
        const { bytes } = await files.put(content);
        return database.write(() => {
          const result = record(hash);
          if (result !== null) this.#sql.recordFile.run(hash, bytes, now());
          return result;
        });
      });
    } finally {
      this.removeUnused([hash]);
    }
  }

  /** Nobody removes the file while it is written. */
  async #pinning<T>(hash: string, work: (hash: string) => Promise<T>): Promise<T> {
    this.#pinned.set(hash, (this.#pinned.get(hash) ?? 0) + 1);
    try {
      return await work(hash);
    } finally {
      const writers = (this.#pinned.get(hash) ?? 1) - 1;
      if (writers > 0) this.#pinned.set(hash, writers);
      else this.#pinned.delete(hash);
    }
  }

  #insert(jobNum: number, image: FinishedImage, hash: string, at: number): string {
    const id = randomId(IMAGE_ID_LENGTH);
    const { index, seed, width, height, recipe, embedding, verdict } = image;
    const judged = verdict === undefined ? null : toJson(verdict);
    const values = [id, jobNum, index, seed.toString(), width, height, hash, at, judged] as const;
    const { lastInsertRowid } = this.#sql.insert.run(...values);
    const stored = embedding === null ? [null, null] : [toJson(embedding.dims), embeddingBytes(embedding)];
    this.#sql.insertRecipe.run(lastInsertRowid, toJson(recipe), ...stored);
    return id;
  }

  /** The oldest files, as many as are too many. */
  #excess(maxBytes: number): readonly StoredFile[] {
    let excess = (this.#sql.allBytes.get() ?? 0) - maxBytes;
    if (excess <= 0) return [];
    const oldest = this.#sql.oldestFiles.all(BATCH);
    const end = oldest.findIndex(({ bytes }) => {
      excess -= bytes;
      return excess <= 0;
    });
    return end === -1 ? oldest : oldest.slice(0, end + 1);
  }

  #remove(hash: string): void {
    this.#sql.forgetFile.run(hash);
    // A writer that has found the file in place relies on it.
    if (!this.#pinned.has(hash)) this.#options.files.remove(hash);
  }
}
