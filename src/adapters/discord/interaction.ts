import {
  type APIApplicationCommandInteraction,
  type APIInteraction,
  type APIMessage,
  type APIMessageComponentInteraction,
  type APIModalInteractionResponseCallbackData,
  type APIModalSubmitInteraction,
  ApplicationCommandType,
  ComponentType,
  InteractionResponseType,
  InteractionType,
  MessageFlags,
  TextInputStyle,
} from 'discord.js';
import type { Button, Reply } from '../../bot/reply.ts';
import { UserError } from '../../errors.ts';
import type { Core, Outcome } from '../adapter.ts';
import type { DiscordApi } from './api.ts';
import { botHasAccess, type Callers, userOf } from './caller.ts';
import { type Clock, delay } from './clock.ts';
import { CONTEXT_COMMAND, SETTINGS_COMMAND } from './commands.ts';
import { completions } from './complete.ts';
import { composeReply } from './compose.ts';
import type { Deliveries } from './delivery.ts';
import { plainText } from './escape.ts';
import { classify, describe } from './failure.ts';
import { DEFAULT_FILE_LIMIT } from './files.ts';
import { missingPermissions } from './invite.ts';
import type { Logger } from './logger.ts';
import { type MessageRef, parseRef, TOKEN_LIFE } from './message-ref.ts';
import { optionsOf, PROMPT_MARK, settingsOf, textOf } from './options.ts';
import { ASK_PREFIX, LIMITS, MORE_PREFIX } from './render.ts';

/** What the core may take before the interaction is acknowledged without knowing the outcome, in ms. */
const DECIDE_WITHIN = 120;
/** How many interactions are remembered to recognise events that Discord sends again. */
const REMEMBERED = 2000;
/** The token is treated as dead a little before it dies, in ms. */
const TOKEN_MARGIN = 5000;

const TEXT_INPUT = 'text';

export interface InteractionOptions {
  readonly core: Core;
  readonly api: DiscordApi;
  readonly callers: Callers;
  readonly deliveries: Deliveries;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Parts of an action: `reroll:ab12` → `reroll`. */
function verbOf(action: string): string {
  return action.split(':', 1)[0] ?? '';
}

function customIdsOf(message: APIMessage): string[] {
  return (message.components ?? []).flatMap((row) =>
    'components' in row
      ? row.components.flatMap((part) =>
          part.type === ComponentType.StringSelect
            ? part.options.map(({ value }) => value)
            : 'custom_id' in part
              ? [part.custom_id]
              : [],
        )
      : [],
  );
}

function notice(title: string, lines: readonly string[], buttons: Reply['buttons'] = []): Reply {
  return {
    tone: 'normal',
    title,
    lines,
    fields: [],
    progress: null,
    eta: null,
    preview: null,
    images: [],
    buttons,
    code: null,
    ephemeral: true,
  };
}

/** Turns interactions into calls of the core, and their outcomes into answers. Never rejects. */
export function createInteractionHandler(options: InteractionOptions) {
  const { core, api, callers, deliveries, clock, logger } = options;
  const seen = new Set<string>();

  async function handle(interaction: APIInteraction): Promise<void> {
    // After a RESUME Discord may send an event a second time.
    if (seen.has(interaction.id)) return;
    seen.add(interaction.id);
    for (const old of seen) {
      if (seen.size <= REMEMBERED) break;
      seen.delete(old);
    }
    try {
      await route(interaction);
    } catch (error) {
      logger.warn({ interaction: interaction.id, ...describe(error) }, 'discord: an interaction could not be answered');
    }
  }

  function route(interaction: APIInteraction): Promise<void> {
    switch (interaction.type) {
      case InteractionType.ApplicationCommand:
        return answer(interaction, () => runCommand(interaction));
      case InteractionType.ApplicationCommandAutocomplete:
        return complete(interaction);
      case InteractionType.MessageComponent:
        return click(interaction);
      case InteractionType.ModalSubmit:
        return answer(interaction, () => submit(interaction));
      default:
        return Promise.resolve();
    }
  }

  async function complete(interaction: Extract<APIInteraction, { type: 4 }>): Promise<void> {
    let choices: ReturnType<typeof completions> = [];
    try {
      choices = completions(interaction, core, await callers.of(interaction, 'ManageGuild'));
    } finally {
      await api.respond(interaction, InteractionResponseType.ApplicationCommandAutocompleteResult, { choices });
    }
  }

  /** Pictures can't be shown without these; Discord would drop them without a word. */
  function requirePermissions(interaction: APIInteraction): void {
    const missing = missingPermissions(interaction.app_permissions, ['Attach Files', 'Embed Links']);
    if (missing.length === 0) return;
    const names = missing.map((name) => `“${name}”`).join(' and ');
    const plural = missing.length > 1 ? 'permissions' : 'permission';
    throw new UserError('missing_permission', `I lack the ${plural} ${names} in this channel.`, {
      hint: `Someone who manages this server can grant ${missing.length > 1 ? 'them' : 'it'} to my role under Server Settings → Roles or in the channel's settings.`,
    });
  }

  async function runCommand(interaction: APIApplicationCommandInteraction): Promise<Outcome> {
    const { data } = interaction;
    if (data.type === ApplicationCommandType.Message && data.name === CONTEXT_COMMAND) {
      const message = data.resolved.messages[data.target_id];
      if (message) return showParameters(interaction, message);
    }
    if (interaction.data.type !== ApplicationCommandType.ChatInput) throw unknownCommand(data.name);
    const given = optionsOf(interaction as Parameters<typeof optionsOf>[0]);
    const key = { idempotencyKey: `discord:${interaction.id}` };
    const id = textOf(given, 'id');
    const caller = await callers.of(interaction, data.name === 'wuerst-cancel' ? 'ManageMessages' : 'ManageGuild');
    switch (data.name) {
      case 'wuerst': {
        requirePermissions(interaction);
        const { text, settings } = settingsOf(given);
        const typed = textOf(given, 'prompt') ?? '';
        const known = typed.startsWith(PROMPT_MARK) ? core.promptById(typed.slice(PROMPT_MARK.length), caller) : typed;
        if (known === null) {
          throw new UserError('prompt_unknown', 'That earlier prompt is not kept any more.', {
            hint: 'Type it again, or choose another one.',
          });
        }
        return core.command(text === '' ? known : `${text} ${known}`, caller, { ...key, settings });
      }
      case 'wuerst-history':
        return core.command('history', caller, key);
      case 'wuerst-show':
        requirePermissions(interaction);
        return core.command(`show ${id ?? ''}`, caller, key);
      case 'wuerst-queue':
        return core.command('queue', caller, key);
      case 'wuerst-cancel':
        return core.command(id === undefined ? 'cancel' : `cancel ${id}`, caller, key);
      case SETTINGS_COMMAND: {
        const setting = textOf(given, 'setting');
        const value = textOf(given, 'value');
        const quoted = value !== undefined && /\s/.test(value) ? `"${value.replaceAll('"', '')}"` : value;
        if (setting === undefined) return core.command('settings', caller, key);
        return core.command(
          quoted === undefined ? `settings ${setting}` : `settings ${setting}:${quoted}`,
          caller,
          key,
        );
      }
      case 'wuerst-help':
        return core.command('help', caller, key);
      default:
        throw unknownCommand(data.name);
    }
  }

  function unknownCommand(name: string): UserError {
    return new UserError('command_unknown', `There is no command “${name}” any more.`, {
      hint: 'Restart Discord to see the current commands, or try /wuerst-help.',
    });
  }

  async function showParameters(interaction: APIApplicationCommandInteraction, message: APIMessage): Promise<Outcome> {
    const own =
      message.application_id === interaction.application_id || message.author.id === interaction.application_id;
    const actions = own ? customIdsOf(message).map((id) => id.replace(ASK_PREFIX, '')) : [];
    const info = actions.find((action) => verbOf(action) === 'info');
    if (info === undefined) {
      throw new UserError('no_parameters', 'That message shows no finished picture of mine.', {
        hint: 'Choose a message with pictures that I made.',
      });
    }
    const caller = await callers.of(interaction, 'ManageMessages');
    return core.act(info, caller, { idempotencyKey: `discord:${interaction.id}` });
  }

  async function click(interaction: APIMessageComponentInteraction): Promise<void> {
    const { data } = interaction;
    const chosen =
      data.component_type === ComponentType.StringSelect && data.custom_id.startsWith(MORE_PREFIX)
        ? (data.values[0] ?? '')
        : data.custom_id;
    if (!chosen.startsWith(ASK_PREFIX)) return answer(interaction, () => act(interaction, chosen));

    const action = chosen.slice(ASK_PREFIX.length);
    const button = core.button?.(action, await callers.of(interaction, 'ManageMessages')) ?? null;
    const form = button ? button.ask : verbOf(action) === 'remix' ? REMIX : undefined;
    if (form) {
      await api.respond(interaction, InteractionResponseType.Modal, modal(action, form));
      return;
    }
    if (button && button.confirm === undefined) return answer(interaction, () => act(interaction, action));
    const yes: Button = { action, label: button?.label ?? 'Yes', style: 'danger' };
    const question = notice(button?.confirm ?? 'Are you sure?', [], [[yes]]);
    return answer(interaction, () => Promise.resolve({ kind: 'reply', reply: question }));
  }

  const REMIX: NonNullable<Button['ask']> = { title: 'Remix', label: 'Prompt', value: '', maxLength: LIMITS.textInput };

  function modal(action: string, form: NonNullable<Button['ask']>): APIModalInteractionResponseCallbackData {
    const max = Math.min(LIMITS.textInput, Math.max(1, form.maxLength));
    return {
      custom_id: action,
      title: plainText(form.title, LIMITS.modalTitle),
      components: [
        {
          type: ComponentType.Label,
          label: plainText(form.label, LIMITS.label),
          component: {
            type: ComponentType.TextInput,
            custom_id: TEXT_INPUT,
            style: TextInputStyle.Paragraph,
            max_length: max,
            required: true,
            ...(form.value === '' ? {} : { value: form.value.slice(0, max) }),
          },
        },
      ],
    };
  }

  async function act(interaction: APIMessageComponentInteraction, action: string): Promise<Outcome> {
    const caller = await callers.of(interaction, 'ManageMessages');
    return core.act(action, caller, { idempotencyKey: `discord:${interaction.id}` });
  }

  async function submit(interaction: APIModalSubmitInteraction): Promise<Outcome> {
    requirePermissions(interaction);
    const inputs = interaction.data.components.flatMap((row) =>
      'component' in row ? [row.component] : 'components' in row ? row.components : [],
    );
    const input = inputs.find((part) => part.custom_id === TEXT_INPUT);
    const text = input && 'value' in input && typeof input.value === 'string' ? input.value : '';
    const caller = await callers.of(interaction, 'ManageMessages');
    return core.act(interaction.data.custom_id, caller, { idempotencyKey: `discord:${interaction.id}`, text });
  }

  type Answerable = APIApplicationCommandInteraction | APIMessageComponentInteraction | APIModalSubmitInteraction;

  /**
   * Runs the work and answers: a job by a deferred message that will show it, a reply at once. Where the core does
   * not decide within a moment, the answer is deferred first.
   */
  async function answer(interaction: Answerable, work: () => Promise<Outcome>): Promise<void> {
    const outcome = work().catch((error: unknown): Outcome => {
      if (!(error instanceof UserError)) logger.error(describe(error), 'discord: a command failed');
      return { kind: 'reply', reply: core.errorReply(error) };
    });
    const early = await Promise.race([outcome, delay(clock, DECIDE_WITHIN).then(() => null)]);
    const deferred = early ? null : await acknowledge(interaction);
    const decided = early ?? (await outcome);
    if (decided.kind === 'job') await showJob(interaction, decided.job.id, deferred);
    else await showReply(interaction, decided.reply, deferred);
  }

  /** What became of acknowledging: the message where known, and whether the interaction can still be used. */
  interface Acknowledged {
    readonly alive: boolean;
    readonly message: string | null;
    readonly ephemeral: boolean;
  }

  async function acknowledge(interaction: Answerable, flags?: MessageFlags.Ephemeral): Promise<Acknowledged> {
    try {
      const data = flags === undefined ? undefined : { flags };
      const type = InteractionResponseType.DeferredChannelMessageWithSource;
      const message = (await api.respond(interaction, type, data)) ?? (await api.original(interaction.token));
      const ephemeral = ((message.flags ?? 0) & MessageFlags.Ephemeral) !== 0;
      return { alive: true, message: message.id, ephemeral };
    } catch (error) {
      logger.warn({ interaction: interaction.id, ...describe(error) }, 'discord: could not acknowledge in time');
      return { alive: classify(error) === 'transient', message: null, ephemeral: false };
    }
  }

  async function showJob(interaction: Answerable, jobId: string, deferred: Acknowledged | null): Promise<void> {
    const stored = parseRef(core.message(jobId));
    if (stored?.interaction?.id === interaction.id && stored.target.message !== null) return;
    const channel = interaction.channel?.id ?? '0';
    const ref: MessageRef = {
      version: 1,
      interaction: {
        id: interaction.id,
        token: interaction.token,
        expires: clock.now() + TOKEN_LIFE - TOKEN_MARGIN,
      },
      user: userOf(interaction).id,
      channel,
      access: botHasAccess(interaction),
      limit: interaction.attachment_size_limit ?? DEFAULT_FILE_LIMIT,
      place: 'reply',
      target: { channel, message: null },
      posted: null,
      files: {},
      note: null,
    };
    // Stored before the answer exists: after a crash in between, the token finds the message.
    core.saveMessage(jobId, ref);
    const { alive, message, ephemeral } = deferred ?? (await acknowledge(interaction));
    if (ref.interaction && !alive) ref.interaction.expires = 0;
    // Only the interaction's token reaches a message that one person sees.
    if (ephemeral) ref.access = false;
    ref.target.message = message;
    core.saveMessage(jobId, ref);
    deliveries.follow(jobId, ref);
  }

  async function showReply(interaction: Answerable, reply: Reply, deferred: Acknowledged | null): Promise<void> {
    const hidden = reply.ephemeral || reply.tone === 'error';
    const flags = hidden ? MessageFlags.Ephemeral : undefined;
    const limit = interaction.attachment_size_limit ?? DEFAULT_FILE_LIMIT;
    const composed = await composeReply(reply, { core, now: clock.now(), limit });
    const heavy = (composed.files?.length ?? 0) > 0;
    const { token } = interaction;

    if (!deferred && !heavy) {
      const { content, embeds, components } = composed.body;
      const inPlace =
        hidden &&
        interaction.type === InteractionType.MessageComponent &&
        ((interaction.message.flags ?? 0) & MessageFlags.Ephemeral) !== 0;
      const type = inPlace ? InteractionResponseType.UpdateMessage : InteractionResponseType.ChannelMessageWithSource;
      await api.respond(interaction, type, {
        content,
        embeds,
        components,
        ...(flags === undefined || inPlace ? {} : { flags }),
      });
      return;
    }
    const shown = deferred ?? (await acknowledge(interaction, flags));
    if (shown.message === null) return;
    if (hidden && !shown.ephemeral) {
      // The public "thinking…" goes away; what only one person should see follows.
      await api.deleteOriginal(token);
      await api.followUp(token, { ...composed, body: { ...composed.body, flags: MessageFlags.Ephemeral } });
    } else await api.editOriginal(token, shown.message, composed);
  }

  return { handle };
}
