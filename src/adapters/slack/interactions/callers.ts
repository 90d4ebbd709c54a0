import type { Caller } from '../../../bot/job.ts';
import { type Clock, pause } from '../../../system/clock.ts';
import type { Person } from '../web-api/api.ts';
import { isDirect, scoped } from '../web-api/ids.ts';
import type { Workspaces } from '../web-api/workspaces.ts';
import { mentionedIds, typedText } from './typed-text.ts';

/** How long what Slack says about a person is believed, in ms; shorter where it said nothing. */
const BELIEVED = 5 * 60_000;
const RETRIED = 30_000;
/** A person who takes longer to look up is treated as an ordinary member, in ms. */
const LOOKUP = 1500;
const REMEMBERED = 5000;
/** Mentions without a name that are looked up in one text. */
const NAMES = 5;

/** Where something was done, and by whom: Slack's own ids. */
export interface Whence {
  readonly team: string;
  readonly enterprise: string | null;
  readonly user: string;
  readonly channel: string;
}

export interface Callers {
  of(whence: Whence): Promise<Caller>;
  /** What was typed, with the names of those who are mentioned. `self` is the bot's own user id. */
  typed(text: string, whence: Whence, self: string | undefined): Promise<string>;
}

export function createCallers(workspaces: Workspaces, clock: Clock): Callers {
  const people = new Map<string, { readonly person: Promise<Person | null>; readonly until: number }>();

  function look({ team, enterprise }: Whence, user: string): Promise<Person | null> {
    const key = scoped(team, user);
    const known = people.get(key);
    if (known && known.until > clock.now()) return known.person;
    const person = workspaces
      .of(team, enterprise)
      .api.person(user)
      .catch(async () => {
        people.set(key, { person: known?.person ?? Promise.resolve(null), until: clock.now() + RETRIED });
        return known ? await known.person : null;
      });
    people.set(key, { person, until: clock.now() + BELIEVED });
    for (const old of people.keys()) {
      if (people.size <= REMEMBERED) break;
      people.delete(old);
    }
    return Promise.race([person, pause(clock, LOOKUP).then(() => null)]);
  }

  return {
    async of(whence) {
      const { team, user, channel } = whence;
      const person = await look(whence, user);
      return {
        surface: 'slack',
        user: scoped(team, user),
        name: person?.name ?? user,
        room: scoped(team, channel),
        guild: isDirect(channel) ? null : team,
        payer: `slack:team:${team}`,
        // Somebody from elsewhere, in a shared channel, administers elsewhere.
        moderator: person?.admin === true && (person.team === null || person.team === team),
        ageRestricted: false,
      };
    },
    async typed(text, whence, self) {
      const ids = mentionedIds(text).filter((id) => id !== self);
      const found = await Promise.all(ids.slice(0, NAMES).map(async (id) => [id, await look(whence, id)] as const));
      const names = new Map(found.map(([id, person]) => [id, person?.name]));
      const nameOf = (id: string) => names.get(id);
      return typedText(text, self === undefined ? { nameOf } : { self, nameOf });
    },
  };
}
