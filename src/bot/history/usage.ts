import type { Surface } from '../job.ts';
import type { Database } from './database.ts';

const DAY_MS = 86_400_000;

/** Days since 1970 in UTC: quotas per day start anew at midnight UTC. */
export function dayOf(time: number): number {
  return Math.floor(time / DAY_MS);
}

interface Charged {
  readonly surface: Surface;
  readonly user: string;
  readonly guild: string | null;
}

export interface UsageToday {
  /** Accelerator seconds charged today, those reserved for waiting jobs included. */
  readonly seconds: number;
  /** When the day ends and this is 0 again; milliseconds since 1970. */
  readonly resetsAt: number;
}

/** Accelerator time per person and per guild and day. Whole milliseconds, so that refunds leave exactly nothing. */
export class Usage {
  readonly #now: () => number;
  readonly #sql;

  constructor(database: Database, now: () => number) {
    this.#now = now;
    this.#sql = {
      add: database.statement(
        `INSERT INTO usage (kind, surface, party, day, ms) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (kind, surface, party, day) DO UPDATE SET ms = ms + excluded.ms`,
      ),
      ms: database.column('SELECT ms FROM usage WHERE kind = ? AND surface = ? AND party = ? AND day = ?', Number),
      ofUser: database.query(
        `SELECT day, ms / 1000.0 AS seconds FROM usage
         WHERE kind = 'user' AND surface = ? AND party = ? ORDER BY day`,
        (row) => row,
      ),
      prune: database.statement('DELETE FROM usage WHERE day < ?'),
      erase: database.statement("DELETE FROM usage WHERE kind = 'user' AND surface = ? AND party = ? AND day < ?"),
    };
  }

  /** Charges (or, below 0, refunds) a person and the guild whose quotas count it for one day. */
  charge({ surface, user, guild }: Charged, day: number, ms: number): void {
    if (ms === 0) return;
    this.#sql.add.run('user', surface, user, day, ms);
    if (guild !== null) this.#sql.add.run('guild', surface, guild, day, ms);
  }

  /** What a person or a guild was charged today. */
  today(kind: 'user' | 'guild', surface: Surface, party: string): UsageToday {
    const day = dayOf(this.#now());
    return { seconds: (this.#sql.ms.get(kind, surface, party, day) ?? 0) / 1000, resetsAt: (day + 1) * DAY_MS };
  }

  /** Days and seconds, as they are stored. */
  ofUser(surface: Surface, user: string): readonly unknown[] {
    return this.#sql.ofUser.all(surface, user);
  }

  /** Forgets the days before a time. */
  prune(before: number): void {
    this.#sql.prune.run(dayOf(before));
  }

  /** Today's count stays until the day ends, or erasing would be a way round the daily quota. */
  erase(surface: Surface, user: string): void {
    this.#sql.erase.run(surface, user, dayOf(this.#now()));
  }
}
