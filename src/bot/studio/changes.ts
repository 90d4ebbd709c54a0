import * as z from 'zod';
import { t } from '../../texts/translate.ts';
import type { ChangeReport } from '../administration.ts';
import type { CHANGES } from '../change-kinds.ts';
import { formatGuildSetting, guildSettings, INITIAL } from '../command/guild-settings.ts';
import { enumerated } from '../command/problem.ts';
import { type AuditEntry, type AuditedChange, ERASED } from '../history/audit.ts';
import type { History } from '../history/history.ts';
import type { Caller, Surface } from '../job.ts';
import { shortened } from '../replies/job-reply.ts';
import type { Reply } from '../reply.ts';

const SHOWN = 5;

/** What is said beside the target, by action; without `value`, a setting went back to what holds around it. */
const detail = z
  .object({
    value: z.unknown(),
    names: z.array(z.string()),
    place: z.string(),
    limits: z.string(),
    host: z.string().nullable(),
    admin: z.boolean(),
    channel: z.string(),
    decision: z.string(),
  })
  .partial()
  .nullable()
  .catch(null);

/**
 * Who changed what last, and when, as fields of a reply: the changes of the caller's guild and, for whoever runs the bot,
 * those that concern no single one. Nothing for people who are not moderators.
 */
export function lastChanges(history: History, caller: Caller, isOperator: boolean): Reply['fields'] {
  if (!caller.moderator) return [];
  const { surface, guild } = caller;
  const here = guild === null ? [] : history.audit.changesAt({ surface, guild }, SHOWN);
  const everywhere = isOperator ? history.audit.changesAt('everywhere', SHOWN) : [];
  const newest = [...here, ...everywhere].toSorted((a, b) => b.num - a.num).slice(0, SHOWN);
  return newest.map((change) => ({
    name: t('Changed {time} by {actor}', { time: timeOf(change), actor: changedBy(change) }),
    value: changeOf(change),
  }));
}

export function changeReport(change: AuditedChange): ChangeReport {
  return { at: change.at, by: changedBy(change), what: changeOf(change), where: placeOf(change) };
}

/** `null` for what concerns no single place. */
function placeOf({ surface, guild }: AuditedChange): string | null {
  return guild === null ? null : placeNamed({ surface, guild });
}

/** A room of the page, or a guild of another platform. */
export function placeNamed({ surface, guild }: { readonly surface: Surface; readonly guild: string }): string {
  return surface === 'web' ? `#${guild}` : `${surface}:${guild}`;
}

function timeOf({ at }: AuditedChange): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** What to call who changed something. */
export function changedBy({ actor, name, surface }: AuditedChange): string {
  if (actor === ERASED) return t('a person whose data was erased');
  if (actor === '') return t('somebody with the token of the admins');
  if (surface === 'terminal') return t('{name} at the terminal', { name: shortened(actor, 60) });
  return name === null || name === actor ? actor : `${shortened(name, 60)} (${actor})`;
}

type Change = (typeof CHANGES)[keyof typeof CHANGES][number];
type Detail = NonNullable<z.output<typeof detail>>;

/** What was done, in a few words. `name` is the target. */
const TEXTS: Readonly<Record<Exclude<Change, 'set'>, (name: string, detail: Detail) => string>> = {
  invite: (name, { admin }) => {
    if (name === '') return admin ? t('invited an admin') : t('invited somebody');
    return admin ? t('invited {name} as an admin', { name }) : t('invited {name}', { name });
  },
  lock: (name) => t('signed {name} out everywhere', { name }),
  drain: (name) => t('drained the worker {name}', { name }),
  ban: (name) => t('banned the worker {name}', { name }),
  admit: (name) => t('admitted the worker {name}', { name }),
  'pull-model': (name) => t('began to fetch the model {name}', { name }),
  'stop-model': (name) => t('stopped fetching the model {name}', { name }),
  'use-model': (name) => t('chose the model {name}', { name }),
  'remove-model': (name) => t('removed the model {name}', { name }),
  'save-preset': (name, { names = [name] }) =>
    t('saved the preset {names} | saved {count} presets: {names}', {
      count: names.length,
      names: enumerated(names, SHOWN),
    }),
  'delete-preset': (name) => t('deleted the preset {name}', { name }),
  'save-wildcard': (name) => t('saved the wildcard {name}', { name }),
  'delete-wildcard': (name) => t('deleted the wildcard {name}', { name }),
  'change-defaults': (name, { value, channel }) => {
    const setting = `${name}:${typeof value === 'string' ? shortened(value, 100) : 'default'}`;
    if (channel === undefined) return t('changed the defaults: {setting}', { setting });
    return t('changed the defaults of the channel {channel}: {setting}', { setting, channel });
  },
  cancel: (name) => t('cancelled the request {name}', { name }),
  overrule: (name, { decision }) =>
    decision === 'hidden' ? t('hid the picture {name}', { name }) : t('showed the picture {name}', { name }),
  'create-key': (name, { place = '', limits = '' }) =>
    limits === ''
      ? t('made the API key {name} for {place}', { name, place })
      : t('made the API key {name} for {place}, within {limits}', { name, place, limits }),
  'tell-key': (name, { host }) =>
    host
      ? t('lets {host} be told of the API key {name}', { name, host })
      : t('lets nobody be told of the API key {name}', { name }),
  'revoke-key': (name) => t('revoked the API key {name}', { name }),
  sign: (name) => t('chose the certificate of {name}', { name }),
};

function changeOf(change: AuditedChange): string {
  const { action, target } = change;
  if (action === 'set') return settingOf(change);
  if (!isChange(action)) return target;
  const name = target === ERASED ? t('a person whose data was erased') : target.replace(/^web:/, '');
  return TEXTS[action](name, detail.parse(change.detail) ?? {});
}

function isChange(action: AuditEntry['action']): action is keyof typeof TEXTS {
  return Object.hasOwn(TEXTS, action);
}

/** `user-jobs: 3` */
function settingOf({ target, guild, detail: stored }: AuditedChange): string {
  const setting = guildSettings(true).find(({ key, everywhere }) => key === target && everywhere === (guild === null));
  // A setting that only an older program knew.
  if (setting === undefined) return target;
  const value = setting.schema.safeParse(detail.parse(stored)?.value);
  const shown = value.success ? formatGuildSetting(setting, { ...INITIAL, [setting.key]: value.data }) : 'default';
  return `${setting.name}: ${shortened(shown, 100)}`;
}
