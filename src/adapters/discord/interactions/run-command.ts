import {
  type APIApplicationCommandInteraction,
  type APIInteraction,
  type APIMessage,
  ApplicationCommandType,
  ComponentType,
} from 'discord.js';
import { formatPrompt, settingsFromOptions } from '../../../bot/command/parse.ts';
import { UserError } from '../../../system/errors.ts';
import type { Core, Outcome } from '../../adapter.ts';
import { CONTEXT_COMMAND, SETTINGS_COMMAND } from '../commands/commands.ts';
import { optionsOf, PROMPT_MARK, textOf, valuesOf } from '../commands/options.ts';
import { missingPermissions } from '../commands/permissions.ts';
import { ASK_PREFIX } from '../messages/render.ts';
import type { Callers } from './callers.ts';

/** Pictures can't be shown without these; Discord would drop them without a word. */
export function requirePermissions(interaction: APIInteraction): void {
  const missing = missingPermissions(interaction.app_permissions, ['Attach Files', 'Embed Links']);
  if (missing.length === 0) return;
  const names = missing.map((name) => `“${name}”`).join(' and ');
  const plural = missing.length > 1 ? 'permissions' : 'permission';
  throw new UserError('missing_permission', `I lack the ${plural} ${names} in this channel.`, {
    hint: `Someone who manages this server can grant ${missing.length > 1 ? 'them' : 'it'} to my role under Server Settings → Roles or in the channel's settings.`,
  });
}

/** Commands as calls of the core. */
export function createCommandRunner(core: Core, callers: Callers) {
  return async function run(interaction: APIApplicationCommandInteraction): Promise<Outcome> {
    const { data } = interaction;
    if (data.type === ApplicationCommandType.Message && data.name === CONTEXT_COMMAND) {
      const message = data.resolved.messages[data.target_id];
      if (message) return showParameters(interaction, message);
    }
    if (data.type !== ApplicationCommandType.ChatInput) throw unknownCommand(data.name);
    const given = optionsOf(data);
    const id = textOf(given, 'id');
    const idempotencyKey = `discord:${interaction.id}`;
    const caller = await callers.of(interaction, data.name === 'wuerst-cancel' ? 'ManageMessages' : 'ManageGuild');
    const subcommand = (text: string) => core.command(text, caller, { idempotencyKey, subcommand: true });
    switch (data.name) {
      case 'wuerst': {
        requirePermissions(interaction);
        const settings = settingsFromOptions(valuesOf(given), core.limits(caller));
        const typed = textOf(given, 'prompt') ?? '';
        const prompt = typed.startsWith(PROMPT_MARK) ? keptPrompt(typed.slice(PROMPT_MARK.length)) : typed;
        return core.command(prompt, caller, { idempotencyKey, settings });
      }
      case 'wuerst-history':
        return subcommand('history');
      case 'wuerst-show':
        requirePermissions(interaction);
        return subcommand(`show ${id ?? ''}`);
      case 'wuerst-queue':
        return subcommand('queue');
      case 'wuerst-cancel':
        return subcommand(id === undefined ? 'cancel' : `cancel ${id}`);
      case SETTINGS_COMMAND: {
        const setting = textOf(given, 'setting');
        const value = textOf(given, 'value');
        if (setting === undefined && value !== undefined) {
          throw new UserError('setting_missing', `The value “${value}” needs a setting to go to.`, {
            hint: 'Fill in both; without either, /wuerst-settings lists the settings.',
          });
        }
        return subcommand(['settings', setting, value].filter((part) => part !== undefined).join(' '));
      }
      case 'wuerst-help':
        return subcommand('help');
      default:
        throw unknownCommand(data.name);
    }

    function keptPrompt(promptId: string): string {
      const prompt = core.promptById(promptId, caller);
      if (prompt !== null) return formatPrompt(prompt);
      throw new UserError('prompt_unknown', 'That earlier prompt is not kept any more.', {
        hint: 'Type it again, or choose another one.',
      });
    }
  };

  async function showParameters(interaction: APIApplicationCommandInteraction, message: APIMessage): Promise<Outcome> {
    const { application_id } = interaction;
    const own = message.application_id === application_id || message.author.id === application_id;
    const info = own ? actionsOn(message).find((action) => action.startsWith('info:')) : undefined;
    if (info === undefined) {
      throw new UserError('no_parameters', 'That message shows no finished picture of mine.', {
        hint: 'Choose a message with pictures that I made.',
      });
    }
    const caller = await callers.of(interaction, 'ManageMessages');
    return core.act(info, caller, { idempotencyKey: `discord:${interaction.id}` });
  }
}

function unknownCommand(name: string): UserError {
  return new UserError('command_unknown', `There is no command “${name}” any more.`, {
    hint: 'Restart Discord to see the current commands, or try /wuerst-help.',
  });
}

function actionsOn(message: APIMessage): string[] {
  const ids = (message.components ?? []).flatMap((row) => {
    if (row.type !== ComponentType.ActionRow) return [];
    return row.components.flatMap((part) => {
      if (part.type === ComponentType.StringSelect) return part.options.map(({ value }) => value);
      return 'custom_id' in part ? [part.custom_id] : [];
    });
  });
  return ids.map((id) => (id.startsWith(ASK_PREFIX) ? id.slice(ASK_PREFIX.length) : id));
}
