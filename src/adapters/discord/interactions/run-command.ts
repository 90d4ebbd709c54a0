import {
  type APIApplicationCommandInteraction,
  type APIInteraction,
  type APIMessage,
  ApplicationCommandType,
  ComponentType,
} from 'discord.js';
import { formatPrompt } from '../../../bot/command/format.ts';
import { NATIVE_SUBCOMMANDS } from '../../../bot/command/subcommands.ts';
import type { Caller } from '../../../bot/job.ts';
import { UserError } from '../../../system/errors.ts';
import { listedAs, t } from '../../../texts/translate.ts';
import type { Core, Outcome } from '../../adapter.ts';
import { CONTEXT_COMMAND, PAINT_COMMAND, SUBCOMMAND_PREFIX } from '../commands/commands.ts';
import { optionsOf, PROMPT_MARK, textOf, valuesOf } from '../commands/option-values.ts';
import { missingPermissions, shownName } from '../commands/permissions.ts';
import { ASK_PREFIX } from '../messages/render.ts';
import { attachedFile, attachedPictures } from './attachments.ts';
import type { Callers } from './callers.ts';

/** Without these permissions Discord would silently drop the pictures. */
export function requirePermissions(interaction: APIInteraction): void {
  const missing = missingPermissions(interaction.app_permissions, ['Attach Files', 'Embed Links']);
  if (missing.length === 0) return;
  const names = listedAs('conjunction', missing.map(shownName));
  const values = { names, count: missing.length };
  throw new UserError(
    'missing_permission',
    t('I lack the permission {names} in this channel. | I lack the permissions {names} in this channel.', values),
    {
      hint:
        missing.length === 1
          ? t(
              "Someone who manages this server can grant it to my role under Server Settings → Roles or in the channel's settings.",
            )
          : t(
              "Someone who manages this server can grant them to my role under Server Settings → Roles or in the channel's settings.",
            ),
    },
  );
}

/** Commands as calls of the core. */
/** @param origins where attachments lie */
export function createCommandRunner(core: Core, callers: Callers, origins: readonly string[]) {
  return async function run(interaction: APIApplicationCommandInteraction): Promise<Outcome> {
    const { data } = interaction;
    if (data.type === ApplicationCommandType.Message && data.name === CONTEXT_COMMAND) {
      const message = data.resolved.messages[data.target_id];
      if (message) return showParameters(interaction, message);
    }
    if (data.type !== ApplicationCommandType.ChatInput) throw unknownCommand(data.name);
    const given = optionsOf(data);
    const idempotencyKey = `discord:${interaction.id}`;
    if (data.name === PAINT_COMMAND) {
      const caller = await callers.of(interaction, 'ManageGuild');
      requirePermissions(interaction);
      const typed = textOf(given, 'prompt') ?? '';
      const prompt = typed.startsWith(PROMPT_MARK) ? keptPrompt(typed.slice(PROMPT_MARK.length), caller) : typed;
      const pictures = await attachedPictures(core, caller, data, origins);
      return core.command(prompt, caller, { idempotencyKey, options: valuesOf(given), pictures });
    }
    const subcommand = NATIVE_SUBCOMMANDS.find(({ name }) => data.name === `${SUBCOMMAND_PREFIX}${name}`);
    if (subcommand === undefined) throw unknownCommand(data.name);
    const { name, options, file: wanted } = subcommand;
    const caller = await callers.of(interaction, name === 'cancel' ? 'ManageMessages' : 'ManageGuild');
    if (name === 'show') requirePermissions(interaction);
    const values = options.map((option) => textOf(given, option.name));
    if (name === 'settings' && values[0] === undefined && values[1] !== undefined) throw settingMissing(values[1]);
    const file = wanted && (await attachedFile(data, wanted.name, origins));
    const typed = values.filter((value) => value !== undefined);
    const words = wanted !== undefined && file !== undefined && typed.length === 0 ? [wanted.subject] : typed;
    return core.command([name, ...words].join(' '), caller, { idempotencyKey, subcommand: true, file });
  };

  function keptPrompt(promptId: string, caller: Caller): string {
    const prompt = core.promptById(promptId, caller);
    if (prompt !== null) return formatPrompt(prompt, true);
    throw new UserError('prompt_unknown', t('That earlier prompt is no longer kept.'), {
      hint: t('Type it again, or choose another one.'),
    });
  }

  async function showParameters(interaction: APIApplicationCommandInteraction, message: APIMessage): Promise<Outcome> {
    const { application_id } = interaction;
    const own = message.application_id === application_id || message.author.id === application_id;
    const info = own ? actionsOn(message).find((action) => action.startsWith('info:')) : undefined;
    if (info === undefined) {
      throw new UserError('no_parameters', t('That message shows no finished picture of mine.'), {
        hint: t('Choose a message with pictures that I made.'),
      });
    }
    const caller = await callers.of(interaction, 'ManageMessages');
    return core.act(info, caller, { idempotencyKey: `discord:${interaction.id}` });
  }
}

function settingMissing(value: string): UserError {
  return new UserError('setting_missing', t('The value “{value}” needs a setting to go to.', { value }), {
    hint: t('Fill in both; without either, {command} lists the settings.', { command: '/wuerst-settings' }),
  });
}

function unknownCommand(name: string): UserError {
  return new UserError('command_unknown', t('The command “{name}” no longer exists.', { name }), {
    hint: t('Restart Discord to see the current commands, or try {command}.', { command: '/wuerst-help' }),
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
