import { type Caller, readerOf } from '../../../bot/job.ts';
import { type Clock, pause } from '../../../system/clock.ts';
import type { Logger } from '../../../system/logging.ts';
import { RecentMap } from '../../../system/memo.ts';
import { languageOf } from '../../../texts/language.ts';
import type { Origin } from '../messages/message-ref.ts';
import type { Person } from '../web-api/api.ts';
import { errorText } from '../web-api/errors.ts';
import { isDirect, scoped } from '../web-api/ids.ts';
import type { Workspaces } from '../web-api/workspaces.ts';
import { mentionedIds, typedText } from './typed-text.ts';

/** How long a person's name, role and language are remembered, in ms; shorter if Slack did not answer. */
const PERSON_LIFE = 5 * 60_000;
const UNKNOWN_LIFE = 30_000;
/** A person who takes longer to look up is treated as an ordinary member, in ms. */
const LOOKUP = 1500;
const REMEMBERED = 5000;
/** Mentions without a name that are looked up in one text. */
const NAMES = 5;

/** Who asks, as the core knows people. */
export class Callers {
  readonly #workspaces: Workspaces;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #isReported = false;
  readonly #people = new RecentMap<string, { readonly person: Promise<Person | null>; readonly until: number }>(
    REMEMBERED,
  );

  constructor(workspaces: Workspaces, clock: Clock, logger: Logger) {
    this.#workspaces = workspaces;
    this.#clock = clock;
    this.#logger = logger;
  }

  async of(origin: Origin): Promise<Caller> {
    const { team, user, channel } = origin;
    const person = await this.#look(origin, user);
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
      ...readerOf(languageOf([person?.locale ?? ''])),
    };
  }

  /** What was typed, with the names of those who are mentioned. `self` is the bot's own user id. */
  async typed(text: string, origin: Origin, self: string | undefined): Promise<string> {
    const ids = mentionedIds(text).filter((id) => id !== self);
    const found = await Promise.all(ids.slice(0, NAMES).map(async (id) => [id, await this.#look(origin, id)] as const));
    const names = new Map(found.map(([id, person]) => [id, person?.name]));
    const nameOf = (id: string) => names.get(id);
    return typedText(text, self === undefined ? { nameOf } : { self, nameOf });
  }

  #look(origin: Origin, user: string): Promise<Person | null> {
    const key = scoped(origin.team, user);
    const known = this.#people.get(key);
    if (known && known.until > this.#clock.monotonic()) return known.person;
    const { api } = this.#workspaces.of(origin);
    const person = api.person(user).catch((error: unknown) => {
      this.#report(error);
      const former = known?.person ?? Promise.resolve(null);
      this.#people.set(key, { person: former, until: this.#clock.monotonic() + UNKNOWN_LIFE });
      return former;
    });
    this.#people.set(key, { person, until: this.#clock.monotonic() + PERSON_LIFE });
    return Promise.race([person, pause(this.#clock, LOOKUP).then(() => null)]);
  }

  /** Once: what follows from it is the same for everyone. */
  #report(error: unknown): void {
    if (this.#isReported) return;
    this.#isReported = true;
    const log = { problem: errorText(error) };
    this.#logger.warn(log, 'slack: somebody could not be looked up, and is answered as a member who reads English');
  }
}
