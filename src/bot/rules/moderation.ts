import { UserError } from '../../system/errors.ts';
import type { GuildSettings } from '../command/guild-settings.ts';
import type { Caller, ImagineRequest } from '../job.ts';

/** Letters of other scripts that look like Latin ones, and signs that people write for letters. */
const LOOKALIKES: Readonly<Record<string, string>> = {
  ...{ а: 'a', в: 'b', с: 'c', е: 'e', н: 'h', і: 'i', ї: 'i', ј: 'j', к: 'k', м: 'm', о: 'o', р: 'p', ѕ: 's', т: 't' },
  ...{ у: 'y', х: 'x', α: 'a', β: 'b', ε: 'e', ι: 'i', κ: 'k', ν: 'v', ο: 'o', ρ: 'p', τ: 't', υ: 'u', χ: 'x' },
  ...{ ß: 'ss', ø: 'o', æ: 'ae', œ: 'oe', ł: 'l', đ: 'd', ı: 'i' },
};
const SIGNS: Readonly<Record<string, string>> = {
  ...{ '0': 'o', '1': 'i', '3': 'e', '4': 'a', '5': 's', '7': 't', '8': 'b', '@': 'a', $: 's', '!': 'i', '|': 'i' },
};

/** Words that make a prompt not safe for work, whatever else it says. */
const NSFW_WORDS: readonly string[] = [
  ...['nsfw', 'nude', 'nudes', 'nudity', 'naked', 'topless', 'bottomless', 'porn', 'porno', 'pornographic', 'xxx'],
  ...['sex', 'sexual', 'sexy', 'hentai', 'erotic', 'erotica', 'genitals', 'penis', 'vagina', 'nipples', 'orgasm'],
  ...['masturbating', 'masturbation', 'fetish', 'bdsm', 'blowjob', 'nackt', 'gory', 'dismembered', 'beheaded'],
];

interface Words {
  readonly words: readonly string[];
  /** Single letters with gaps between them, as one word each: `b a d`, `b.a.d`. */
  readonly spelled: readonly string[];
}

/** A text as its words: lower case, without accents, invisible characters and look-alikes. */
function wordsOf(text: string, signs: boolean): Words {
  const plain = [...text.normalize('NFKD').toLowerCase()]
    .filter((character) => !/[\p{M}\p{Cf}]/u.test(character))
    .map((character) => LOOKALIKES[character] ?? (signs ? SIGNS[character] : undefined) ?? character)
    .join('');
  const words = plain.match(/[\p{L}\p{N}]+/gu) ?? [];
  const spelled: string[] = [];
  for (const [at, word] of words.entries()) {
    if (word.length > 1) continue;
    const goesOn = words[at - 1]?.length === 1;
    if (goesOn) spelled.push(`${spelled.pop() ?? ''}${word}`);
    else spelled.push(word);
  }
  return { words, spelled };
}

/** Shorter ones would be found in any row of initials. */
const SPELLED_FROM = 3;

interface Needle {
  readonly phrase: string;
  /** Its words as they stand, and with signs read as letters. */
  readonly readings: readonly (readonly string[])[];
}

/** By list: the same lists are searched for at every request. */
const needles = new WeakMap<readonly string[], readonly Needle[]>();

function needlesOf(phrases: readonly string[]): readonly Needle[] {
  const known = needles.get(phrases);
  if (known !== undefined) return known;
  const read = phrases.map((phrase) => ({
    phrase,
    readings: [wordsOf(phrase, false).words, wordsOf(phrase, true).words],
  }));
  needles.set(phrases, read);
  return read;
}

/**
 * The first of `phrases` that `texts` contain as whole words, in any disguise that `wordsOf` undoes. The list must never
 * change: what was read from it is kept.
 */
export function heldPhrase(texts: readonly string[], phrases: readonly string[]): string | null {
  if (phrases.length === 0) return null;
  const read = texts.flatMap((text) => [wordsOf(text, false), wordsOf(text, true)]);
  const haystacks = read.map(({ words }) => ` ${words.join(' ')} `);
  const spelled = read.flatMap((one) => one.spelled);
  const isHeld = (needle: readonly string[]) =>
    needle.length > 0 &&
    (haystacks.some((haystack) => haystack.includes(` ${needle.join(' ')} `)) ||
      (needle.join('').length >= SPELLED_FROM && spelled.some((letters) => letters.includes(needle.join('')))));
  return needlesOf(phrases).find(({ readings }) => readings.some(isHeld))?.phrase ?? null;
}

/**
 * Throws `UserError` `blocked_user`, `blocked_word`, `nsfw_off` or `nsfw_room` with the rule that forbids the request;
 * returns it with what the rules add.
 */
export function moderate(request: ImagineRequest, caller: Caller, rules: GuildSettings): ImagineRequest {
  refuseBlocked(caller, rules);
  const texts = [request.prompt, request.negative];
  const word = heldPhrase(texts, rules.blockedWords);
  if (word !== null) {
    throw new UserError('blocked_word', `The moderators here have blocked the word "${word}".`, {
      hint: 'Say it in other words. The rule is the setting blocked-words.',
    });
  }
  // The negative prompt may name what to keep out.
  const nsfw = heldPhrase([request.prompt], NSFW_WORDS);
  if (nsfw !== null && (rules.nsfw === 'off' || !caller.ageRestricted)) {
    throw rules.nsfw === 'off'
      ? new UserError('nsfw_off', `"${nsfw}" is not safe for work, and such pictures are not made here.`, {
          hint: 'Leave it out. The rule is the setting nsfw: off.',
        })
      : new UserError('nsfw_room', `"${nsfw}" is not safe for work, and this room is not for adults only.`, {
          hint: 'Leave it out, or ask in an age-restricted channel. The rule is the setting nsfw: age-restricted.',
        });
  }
  return rules.spoiler && !request.spoiler ? { ...request, spoiler: true } : request;
}

/** Throws `UserError` `blocked_user`. */
export function refuseBlocked(caller: Caller, { blockedUsers }: GuildSettings): void {
  if (!blockedUsers.includes(caller.user)) return;
  throw new UserError('blocked_user', 'The moderators here have blocked you from asking for pictures.', {
    hint: 'Only they can change that. The rule is the setting blocked-users.',
  });
}
