import { UserError } from '../../system/errors.ts';
import { t, translatable } from '../../texts/translate.ts';
import type { GuildSettings } from '../command/guild-settings.ts';
import type { History, Party } from '../history/history.ts';
import { type Caller, type Eta, type Job, ruledBy } from '../job.ts';

export interface Wanted {
  readonly jobs: number;
  /** Accelerator seconds. */
  readonly seconds: number;
}

interface Options {
  readonly history: History;
  readonly rules: GuildSettings;
  /** Lost pictures that are being made again for a party: each counts as an unfinished request, and its estimate as used. */
  readonly errands: (party: Party) => Wanted;
  /** When a job should be done. */
  readonly etaOf: (job: Job) => Eta | null;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const WORDS = {
  user: {
    jobs: translatable('You have {used} of at most {quota} unfinished requests.'),
    more: translatable('You have {used} of at most {quota} unfinished requests, and this would add {jobs}.'),
    seconds: translatable(
      'This needs about {seconds} s of accelerator time. Your quota for today is {quota} s, and {used} s are used.',
    ),
    never: translatable('This needs about {seconds} s of accelerator time; your quota for a day is {quota} s.'),
  },
  guild: {
    jobs: translatable('This place has {used} of at most {quota} unfinished requests.'),
    more: translatable('This place has {used} of at most {quota} unfinished requests, and this would add {jobs}.'),
    seconds: translatable(
      "This needs about {seconds} s of accelerator time. This place's quota for today is {quota} s, and {used} s are used.",
    ),
    never: translatable("This needs about {seconds} s of accelerator time; this place's quota for a day is {quota} s."),
  },
} as const;
type Kind = keyof typeof WORDS;

/**
 * Checks that this much more is within the quotas of the caller and of the guild that counts it. Call it inside the transaction that
 * accepts the jobs.
 * @throws UserError `limit_user_jobs`, `limit_guild_jobs`, `limit_user_seconds` or `limit_guild_seconds`, with the quota,
 *   how much of it is used, and when there is room again; `limit_at_once` or `limit_day` for what is more than a whole quota
 */
export function checkQuotas(caller: Caller, wanted: Wanted, options: Options): void {
  const { surface, user } = caller;
  const guild = ruledBy(caller);
  const { userJobs, userSeconds, guildJobs, guildSeconds } = options.rules;
  checkJobs('user', { surface, user }, wanted, userJobs, options);
  checkSeconds('user', { surface, user }, wanted, userSeconds, options);
  if (guild === null) return;
  checkJobs('guild', { surface, guild }, wanted, guildJobs, options);
  checkSeconds('guild', { surface, guild }, wanted, guildSeconds, options);
}

function checkJobs(kind: Kind, party: Party, { jobs }: Wanted, quota: number | null, options: Options): void {
  const { lists } = options.history;
  const used = quota === null ? 0 : lists.countUnfinished(party) + options.errands(party).jobs;
  if (quota === null || used + jobs <= quota) return;
  const setting = `${kind}-jobs`;
  const message = jobs > 1 ? t(WORDS[kind].more, { used, quota, jobs }) : t(WORDS[kind].jobs, { used, quota });
  if (jobs > quota) {
    throw new UserError('limit_at_once', message, {
      hint: t('Ask for at most {quota} at once. The rule is the setting {setting}.', { quota, setting }),
    });
  }
  const oldest = lists.oldestUnfinished(party);
  const eta = oldest && options.etaOf(oldest);
  const retryAfter = eta === null ? undefined : secondsUntil(eta.to, options.now);
  throw new UserError(`limit_${kind}_jobs`, message, {
    retryAfter,
    hint:
      oldest === null
        ? t('There is room for another when a lost picture has been made again. The rule is the setting {setting}.', {
            setting,
          })
        : retryAfter === undefined
          ? t('There is room for another when {job} is done. The rule is the setting {setting}.', {
              job: oldest.id,
              setting,
            })
          : t('There is room for another when {job} is done, in about {time}. The rule is the setting {setting}.', {
              job: oldest.id,
              time: duration(retryAfter),
              setting,
            }),
  });
}

function checkSeconds(
  kind: Kind,
  party: Party,
  { seconds }: Wanted,
  quota: number | null,
  { history, errands, now }: Options,
): void {
  if (quota === null) return;
  const setting = `${kind}-seconds`;
  if (seconds > quota) {
    throw new UserError('limit_day', t(WORDS[kind].never, { seconds: round(seconds), quota }), {
      hint: t('A smaller picture or fewer steps need less. The rule is the setting {setting}.', { setting }),
    });
  }
  const today = history.usage.today(kind, party.surface, 'user' in party ? party.user : party.guild);
  const used = today.seconds + errands(party).seconds;
  if (used + seconds <= quota) return;
  const retryAfter = secondsUntil(today.resetsAt, now);
  throw new UserError(
    `limit_${kind}_seconds`,
    t(WORDS[kind].seconds, { seconds: round(seconds), quota, used: round(used) }),
    {
      retryAfter,
      hint: t(
        'The count starts again at midnight UTC, in {time}; a smaller picture or fewer steps need less. The rule is the setting {setting}.',
        { time: duration(retryAfter), setting },
      ),
    },
  );
}

function round(seconds: number): number {
  return seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds);
}

function secondsUntil(time: number, now: number): number {
  return Math.max(1, Math.ceil((time - now) / 1000));
}

/** `40 s`, `3 min`, `2 h`; never less than it is. */
function duration(seconds: number): string {
  if (seconds < 90) return t('{seconds} s', { seconds });
  const minutes = Math.ceil(seconds / 60);
  return minutes < 90 ? t('{minutes} min', { minutes }) : t('{hours} h', { hours: Math.ceil(minutes / 60) });
}
