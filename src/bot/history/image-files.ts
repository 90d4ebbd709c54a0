import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import type { Database } from './database.ts';
import type { ImageStore, StoredFile } from './image-store.ts';
import type { ImageRecords } from './images.ts';
import { decode } from './job-rows.ts';

export interface Retention {
  /** Files stored longer ago than this many milliseconds go. @default kept however old */
  readonly maxAgeMs?: number;
  /** The oldest files go until all together have at most so many bytes. @default no limit */
  readonly maxBytes?: number;
}

export interface Removed {
  readonly files: number;
  readonly bytes: number;
}

const fileRow = z.object({ hash: z.string(), bytes: z.number() });

/** Files removed between two turns of the event loop. */
const BATCH = 50;

/** Not of a job that is still in the works: it would only be made again. */
const SPARE = `NOT EXISTS (
  SELECT 1 FROM images JOIN jobs ON jobs.num = images.job
  WHERE images.hash = files.hash AND images.deleted = 0 AND jobs.state IN ('queued', 'running'))`;

/**
 * Which files should lie in the image store. The order that survives a crash at any point: a file is written before
 * the row that names it, and its row goes before the file does. So a crash can leave a file without a row, which
 * `sweep` removes, but no row whose file was never there.
 */
export class ImageFiles {
  readonly #database: Database;
  readonly #store: ImageStore;
  readonly #images: ImageRecords;
  readonly #now: () => number;
  /** Files being written whose row is not there yet, and by how many writers. */
  readonly #pinned = new Map<string, number>();

  readonly #record;
  readonly #forget;
  readonly #get;
  readonly #total;
  readonly #older;
  readonly #oldest;
  readonly #all;

  constructor(database: Database, store: ImageStore, images: ImageRecords, now: () => number) {
    this.#database = database;
    this.#store = store;
    this.#images = images;
    this.#now = now;
    this.#record = database.prepare<[string, number, number]>(
      'INSERT INTO files (hash, bytes, stored_at) VALUES (?, ?, ?) ON CONFLICT (hash) DO UPDATE SET stored_at = excluded.stored_at',
    );
    this.#forget = database.prepare<[string]>('DELETE FROM files WHERE hash = ?');
    this.#get = database.prepare<[string]>('SELECT hash, bytes FROM files WHERE hash = ?');
    this.#total = database.prepare<[]>('SELECT coalesce(sum(bytes), 0) FROM files').pluck();
    this.#older = database.prepare<[number, number]>(
      `SELECT hash, bytes FROM files WHERE stored_at < ? AND ${SPARE} ORDER BY stored_at LIMIT ?`,
    );
    this.#oldest = database.prepare<[number]>(
      `SELECT hash, bytes FROM files WHERE ${SPARE} ORDER BY stored_at LIMIT ?`,
    );
    this.#all = database.prepare<[string, number]>(
      'SELECT hash, bytes FROM files WHERE hash > ? ORDER BY hash LIMIT ?',
    );
  }

  /** Writes the file, then runs `record` in a transaction; where that returns `null`, nothing needs the file. */
  async keep<T>(content: Uint8Array, hash: string, record: () => T | null): Promise<T | null> {
    this.#pinned.set(hash, (this.#pinned.get(hash) ?? 0) + 1);
    try {
      const stored = await this.#store.put(content);
      return this.#database.write(() => {
        const result = record();
        if (result !== null) this.#record.run(stored.hash, stored.bytes, this.#now());
        return result;
      });
    } finally {
      const writers = (this.#pinned.get(hash) ?? 1) - 1;
      if (writers > 0) this.#pinned.set(hash, writers);
      else this.#pinned.delete(hash);
      this.removeUnused([hash]);
    }
  }

  /** Removes those files that no image needs any more. Call it after the transaction that let go of them. */
  removeUnused(hashes: readonly string[]): void {
    for (const hash of hashes) {
      if (this.#pinned.has(hash) || this.#images.uses(hash)) continue;
      this.#remove(hash);
    }
  }

  /** Whether the file is there in full. */
  present(hash: string): boolean {
    return this.#store.has(hash, this.#bytes(hash) ?? undefined);
  }

  /** Rows stay, and so does the way to make each file again. */
  async retain(policy: Retention): Promise<Removed> {
    let removed: Removed = { files: 0, bytes: 0 };
    const { maxAgeMs, maxBytes } = policy;
    if (maxAgeMs !== undefined) {
      const before = this.#now() - maxAgeMs;
      removed = await this.#removeBatches(removed, () => this.#rows(() => this.#older.all(before, BATCH)));
    }
    if (maxBytes !== undefined) {
      removed = await this.#removeBatches(removed, () => this.#excess(maxBytes));
    }
    return removed;
  }

  /** Makes rows and files agree after a crash. Only for the one bot that owns the folder. */
  async sweep(): Promise<{ readonly orphans: number; readonly lost: number }> {
    let orphans = 0;
    for await (const hash of this.#store.list({ removeParts: this.#pinned.size === 0 })) {
      if (this.#pinned.has(hash) || this.#bytes(hash) !== null) continue;
      this.#store.remove(hash);
      orphans += 1;
    }
    let lost = 0;
    let last = '';
    for (let rows = this.#page(last); rows.length > 0; rows = this.#page(last)) {
      for (const { hash, bytes } of rows) {
        last = hash;
        if (this.#store.has(hash, bytes)) continue;
        this.#remove(hash);
        lost += 1;
      }
      await nextTurn();
    }
    return { orphans, lost };
  }

  totalBytes(): number {
    return Number(this.#database.run(() => this.#total.get()));
  }

  #bytes(hash: string): number | null {
    const row = this.#database.run(() => this.#get.get(hash));
    return row === undefined ? null : decode(fileRow, row, 'file').bytes;
  }

  #page(after: string): readonly StoredFile[] {
    return this.#rows(() => this.#all.all(after, BATCH));
  }

  #excess(maxBytes: number): readonly StoredFile[] {
    let excess = this.totalBytes() - maxBytes;
    if (excess <= 0) return [];
    const oldest = this.#rows(() => this.#oldest.all(BATCH));
    const end = oldest.findIndex(({ bytes }) => {
      excess -= bytes;
      return excess <= 0;
    });
    return end === -1 ? oldest : oldest.slice(0, end + 1);
  }

  #rows(query: () => unknown[]): readonly StoredFile[] {
    return this.#database.run(() => query().map((row) => decode(fileRow, row, 'file')));
  }

  async #removeBatches(removed: Removed, batch: () => readonly StoredFile[]): Promise<Removed> {
    let { files, bytes } = removed;
    for (let next = batch(); next.length > 0; next = batch()) {
      for (const file of next) {
        this.#remove(file.hash);
        files += 1;
        bytes += file.bytes;
      }
      await nextTurn();
    }
    return { files, bytes };
  }

  #remove(hash: string): void {
    this.#database.run(() => this.#forget.run(hash));
    // A writer that has found the file in place relies on it.
    if (!this.#pinned.has(hash)) this.#store.remove(hash);
  }
}
