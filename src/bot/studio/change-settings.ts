import { UserError } from '../../system/errors.ts';
import { listedAs, t } from '../../texts/translate.ts';
import {
  formatGuildSetting,
  type GuildSettingKey,
  type GuildSettings,
  guildSettingMeant,
  guildSettingNamed,
  guildSettings,
  guildSettingsWithin,
  type PlacedSetting,
  readGuildSetting,
} from '../command/guild-settings.ts';
import { readWords } from '../command/listed-words.ts';
import { quoted } from '../command/problem.ts';
import type { SettingChange } from '../command/subcommands.ts';
import type { History, SettingsScope } from '../history/history.ts';
import type { Caller } from '../job.ts';
import type { Painters } from '../jobs/painters.ts';
import { EMPTY_REPLY, type Reply } from '../reply.ts';
import type { GuildRules } from '../rules/guild-rules.ts';
import { lastChanges } from './changes.ts';

interface Context {
  readonly history: History;
  readonly rules: GuildRules;
  readonly caller: Caller;
  readonly painters: Pick<Painters, 'all'>;
}

/** Whoever runs the bot: the admin of its own page or terminal. Moderators of a guild rule over that guild alone. */
export function isOperator({ surface, moderator }: Caller): boolean {
  return moderator && (surface === 'web' || surface === 'terminal');
}

/** Shows what holds here: all of it, with the last changes for moderators, or one setting. */
export function settingsReply(context: Context, only: string | null): Reply {
  const { history, caller } = context;
  const asked = only === null ? null : guildSettingNamed(only);
  return {
    ...EMPTY_REPLY,
    title: asked?.everywhere === true ? t('What holds everywhere') : t('What holds here'),
    lines: caller.moderator
      ? [
          t('Change one: {list}, or {number}', {
            list: 'settings blocked-words +word',
            number: 'settings user-jobs:10',
          }),
        ]
      : [],
    fields: [
      ...(asked === null ? guildSettings(false) : [asked]).map((setting) => ({
        name: `${setting.name} (${t(setting.description)})`,
        value: shownValue(setting, context),
      })),
      ...(only === null && isOperator(caller) ? [paintersField(context.painters)] : []),
      ...(only === null ? lastChanges(history, caller, isOperator(caller)) : []),
    ],
    ephemeral: true,
  };
}

function paintersField({ all }: Pick<Painters, 'all'>) {
  const lines = all.map(({ painter, ready, busy }) => {
    const { name, status } = painter;
    const provider = status.info === null ? '' : ` (${status.info.provider})`;
    if (!ready) return t('{name} is not ready', { name }) + provider;
    return (busy ? t('{name} paints', { name }) : t('{name} is ready', { name })) + provider;
  });
  return { name: t('Who paints'), value: lines.length === 0 ? t('nobody') : lines.join('\n') };
}

/**
 * Changes settings, all or none.
 * @throws UserError `settings_not_allowed`, `settings_need_a_guild`, `setting_value`, `setting_above_limit`
 */
export function changeSettings(context: Context, changes: readonly SettingChange[]): Reply {
  const { history, rules, caller } = context;
  if (!caller.moderator) {
    throw new UserError('settings_not_allowed', t('Only moderators can change settings here.'), {
      hint: t('Everyone can see them: {command}', { command: '/wuerst settings' }),
    });
  }
  const changed = history.atomically(() => changes.map((change) => applied(context, change)));
  rules.forget();
  return {
    ...EMPTY_REPLY,
    title: t('Settings changed'),
    fields: changed.map((setting) => ({ name: setting.name, value: shownValue(setting, context) })),
    ephemeral: true,
  };
}

function shownValue(setting: PlacedSetting, { history, rules, caller }: Context): string {
  const value = formatGuildSetting(setting, setting.everywhere ? history.settings.at('everywhere') : rules.at(caller));
  if (setting.key !== 'nsfwPictures' || rules.classifier !== undefined) return value;
  return t('{value} (new pictures are not looked at: no picture classifier is installed)', { value });
}

function applied({ history, caller }: Context, { key, value }: SettingChange): PlacedSetting {
  const setting = guildSettingMeant(key, value);
  const operator = isOperator(caller);
  if (setting === null) {
    throw new UserError('unknown_guild_setting', t('There is no setting {key} here.', { key: quoted(key) }), {
      hint: t('Settings here are {names}.', {
        names: listedAs(
          'conjunction',
          guildSettings(operator).map(({ name }) => name),
        ),
      }),
    });
  }
  if ((setting.everywhere || setting.kind === 'weight') && !operator) {
    throw new UserError('settings_not_allowed', t('Only whoever runs this bot can change {key}.', { key }));
  }
  if (!setting.everywhere && caller.guild === null) {
    throw new UserError('settings_need_a_guild', t('A direct message has no settings of its own.'), {
      hint: t('Change settings where they should hold: in a channel of the guild or workspace.'),
    });
  }
  const { surface, guild } = caller;
  const scope: SettingsScope = setting.everywhere || guild === null ? 'everywhere' : { surface, guild };
  const before = history.settings.own(scope)[setting.key];
  const read = readGuildSetting(setting, value, before);
  if (scope !== 'everywhere') requireWithin(setting, value, read, history.settings.at('everywhere'));
  // The value is checked by the schema of its key, whatever its type is here.
  history.settings.set<GuildSettingKey>(scope, setting.key, read, caller);
  return setting;
}

/** A guild may be stricter than whoever runs the bot, not more generous. */
function requireWithin(
  setting: PlacedSetting,
  typed: string,
  value: GuildSettings[GuildSettingKey] | undefined,
  everywhere: GuildSettings,
): void {
  const { name, kind, key } = setting;
  if (value === undefined) return;
  const held = everywhere[key];
  if (kind === 'list' && Array.isArray(held)) {
    const kept = readWords(typed).find(({ sign, word }) => sign === '-' && held.includes(word));
    if (kept === undefined) return;
    throw new UserError(
      'setting_above_limit',
      t('Whoever runs this bot has put {word} on {name} everywhere.', { word: quoted(kept.word), name }),
      {
        hint: t('A guild can add to that list, not take away from it.'),
      },
    );
  }
  if (guildSettingsWithin(everywhere, { [key]: value })[key] === value) return;
  const allowed = formatGuildSetting(setting, everywhere);
  const problem =
    kind === 'limit'
      ? t('Whoever runs this bot allows {name} up to {allowed}.', { name, allowed })
      : t('Whoever runs this bot has set {name} to {allowed} everywhere.', { name, allowed });
  throw new UserError('setting_above_limit', problem, {
    hint: t('For example: {command}', { command: `/wuerst settings ${name} ${allowed}` }),
  });
}
