import { UserError } from '../../system/errors.ts';
import {
  EVERYWHERE_PREFIX,
  formatSetting,
  type GuildSettings,
  type NamedSetting,
  readSettingValue,
  SETTING_NAMES,
  type SettingKey,
  settingNamed,
} from '../command/guild-settings.ts';
import type { SettingChange } from '../command/subcommand.ts';
import type { History, SettingsScope } from '../history/history.ts';
import type { Caller } from '../job.ts';
import { EMPTY_REPLY, type Reply } from '../reply.ts';
import { type GuildRules, scopeOf } from '../rules/guild-rules.ts';
import { lastChanges } from './setting-changes.ts';

interface Context {
  readonly history: History;
  readonly rules: GuildRules;
  readonly caller: Caller;
}

/** Whoever runs the bot: the admin of its own page or terminal. Moderators of a guild rule over that guild alone. */
export function isOperator({ surface, moderator }: Caller): boolean {
  return moderator && (surface === 'web' || surface === 'terminal');
}

/** Shows what holds here: all of it, with the last changes for moderators, or one setting. */
export function settingsReply({ rules, history, caller }: Context, only: string | null): Reply {
  const asked = only === null ? null : settingNamed(only);
  const everywhere = asked?.everywhere === true;
  const settings = everywhere ? history.settings.at('everywhere') : rules.at(caller);
  const names = asked === null ? SETTING_NAMES : [asked];
  return {
    ...EMPTY_REPLY,
    title: everywhere ? 'What holds everywhere' : 'What holds here',
    lines: caller.moderator ? ['Change one: settings blocked-words +word, or settings user-jobs:10'] : [],
    fields: [
      ...names.map((name) => ({
        name: `${everywhere ? EVERYWHERE_PREFIX : ''}${name.name} (${name.description})`,
        value: formatSetting(name, settings),
      })),
      ...(only === null ? lastChanges(history, caller, isOperator(caller)) : []),
    ],
    ephemeral: true,
  };
}

/**
 * Changes settings, all or none.
 * @throws UserError `settings_not_allowed`, `settings_need_a_guild`, `setting_value`, `setting_above_limit`
 */
export function changeSettings(context: Context, changes: readonly SettingChange[]): Reply {
  const { history, rules, caller } = context;
  if (!caller.moderator) {
    throw new UserError('settings_not_allowed', 'Only moderators change settings here.', {
      hint: 'Everyone can see them: /wuerst settings',
    });
  }
  const changed = history.atomically(() => changes.map((change) => applied(context, change)));
  rules.forget();
  return {
    ...EMPTY_REPLY,
    title: 'Settings changed',
    fields: changed.map((setting) => ({
      name: `${setting.everywhere ? EVERYWHERE_PREFIX : ''}${setting.name}`,
      value: formatSetting(setting, setting.everywhere ? history.settings.at('everywhere') : rules.at(caller)),
    })),
    ephemeral: true,
  };
}

function applied({ history, caller }: Context, { key, value }: SettingChange): NamedSetting {
  const setting = settingNamed(key);
  if (setting === null) {
    throw new UserError('unknown_guild_setting', `There is no setting "${key.slice(0, 60)}" here.`, {
      hint: `Settings are ${SETTING_NAMES.map(({ name }) => name).join(', ')}.`,
    });
  }
  const operator = isOperator(caller);
  if ((setting.everywhere || setting.kind === 'weight') && !operator) {
    throw new UserError('settings_not_allowed', `Only whoever runs this bot changes ${key}.`);
  }
  if (!setting.everywhere && caller.guild === null) {
    throw new UserError('settings_need_a_guild', 'A direct message has no settings of its own.', {
      hint: 'Change settings where they should hold: in a channel of the guild or workspace.',
    });
  }
  const scope: SettingsScope = setting.everywhere ? 'everywhere' : scopeOf(caller);
  const read = readSettingValue(setting, value, history.settings.at(scope));
  if (!operator) withinLimits(setting, read, history.settings.at('everywhere'));
  store(history, scope, setting.key, read, caller);
  return setting;
}

/** A guild may be stricter than whoever runs the bot, not more generous. */
function withinLimits({ name, kind, key }: NamedSetting, value: unknown, everywhere: GuildSettings): void {
  const limit = everywhere[key];
  if (kind !== 'limit' || value === undefined || typeof limit !== 'number') return;
  if (typeof value === 'number' && value <= limit) return;
  throw new UserError('setting_above_limit', `Whoever runs this bot allows ${name} up to ${limit}.`, {
    hint: `For example: /wuerst settings ${name} ${limit}`,
  });
}

function store(
  history: History,
  scope: SettingsScope,
  key: SettingKey,
  value: GuildSettings[SettingKey] | undefined,
  by: Caller,
): void {
  // The value is checked by the schema of its key, whatever its type is here.
  history.settings.set<SettingKey>(scope, key, value, by);
}
