import { UserError } from '../../system/errors.ts';
import { listedAs, t } from '../../texts/translate.ts';
import { quoted } from '../command/problem.ts';
import { type Caller, personalPayer, type Surface } from '../job.ts';
import type { KeyLimits } from './key-limits.ts';

/** What lets a program in, without its secret. Times are milliseconds since 1970. */
export interface ApiKey extends Place {
  readonly id: string;
  /** What whoever runs the bot calls it. */
  readonly name: string;
  /** Tighter than the settings of its guild. */
  readonly limits: KeyLimits;
  /** Where it hears of the ends of its requests. */
  readonly webhook: string | undefined;
  readonly createdAt: number;
  /** To within ten minutes; `null` before the first time. */
  readonly usedAt: number | null;
}

/** The guild, workspace or web room whose rules and quotas hold for a key. */
export interface Place {
  readonly surface: Surface;
  readonly guild: string;
}

/** No platform's id and no name of the web chat begins like this. */
const PREFIX = 'key:';

/** A program, as the bot sees it: a person of the key's guild who asks in a room of their own and pays for themselves. */
export function callerOfKey({ id, name, surface, guild }: ApiKey): Caller {
  const user = PREFIX + id;
  return {
    ...{ surface, user, name, room: user, guild, payer: personalPayer(surface, user) },
    ...{ moderator: false, ageRestricted: false },
  };
}

/** Whether a program asked, by a key: nothing on the platform shows such a job. */
export function isProgram({ user }: Pick<Caller, 'user'>): boolean {
  return user.startsWith(PREFIX);
}

/** The id of the key that pays; `null` where a guild or a person does. */
export function keyPaying({ payer }: Pick<Caller, 'payer'>): string | null {
  return /^[a-z]+:user:key:([a-z0-9]+)$/.exec(payer)?.[1] ?? null;
}

/** Ids of guilds by surface. */
const GUILDS: Readonly<Partial<Record<Surface, RegExp>>> = {
  discord: /^\d{15,20}$/,
  slack: /^[TE][A-Z0-9]{2,20}$/,
  web: /^[A-Za-z0-9_-]{1,64}$/,
};

/** `discord:81384788765712384`, `slack:T024BE7LH` or `web:lobby`. @throws UserError `guild_invalid` */
export function readPlace(typed: string): Place {
  const [, named = '', guild = ''] = /^\s*(discord|slack|web):(\S+)\s*$/.exec(typed) ?? [];
  const surface = (['discord', 'slack', 'web'] as const).find((one) => one === named);
  if (surface !== undefined && GUILDS[surface]?.test(guild)) return { surface, guild };
  throw new UserError(
    'guild_invalid',
    t('Expected a Discord server, a Slack workspace or a web room, got {typed}.', { typed: quoted(typed) }),
    {
      hint: t('For example {examples}.', {
        examples: listedAs('disjunction', ['discord:81384788765712384', 'slack:T024BE7LH', 'web:lobby']),
      }),
    },
  );
}

export function formatPlace({ surface, guild }: Place): string {
  return `${surface}:${guild}`;
}

const LONGEST_NAME = 64;

/** @throws UserError `key_name_invalid` */
export function readKeyName(typed: string): string {
  const name = typed.normalize('NFC').trim();
  if (name !== '' && [...name].length <= LONGEST_NAME && /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u.test(name)) return name;
  throw new UserError(
    'key_name_invalid',
    t('Expected a name of 1 to {most} letters, digits and signs, got {typed}.', {
      most: LONGEST_NAME,
      typed: quoted(typed),
    }),
    {
      hint: t('For example {example}.', { example: '--name "open webui"' }),
    },
  );
}
