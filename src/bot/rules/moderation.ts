import { weightlessText } from '../../pipeline/images/prompt-weights.ts';
import { UserError } from '../../system/errors.ts';
import type { GuildSettings } from '../command/guild-settings.ts';
import type { Caller, ImagineRequest } from '../job.ts';
import { heldPhrase } from './word-filter.ts';

/** Words that make a prompt not safe for work, whatever else it says. */
export const NSFW_WORDS: readonly string[] = [
  ...['nsfw', 'nude', 'nudes', 'nudity', 'naked', 'topless', 'bottomless', 'porn', 'porno', 'pornographic', 'xxx'],
  ...['sex', 'sexual', 'sexy', 'hentai', 'erotic', 'erotica', 'genitals', 'penis', 'vagina', 'nipples', 'orgasm'],
  ...['masturbating', 'masturbation', 'fetish', 'bdsm', 'blowjob', 'nackt', 'gory', 'dismembered', 'beheaded'],
];

/**
 * Before a picture is made: throws `UserError` `blocked_user` and what `refuseForbidden` throws; returns the request with
 * what the rules add.
 */
export function moderate(request: ImagineRequest, caller: Caller, rules: GuildSettings): ImagineRequest {
  refuseBlocked(caller, rules);
  refuseForbidden(request, caller, rules);
  return rules.spoiler && !request.spoiler ? { ...request, spoiler: true } : request;
}

/**
 * Before a picture is made, and before it is shown anywhere: throws `UserError` `blocked_word`, `nsfw_off` or `nsfw_room`
 * with the rule of that place that forbids it.
 */
export function refuseForbidden(
  { prompt, negative, weighted }: Pick<ImagineRequest, 'prompt' | 'negative' | 'weighted'>,
  place: Pick<Caller, 'ageRestricted'>,
  rules: GuildSettings,
): void {
  // Without brackets too: they may split a word that the model reads as one.
  const readings = (text: string) => (weighted ? [text, weightlessText(text)] : [text]);
  const word = heldPhrase([...readings(prompt), ...readings(negative)], rules.blockedWords);
  if (word !== null) {
    throw new UserError('blocked_word', `The moderators here have blocked the word "${word}".`, {
      hint: 'Say it in other words. The rule is the setting blocked-words.',
    });
  }
  // The negative prompt may name what to keep out.
  const nsfw = heldPhrase(readings(prompt), NSFW_WORDS);
  if (nsfw !== null && (rules.nsfw === 'off' || !place.ageRestricted)) {
    throw rules.nsfw === 'off'
      ? new UserError('nsfw_off', `"${nsfw}" is not safe for work, and such pictures are not made here.`, {
          hint: 'Leave it out. The rule is the setting nsfw: off.',
        })
      : new UserError('nsfw_room', `"${nsfw}" is not safe for work, and this room is not for adults only.`, {
          hint: 'Leave it out, or ask in an age-restricted channel. The rule is the setting nsfw: age-restricted.',
        });
  }
}

/** Whether `refuseForbidden` lets it pass. */
export function isAllowed(...what: Parameters<typeof refuseForbidden>): boolean {
  return refusalOf(...what) === undefined;
}

/** What `refuseForbidden` throws. */
export function refusalOf(...what: Parameters<typeof refuseForbidden>): UserError | undefined {
  try {
    refuseForbidden(...what);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  return undefined;
}

/** Throws `UserError` `blocked_user`. */
export function refuseBlocked(caller: Caller, { blockedUsers }: GuildSettings): void {
  if (!blockedUsers.includes(caller.user)) return;
  throw new UserError('blocked_user', 'The moderators here have blocked you from asking for pictures.', {
    hint: 'Only they can change that. The rule is the setting blocked-users.',
  });
}
