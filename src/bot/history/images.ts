import { z } from 'zod';
import type { JobImage } from '../job.ts';
import type { Database } from './database.ts';
import { IMAGE_ID_LENGTH, randomId } from './id.ts';
import { decode, decodeImage, decodeJson, IMAGE_COLUMNS } from './job-rows.ts';
import { toJson } from './json.ts';
import { type Embedding, embeddingBytes, embeddingFrom, type Recipe, recipeSchema } from './recipe.ts';

export interface NewImage {
  readonly index: number;
  readonly seed: bigint;
  readonly width: number;
  readonly height: number;
  readonly recipe: Recipe;
  /** Kept so that later pictures can be derived, and this one made again, without Stage C. */
  readonly embedding: Embedding | null;
}

export interface ImageDetails {
  readonly image: JobImage;
  readonly jobId: string;
  readonly recipe: Recipe;
  /** `null` if the image was deleted or made without one. */
  readonly embedding: Embedding | null;
}

const detailsRow = z.object({
  num: z.number(),
  job_id: z.string(),
  recipe_json: z.string(),
  embedding_dims_json: z.string().nullable(),
  embedding: z.instanceof(Uint8Array).nullable(),
});
const dims = z.array(z.number());

/** Rows of images with their recipes. */
export class ImageRecords {
  readonly #database: Database;
  readonly #insert;
  readonly #insertRecipe;
  readonly #find;
  readonly #details;
  readonly #at;
  readonly #setHash;
  readonly #markDeleted;
  readonly #dropEmbedding;
  readonly #shared;
  readonly #hashesOfUser;

  constructor(database: Database) {
    this.#database = database;
    this.#insert = database.prepare<[string, number, number, string, number, number, string, number]>(
      'INSERT INTO images (id, job, idx, seed, width, height, hash, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.#insertRecipe = database.prepare<[number | bigint, string, string | null, Uint8Array | null]>(
      'INSERT INTO recipes (image, recipe_json, embedding_dims_json, embedding) VALUES (?, ?, ?, ?)',
    );
    this.#find = database.prepare<[string]>(`SELECT ${IMAGE_COLUMNS} FROM images WHERE id = ?`);
    this.#details = database.prepare<[string]>(
      `SELECT ${IMAGE_COLUMNS}, images.num, jobs.id AS job_id, recipe_json, embedding_dims_json, embedding
       FROM images JOIN jobs ON jobs.num = images.job JOIN recipes ON recipes.image = images.num WHERE images.id = ?`,
    );
    this.#at = database.prepare<[number, number]>('SELECT 1 FROM images WHERE job = ? AND idx = ?').pluck();
    this.#setHash = database.prepare<[string, string]>('UPDATE images SET hash = ? WHERE id = ?');
    this.#markDeleted = database.prepare<[string]>('UPDATE images SET deleted = 1 WHERE id = ? AND deleted = 0');
    this.#dropEmbedding = database.prepare<[number]>(
      'UPDATE recipes SET embedding = NULL, embedding_dims_json = NULL WHERE image = ?',
    );
    this.#shared = database.prepare<[string]>('SELECT 1 FROM images WHERE hash = ? AND deleted = 0 LIMIT 1').pluck();
    this.#hashesOfUser = database
      .prepare<[string, string]>(
        `SELECT images.hash FROM jobs JOIN images ON images.job = jobs.num
         WHERE jobs.surface = ? AND jobs.user = ?`,
      )
      .pluck();
  }

  insert(jobNum: number, input: NewImage, hash: string, at: number): string {
    const id = randomId(IMAGE_ID_LENGTH);
    const { embedding } = input;
    const { lastInsertRowid } = this.#insert.run(
      id,
      jobNum,
      input.index,
      input.seed.toString(),
      input.width,
      input.height,
      hash,
      at,
    );
    this.#insertRecipe.run(
      lastInsertRowid,
      toJson(input.recipe),
      embedding === null ? null : toJson(embedding.dims),
      embedding === null ? null : embeddingBytes(embedding),
    );
    return id;
  }

  has(jobNum: number, index: number): boolean {
    return this.#at.get(jobNum, index) !== undefined;
  }

  find(id: string): JobImage | null {
    return this.#database.run(() => {
      const found = this.#find.get(id);
      return found === undefined ? null : decodeImage(found);
    });
  }

  details(id: string): ImageDetails | null {
    return this.#database.run(() => {
      const found = this.#details.get(id);
      if (found === undefined) return null;
      const row = decode(detailsRow, found, 'recipe');
      return {
        image: decodeImage(found),
        jobId: row.job_id,
        recipe: decodeJson(recipeSchema, row.recipe_json, 'recipe'),
        embedding: embeddingOf(row.embedding_dims_json, row.embedding),
      };
    });
  }

  setHash(id: string, hash: string): void {
    this.#setHash.run(hash, id);
  }

  /** Keeps the row and the numbers of the recipe, which later pictures refer to; the embedding is the picture and goes. */
  markDeleted(id: string): boolean {
    const found = this.#details.get(id);
    if (found === undefined || this.#markDeleted.run(id).changes === 0) return false;
    this.#dropEmbedding.run(decode(detailsRow, found, 'recipe').num);
    return true;
  }

  /** Whether any image that was not deleted consists of this file. */
  uses(hash: string): boolean {
    return this.#shared.get(hash) !== undefined;
  }

  hashesOfUser(surface: string, user: string): readonly string[] {
    return [...new Set(this.#hashesOfUser.all(surface, user) as string[])];
  }
}

function embeddingOf(dimsJson: string | null, bytes: Uint8Array | null): Embedding | null {
  if (dimsJson === null || bytes === null) return null;
  return embeddingFrom(decodeJson(dims, dimsJson, 'embedding'), bytes);
}
