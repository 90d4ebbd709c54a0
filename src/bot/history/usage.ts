import type { Caller, Surface } from '../job.ts';
import type { Database } from './database.ts';

const DAY_MS = 86_400_000;

/** Days since 1970 in UTC: limits per day start anew at midnight UTC. */
export function dayOf(time: number): number {
  return Math.floor(time / DAY_MS);
}

export interface Usage {
  /** Accelerator seconds charged today, those reserved for waiting jobs included. */
  readonly seconds: number;
  /** When the day ends and this is 0 again; milliseconds since 1970. */
  readonly resetsAt: number;
}

/** Accelerator time per person and per guild and day. Whole milliseconds, so that refunds leave exactly nothing. */
export class Ledger {
  readonly #add;
  readonly #get;
  readonly #list;
  readonly #prune;
  readonly #erase;

  constructor(database: Database) {
    this.#add = database.prepare<[string, string, string, number, number]>(
      `INSERT INTO usage (kind, surface, party, day, ms) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (kind, surface, party, day) DO UPDATE SET ms = ms + excluded.ms`,
    );
    this.#get = database
      .prepare<[string, string, string, number]>(
        'SELECT ms FROM usage WHERE kind = ? AND surface = ? AND party = ? AND day = ?',
      )
      .pluck();
    this.#list = database.prepare<[string, string]>(
      "SELECT day, ms / 1000.0 AS seconds FROM usage WHERE kind = 'user' AND surface = ? AND party = ? ORDER BY day",
    );
    this.#prune = database.prepare<[number]>('DELETE FROM usage WHERE day < ?');
    this.#erase = database.prepare<[string, string, number]>(
      "DELETE FROM usage WHERE kind = 'user' AND surface = ? AND party = ? AND day < ?",
    );
  }

  /** Charges (or, below 0, refunds) a job's owner and guild for one day. */
  charge(caller: Pick<Caller, 'surface' | 'user' | 'guild'>, day: number, ms: number): void {
    if (ms === 0) return;
    this.#add.run('user', caller.surface, caller.user, day, ms);
    if (caller.guild !== null) this.#add.run('guild', caller.surface, caller.guild, day, ms);
  }

  usage(kind: 'user' | 'guild', surface: Surface, party: string, now: number): Usage {
    const ms = this.#get.get(kind, surface, party, dayOf(now));
    return { seconds: typeof ms === 'number' ? ms / 1000 : 0, resetsAt: (dayOf(now) + 1) * DAY_MS };
  }

  ofUser(surface: Surface, user: string): readonly unknown[] {
    return this.#list.all(surface, user);
  }

  prune(before: number): number {
    return this.#prune.run(dayOf(before)).changes;
  }

  /** Today's count stays until the day ends, else erasing would be a way round the daily limit. */
  erase(surface: Surface, user: string, now: number): void {
    this.#erase.run(surface, user, dayOf(now));
  }
}
