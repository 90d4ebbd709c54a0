import type { Family, Gallery, GalleryPage, GalleryPicture, GalleryQuery } from '../core.ts';
import type { History } from '../history/history.ts';
import type { Caller, Job } from '../job.ts';
import type { GuildRules } from '../rules/guild-rules.ts';
import { isVisible } from './targets.ts';

/** How many generations back a picture's family is told. */
const MOST_ANCESTORS = 12;

type IsForAdults = (room: string) => boolean;

/** Pictures as people may see them: the rules hold here as they do in conversations. */
export class PictureGallery implements Gallery {
  readonly #pictures: History['gallery'];
  readonly #rules: GuildRules;

  constructor(pictures: History['gallery'], rules: GuildRules) {
    this.#pictures = pictures;
    this.#rules = rules;
  }

  search(query: GalleryQuery, caller: Caller, isForAdults: IsForAdults): GalleryPage {
    const { surface, user } = caller;
    const { room, text, liked, offset, limit } = query;
    const of = room === undefined ? { user } : { room };
    const search = { surface, of, text, likedBy: liked ? user : undefined };
    const { total, pictures } = this.#pictures.search(search, { offset, limit, for: user });
    const shown = this.#shown(pictures, isForAdults);
    return { total, pictures: shown, withheld: pictures.length - shown.length };
  }

  picture(imageId: string, caller: Caller, isForAdults: IsForAdults): GalleryPicture | null {
    const picture = this.#pictures.get(imageId, caller);
    return picture === null ? null : (this.#visible([picture], caller, isForAdults)[0] ?? null);
  }

  family(picture: GalleryPicture, caller: Caller, isForAdults: IsForAdults): Family {
    const { children, siblings } = this.#pictures.relatives(picture);
    const visible = (pictures: readonly GalleryPicture[]) => this.#visible(pictures, caller, isForAdults);
    return {
      ancestors: visible(this.#ancestors(picture)),
      siblings: visible(siblings),
      children: visible(children),
    };
  }

  #visible(pictures: readonly GalleryPicture[], caller: Caller, isForAdults: IsForAdults): readonly GalleryPicture[] {
    return this.#shown(pictures, isForAdults).filter(({ job }) => isVisible(job, caller));
  }

  #ancestors(picture: GalleryPicture): readonly GalleryPicture[] {
    const found = new Map<string, GalleryPicture>();
    let generation: readonly GalleryPicture[] = [picture];
    for (let back = 0; back < MOST_ANCESTORS && generation.length > 0; back += 1) {
      generation = generation.flatMap((one) => this.#pictures.parents(one)).filter(({ image }) => !found.has(image.id));
      for (const parent of generation) found.set(parent.image.id, parent);
    }
    found.delete(picture.image.id);
    return [...found.values()].slice(0, MOST_ANCESTORS);
  }

  #shown(pictures: readonly GalleryPicture[], isForAdults: IsForAdults): readonly GalleryPicture[] {
    // The pictures of a request lie side by side.
    let last: { readonly id: string; readonly isShown: boolean } | undefined;
    return pictures.flatMap((picture) => {
      const { job, image } = picture;
      if (last?.id !== job.id) last = { id: job.id, isShown: this.#mayBeShown(job, isForAdults) };
      const cover = last.isShown ? this.#rules.cover(image, placeOf(job, isForAdults)) : 'block';
      return cover === 'block' ? [] : [{ ...picture, cover }];
    });
  }

  #mayBeShown(job: Job, isForAdults: IsForAdults): boolean {
    return this.#rules.refusal(job.request, placeOf(job, isForAdults)) === undefined;
  }
}

/** Where a picture was made, as the room is now. */
function placeOf({ caller }: Job, isForAdults: IsForAdults): Caller {
  return { ...caller, ageRestricted: caller.ageRestricted && isForAdults(caller.room) };
}
