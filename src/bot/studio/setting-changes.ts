import * as z from 'zod';
import { t } from '../../texts/translate.ts';
import { formatGuildSetting, guildSettings, INITIAL } from '../command/guild-settings.ts';
import { ERASED, type SettingsChange } from '../history/audit.ts';
import type { History } from '../history/history.ts';
import type { Caller } from '../job.ts';
import { shortened } from '../replies/job-reply.ts';
import type { Reply } from '../reply.ts';

const SHOWN = 5;

/** Without `value`, the setting went back to what holds around it. */
const detail = z.object({ value: z.unknown() });

/**
 * Who changed which settings last, and when, as fields of a reply: the changes of the caller's guild and, for whoever runs
 * the bot, those that hold everywhere. Nothing for people who are not moderators.
 */
export function lastChanges(history: History, caller: Caller, isOperator: boolean): Reply['fields'] {
  if (!caller.moderator) return [];
  const here =
    caller.guild === null ? [] : history.audit.changes({ surface: caller.surface, guild: caller.guild }, SHOWN);
  const everywhere = isOperator ? history.audit.changes('everywhere', SHOWN) : [];
  const newest = [...here, ...everywhere].toSorted((a, b) => b.num - a.num).slice(0, SHOWN);
  return newest.map((change) => ({
    name: t('Changed {time} by {actor}', { time: timeOf(change), actor: changedBy(change) }),
    value: changeOf(change),
  }));
}

function timeOf({ at }: SettingsChange): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** What to call who changed something. */
export function changedBy({ actor, name }: SettingsChange): string {
  if (actor === ERASED) return t('a person whose data was erased');
  return name === null ? actor : `${shortened(name, 60)} (${actor})`;
}

/** `user-jobs: 3` */
function changeOf({ target, guild, detail: stored }: SettingsChange): string {
  const setting = guildSettings(true).find(({ key, everywhere }) => key === target && everywhere === (guild === null));
  // A setting that only an older program knew.
  if (setting === undefined) return target;
  const value = setting.schema.safeParse(detail.safeParse(stored).data?.value);
  const shown = value.success ? formatGuildSetting(setting, { ...INITIAL, [setting.key]: value.data }) : 'default';
  return `${setting.name}: ${shortened(shown, 100)}`;
}
