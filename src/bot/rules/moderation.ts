import { promptWeights, weightlessText } from '../../pipeline/images/prompt-weights.ts';
import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import type { GuildSettings } from '../command/guild-settings.ts';
import type { Caller, ImagineRequest } from '../job.ts';
import { heldPhrase } from './word-filter.ts';

/** Words that make a prompt not safe for work, whatever else it says. */
export const NSFW_WORDS: readonly string[] = [
  ...['nsfw', 'nude', 'nudes', 'nudity', 'naked', 'topless', 'bottomless', 'porn', 'porno', 'pornographic', 'xxx'],
  ...['sex', 'sexual', 'sexy', 'hentai', 'erotic', 'erotica', 'genitals', 'penis', 'vagina', 'nipples', 'orgasm'],
  ...['masturbating', 'masturbation', 'fetish', 'bdsm', 'blowjob', 'nackt', 'gory', 'dismembered', 'beheaded'],
];

/** What a picture is made of, as far as words say it. */
export type Words = Pick<ImagineRequest, 'prompt' | 'negative' | 'weighted' | 'loras'>;

/** `blocked_word`, `nsfw_off` or `nsfw_room`, with the rule of a place that forbids such a picture; `undefined` for none. */
export function refusalOf(
  { prompt, negative, weighted, loras = [] }: Words,
  place: Pick<Caller, 'ageRestricted'>,
  rules: GuildSettings,
): UserError | undefined {
  const readings = (text: string) => (weighted ? weightedReadings(text) : [text]);
  // What a LoRA adds to a picture is what it is called.
  const shown = [...readings(prompt), ...loras.map(({ name }) => name)];
  const word = heldPhrase([...shown, ...readings(negative)], rules.blockedWords);
  if (word !== null) {
    return new UserError('blocked_word', t('The moderators here have blocked the word "{word}".', { word }), {
      hint: t('Say it in other words. The rule is the setting {setting}.', { setting: 'blocked-words' }),
    });
  }
  // The negative prompt may name what to keep out.
  const nsfw = heldPhrase(shown, NSFW_WORDS);
  if (nsfw === null || (rules.nsfw !== 'off' && place.ageRestricted)) return undefined;
  return rules.nsfw === 'off'
    ? new UserError('nsfw_off', t('"{nsfw}" is not safe for work, and such pictures are not made here.', { nsfw }), {
        hint: t('Leave it out. The rule is the setting {setting}.', { setting: 'nsfw: off' }),
      })
    : new UserError('nsfw_room', t('"{nsfw}" is not safe for work, and this room is not for adults only.', { nsfw }), {
        hint: t('Leave it out, or ask in an age-restricted channel. The rule is the setting {setting}.', {
          setting: 'nsfw: age-restricted',
        }),
      });
}

/** The model reads each stretch by itself, so that weights part words; people read on across the brackets. */
function weightedReadings(text: string): string[] {
  const stretches = promptWeights(text).map((stretch) => stretch.text);
  return [text, stretches.join(' '), weightlessText(text)];
}

/** Throws `UserError` `blocked_user`. */
export function refuseBlocked(caller: Caller, { blockedUsers }: GuildSettings): void {
  if (!blockedUsers.includes(caller.user)) return;
  throw new UserError('blocked_user', t('The moderators here have blocked you from asking for pictures.'), {
    hint: t('Only they can change that. The rule is the setting {setting}.', { setting: 'blocked-users' }),
  });
}
