import { isDoubtful } from '../../pipeline/images/picture-verdict.ts';
import type { GuildSettings, PictureRule } from '../command/guild-settings.ts';
import type { Caller, JobImage, Surface } from '../job.ts';

/** Where a picture can be covered so that a click uncovers it. */
const HAS_SPOILERS: Readonly<Record<Surface, boolean>> = { discord: true, slack: false, web: true, terminal: false };

/** What becomes of pictures that are not safe for work in a place. Where `nsfw` admits such words, it admits such pictures. */
export function pictureRule(
  { nsfw, nsfwPictures }: GuildSettings,
  { surface, ageRestricted }: Pick<Caller, 'surface' | 'ageRestricted'>,
): PictureRule {
  if (ageRestricted && nsfw !== 'off') return 'off';
  return nsfwPictures === 'spoiler' && !HAS_SPOILERS[surface] ? 'blur' : nsfwPictures;
}

/** What moderators have decided counts, else what the classifier found. */
export function isHidden({ verdict, overruled }: Pick<JobImage, 'verdict' | 'overruled'>): boolean {
  return overruled === undefined ? verdict !== undefined && isDoubtful(verdict) : overruled === 'hidden';
}
