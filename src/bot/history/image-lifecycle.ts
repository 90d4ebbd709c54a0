import type { JobEvent } from '../job.ts';
import type { Audit } from './audit.ts';
import type { Database } from './database.ts';
import { durableEvent, type EventLog } from './events.ts';
import type { ImageFiles } from './image-files.ts';
import { ImageStore } from './image-store.ts';
import type { ImageRecords, NewImage } from './images.ts';
import type { JobRecords } from './jobs.ts';
import type { Actor } from './settings.ts';

export interface FinishedImage extends NewImage {
  readonly png: Uint8Array;
}

export type ImageFile =
  | { readonly state: 'present'; readonly path: string }
  /** To be made again from its recipe, then given to `restore`. */
  | { readonly state: 'lost' }
  | { readonly state: 'deleted' };

interface Parts {
  readonly database: Database;
  readonly store: ImageStore;
  readonly events: EventLog;
  readonly jobs: JobRecords;
  readonly images: ImageRecords;
  readonly files: ImageFiles;
  readonly audit: Audit;
  readonly now: () => number;
}

/** Pictures: their rows, recipes and files kept in step. */
export class Pictures {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  finish(jobId: string, image: FinishedImage): Promise<JobEvent | null> {
    const { jobs, images, files, events, now } = this.#parts;
    return files.keep(image.png, ImageStore.hash(image.png), () => {
      const row = jobs.rowOf(jobId);
      if (row === null || row.state !== 'running' || images.has(row.num, image.index)) return null;
      const at = now();
      const imageId = images.insert(row.num, image, ImageStore.hash(image.png), at);
      const job = jobs.job(jobId);
      if (job === null) return null;
      return durableEvent(events.add(row.num, job, 'image', imageId, at), 'image', job, imageId);
    });
  }

  file(imageId: string): ImageFile | null {
    const { images, files, store } = this.#parts;
    const found = images.find(imageId);
    if (found === null) return null;
    if (found.deleted) return { state: 'deleted' };
    return files.present(found.hash) ? { state: 'present', path: store.path(found.hash) } : { state: 'lost' };
  }

  async restore(imageId: string, png: Uint8Array): Promise<string | null> {
    const { images, files, store } = this.#parts;
    const hash = ImageStore.hash(png);
    let before: string | null = null;
    const path = await files.keep(png, hash, () => {
      const image = images.find(imageId);
      if (image === null || image.deleted) return null;
      before = image.hash;
      images.setHash(imageId, hash);
      return store.path(hash);
    });
    if (before !== null) files.removeUnused([before]);
    return path;
  }

  delete(imageId: string, by: Actor): JobEvent | null {
    const { database, images, files, jobs, events, audit, now } = this.#parts;
    const details = images.details(imageId);
    if (details === null) return null;
    const event = database.write(() => {
      const row = jobs.rowOf(details.jobId);
      if (row === null || !images.markDeleted(imageId)) return null;
      const { surface, user } = by;
      audit.add({ surface, guild: row.caller.guild, actor: user, action: 'delete', target: imageId, detail: null });
      const job = jobs.job(details.jobId);
      if (job === null) return null;
      return durableEvent(events.add(row.num, job, 'changed', imageId, now()), 'changed', job, null);
    });
    if (event !== null) files.removeUnused([details.image.hash]);
    return event;
  }
}
