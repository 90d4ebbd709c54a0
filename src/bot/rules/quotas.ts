import { UserError } from '../../system/errors.ts';
import type { GuildSettings } from '../command/guild-settings.ts';
import type { History, Party } from '../history/history.ts';
import type { Caller, Eta, Job } from '../job.ts';

export interface Wanted {
  readonly jobs: number;
  /** Accelerator seconds. */
  readonly seconds: number;
}

interface Options {
  readonly history: History;
  readonly rules: GuildSettings;
  /** When a job should be done. */
  readonly etaOf: (job: Job) => Eta | null;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Throws `UserError` `limit_user_jobs`, `limit_guild_jobs`, `limit_user_seconds` or `limit_guild_seconds` if this much
 * more would be too much: with the limit, how much of it is used and when it frees. Asked inside the transaction that
 * accepts the jobs.
 */
export function checkLimits(caller: Caller, wanted: Wanted, options: Options): void {
  const { rules } = options;
  const { surface, user, guild } = caller;
  const person = { what: 'You have', whose: 'your', key: 'user' } as const;
  checkJobs({ surface, user }, wanted, rules.userJobs, person, options);
  checkSeconds('user', caller, user, wanted, rules.userSeconds, person, options);
  if (guild === null) return;
  const here = { what: 'This place has', whose: "this place's", key: 'guild' } as const;
  checkJobs({ surface, guild }, wanted, rules.guildJobs, here, options);
  checkSeconds('guild', caller, guild, wanted, rules.guildSeconds, here, options);
}

interface Words {
  readonly what: string;
  readonly whose: string;
  readonly key: 'user' | 'guild';
}

function checkJobs(party: Party, { jobs }: Wanted, limit: number | null, words: Words, options: Options): void {
  if (limit === null) return;
  const used = options.history.lists.countUnfinished(party);
  if (used + jobs <= limit) return;
  const oldest = options.history.lists.oldestUnfinished(party);
  const eta = oldest === null ? null : options.etaOf(oldest);
  const frees =
    oldest === null
      ? `Ask for at most ${limit} at once.`
      : `The next one frees when ${oldest.id} is done${eta === null ? '' : `, in about ${duration(eta.to - options.now)}`}.`;
  throw new UserError(
    `limit_${words.key}_jobs`,
    `${words.what} ${used} of at most ${limit} unfinished requests${jobs > 1 ? `, and this would add ${jobs}` : ''}.`,
    { hint: `${frees} The rule is the setting ${words.key}-jobs.` },
  );
}

function checkSeconds(
  kind: 'user' | 'guild',
  { surface }: Caller,
  party: string,
  { seconds }: Wanted,
  limit: number | null,
  words: Words,
  { history, now }: Options,
): void {
  if (limit === null) return;
  const usage = history.usage.today(kind, surface, party);
  if (usage.seconds + seconds <= limit) return;
  const used = `${round(usage.seconds)} of ${limit} s`;
  throw new UserError(
    `limit_${words.key}_seconds`,
    `This needs about ${round(seconds)} s of ${words.whose} accelerator time for today, of which ${used} are used.`,
    {
      hint: `It frees at midnight UTC, in ${duration(usage.resetsAt - now)}; a smaller picture or fewer steps need less. The rule is the setting ${words.key}-seconds.`,
    },
  );
}

function round(seconds: number): number {
  return seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds);
}

/** `40 s`, `3 min`, `2 h`. */
export function duration(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
