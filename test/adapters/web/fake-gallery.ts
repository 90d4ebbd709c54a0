import type { Family, Gallery, GalleryPage, GalleryPicture, GalleryQuery } from '../../../src/bot/core.ts';
import type { Caller, Job } from '../../../src/bot/job.ts';

/** The gallery's contract over the jobs of a fake core. Words are looked for in prompts; prompts with `forbidden` are withheld. */
export class FakeGallery implements Gallery {
  readonly queries: GalleryQuery[] = [];
  /** Ids of pictures, by person. */
  readonly liked = new Map<string, Set<string>>();
  readonly #jobs: () => readonly Job[];

  constructor(jobs: () => readonly Job[]) {
    this.#jobs = jobs;
  }

  like(id: string, user: string, isLiked: boolean): void {
    const own = this.liked.get(user) ?? new Set();
    this.liked.set(user, own);
    if (isLiked) own.add(id);
    else own.delete(id);
  }

  search(query: GalleryQuery, { user }: Caller): GalleryPage {
    this.queries.push(query);
    const { room, text, liked, offset, limit } = query;
    const found = this.#all(user)
      .filter(({ job: { caller } }) => (room === undefined ? caller.user === user : caller.room === room))
      .filter((picture) => (!liked || picture.liked) && picture.job.request.prompt.includes(text.trim()));
    const page = found.slice(offset, offset + limit);
    const pictures = page.filter(({ job }) => !job.request.prompt.includes('forbidden'));
    return { total: found.length, pictures, withheld: page.length - pictures.length };
  }

  picture(imageId: string, { user }: Caller): GalleryPicture | null {
    return (
      this.#all(user).find(({ image, job }) => image.id === imageId && !job.request.prompt.includes('forbidden')) ??
      null
    );
  }

  family({ job, image }: GalleryPicture, { user }: Caller): Family {
    const all = this.#all(user);
    return {
      ancestors: all.filter((other) => other.image.id === job.derivation?.parentImage),
      siblings: all.filter((other) => other.job.id === job.id && other.image.id !== image.id),
      children: all.filter((other) => other.job.derivation?.parentImage === image.id),
    };
  }

  #all(user: string): readonly GalleryPicture[] {
    const pictures = this.#jobs().flatMap((job) =>
      job.images.map((image) => ({ job: { ...job, images: [image] }, image })),
    );
    return pictures
      .filter(({ image }) => !image.deleted)
      .map((picture) => ({ ...picture, liked: this.liked.get(user)?.has(picture.image.id) === true }))
      .reverse();
  }
}
