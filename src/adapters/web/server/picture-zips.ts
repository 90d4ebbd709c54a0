import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { formatRequest } from '../../../bot/command/format.ts';
import type { Gallery, GalleryPicture } from '../../../bot/core.ts';
import type { Caller } from '../../../bot/job.ts';
import { UNMARKED } from '../../../marking/marker.ts';
import { UserError } from '../../../system/errors.ts';
import { RecentMap } from '../../../system/memo.ts';
import type { Core } from '../../adapter.ts';
import { fileNameOf, requestJson } from './gallery-json.ts';
import { type ZipEntry, zipOf } from './zip-stream.ts';

/** Pictures that somebody wants as one file. */
interface Wanted {
  readonly ids: readonly string[];
  readonly caller: Caller;
  /** The person that may fetch it, as requests are counted. */
  readonly for: string;
}

/** Of all people. Each is asked for right after it was made. */
const KEPT = 200;

/** Zip files of chosen pictures. They are asked for by a short address, since a browser saves only what it is sent by one. */
export class PictureZips {
  readonly #wanted = new RecentMap<string, Wanted>(KEPT);

  /** @returns the id of the file */
  add(wanted: Wanted): string {
    const id = randomBytes(16).toString('hex');
    this.#wanted.set(id, wanted);
    return id;
  }

  get(id: string): Wanted | undefined {
    return this.#wanted.get(id);
  }
}

/**
 * The pictures that may be seen and are there, each read when its turn comes, then `metadata.json` with what they were made of.
 */
export function zipOfPictures(
  core: Core,
  gallery: Gallery,
  { ids, caller }: Wanted,
  isForAdults: (room: string) => boolean,
): AsyncGenerator<Uint8Array, void> {
  async function* entries(): AsyncGenerator<ZipEntry, void> {
    const pictures: object[] = [];
    const missing: string[] = [];
    const names = new Set<string>();
    for (const id of ids) {
      const room = core.jobOfImage(id)?.caller.room ?? caller.room;
      const here = { ...caller, room, guild: room, ageRestricted: isForAdults(room) };
      const picture = gallery.picture(id, here, isForAdults);
      const path = picture === null ? null : await pathOf(core, id, here);
      if (picture === null || path === null) {
        missing.push(id);
        continue;
      }
      const name = unused(fileNameOf(picture), id, names);
      const content = await (core.marker ?? UNMARKED).open(await readFile(path)).file();
      pictures.push(metadataOf(picture, name, content));
      yield { name, at: picture.job.finishedAt ?? picture.job.createdAt, content: [content] };
    }
    const text = JSON.stringify({ pictures, missing }, undefined, 2);
    yield { name: 'metadata.json', at: Date.now(), content: [new TextEncoder().encode(text)] };
  }
  return zipOf(entries());
}

/** One that is lost is made again; beyond somebody's limits it is missing. */
async function pathOf(core: Core, id: string, caller: Caller): Promise<string | null> {
  try {
    return await core.imagePath(id, caller);
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
}

function unused(name: string, id: string, names: Set<string>): string {
  const free = names.has(name) ? name.replace(/(?=\.png$)/, `-${id}`) : name;
  names.add(free);
  return free;
}

function metadataOf({ job, image }: GalleryPicture, file: string, content: Uint8Array): object {
  const sha256 = createHash('sha256').update(content).digest('hex');
  const made = { ...job.request, seed: image.seed, n: 1 };
  return {
    ...{ file, id: image.id, sha256, job: job.id, room: job.caller.room, user: job.caller.user },
    ...{ createdAt: new Date(job.createdAt).toISOString(), command: `/wuerst ${formatRequest(made)}` },
    ...{ request: requestJson(made), derivation: job.derivation },
  };
}
