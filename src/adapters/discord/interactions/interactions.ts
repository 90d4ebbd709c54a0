import {
  type APIApplicationCommandAutocompleteInteraction,
  type APIInteraction,
  type APIMessageComponentInteraction,
  type APIModalInteractionResponseCallbackData,
  type APIModalSubmitInteraction,
  ComponentType,
  InteractionResponseType,
  InteractionType,
  MessageFlags,
  TextInputStyle,
} from 'discord.js';
import { type Button, EMPTY_REPLY, type Reply } from '../../../bot/reply.ts';
import type { Clock } from '../../../system/clock.ts';
import type { Logger } from '../../../system/logging.ts';
import type { Core, Outcome } from '../../adapter.ts';
import { composeReply } from '../messages/compose.ts';
import type { Deliveries } from '../messages/delivery.ts';
import { plainText, withoutSteering } from '../messages/escape.ts';
import { DEFAULT_FILE_LIMIT } from '../messages/files.ts';
import { tokenOf } from '../messages/message-ref.ts';
import { ASK_PREFIX, LIMITS, MORE_PREFIX } from '../messages/render.ts';
import type { DiscordApi } from '../rest/api.ts';
import { errorFields } from '../rest/errors.ts';
import { type Clicked, createAnswering, isEphemeral } from './answering.ts';
import { botHasAccess, type Callers, userOf } from './callers.ts';
import { completions } from './complete.ts';
import { createCommandRunner, requirePermissions } from './run-command.ts';

/** How many interactions are remembered to recognise events that Discord sends again. */
const REMEMBERED = 2000;
/** Questions whose answer may still come. */
const ASKED = 1000;

const TEXT_INPUT = 'text';

/** Actions that show no pictures. */
const PICTURELESS = /^(?:info|cancel|delete|erase):/;

export interface InteractionOptions {
  readonly core: Core;
  readonly api: DiscordApi;
  readonly callers: Callers;
  readonly deliveries: Deliveries;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Turns interactions into calls of the core, and their outcomes into answers. Never rejects. */
export function createInteractionHandler(options: InteractionOptions) {
  const { core, api, callers, clock, logger } = options;
  const { answer, insist } = createAnswering(options);
  const runCommand = createCommandRunner(core, callers);
  const seen = new Set<string>();
  /** What a question was asked about, by who was asked and for what. */
  const asked = new Map<string, Clicked>();

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
      logger.warn(
        { interaction: interaction.id, ...errorFields(error) },
        'discord: an interaction could not be answered',
      );
    }
  }

  function route(interaction: APIInteraction): Promise<void> {
    switch (interaction.type) {
      case InteractionType.ApplicationCommand:
        return answer(interaction, () => runCommand(interaction), null);
      case InteractionType.ApplicationCommandAutocomplete:
        return complete(interaction);
      case InteractionType.MessageComponent:
        return click(interaction);
      case InteractionType.ModalSubmit:
        return answer(interaction, () => submit(interaction), null);
      default:
        return Promise.resolve();
    }
  }

  async function complete(interaction: APIApplicationCommandAutocompleteInteraction): Promise<void> {
    let choices: ReturnType<typeof completions> = [];
    try {
      choices = completions(interaction, core, callers.known(interaction, 'ManageGuild'));
    } finally {
      await api.respond(interaction, InteractionResponseType.ApplicationCommandAutocompleteResult, { choices });
    }
  }

  async function click(interaction: APIMessageComponentInteraction): Promise<void> {
    const { data } = interaction;
    const chosen =
      data.component_type === ComponentType.StringSelect && data.custom_id.startsWith(MORE_PREFIX)
        ? (data.values[0] ?? '')
        : data.custom_id;
    const asks = chosen.startsWith(ASK_PREFIX);
    const action = asks ? chosen.slice(ASK_PREFIX.length) : chosen;
    const button = asks ? (core.button?.(action, callers.known(interaction, 'ManageMessages')) ?? null) : null;
    if (button?.ask) return api.respond(interaction, InteractionResponseType.Modal, modal(action, button.ask)).then();
    if (button?.confirm !== undefined) return ask(interaction, button, button.confirm);
    // Also where nothing is asked any more: acting says why.
    await answer(interaction, () => act(interaction, action), clickedBy(interaction, action));
  }

  function clickedBy(interaction: APIMessageComponentInteraction, action: string): Clicked | null {
    const key = `${userOf(interaction).id} ${action}`;
    const before = asked.get(key) ?? null;
    asked.delete(key);
    return isEphemeral(interaction) ? before : source(interaction);
  }

  function source(interaction: APIMessageComponentInteraction): Clicked {
    return { message: interaction.message.id, token: { ...tokenOf(interaction, clock.now()), source: true } };
  }

  /**
   * Asks one person. Where the bot can't reach the message by itself, this click's token is kept for when the answer
   * comes: it is acknowledged as one on the message, and the question follows.
   */
  async function ask(interaction: APIMessageComponentInteraction, button: Button, question: string): Promise<void> {
    const yes: Button = { action: button.action, label: button.label, style: 'danger' };
    const reply: Reply = { ...EMPTY_REPLY, title: question, buttons: [[yes]], ephemeral: true };
    if (isEphemeral(interaction) || botHasAccess(interaction)) {
      return answer(interaction, () => Promise.resolve({ kind: 'reply', reply }), null);
    }
    await api.respond(interaction, InteractionResponseType.DeferredMessageUpdate);
    asked.set(`${userOf(interaction).id} ${button.action}`, source(interaction));
    for (const old of asked.keys()) {
      if (asked.size <= ASKED) break;
      asked.delete(old);
    }
    const limit = interaction.attachment_size_limit ?? DEFAULT_FILE_LIMIT;
    const composed = await composeReply(reply, { core, now: clock.now(), limit });
    const body = { ...composed.body, flags: MessageFlags.Ephemeral };
    await insist(() => api.followUp(interaction.token, { ...composed, body }));
  }

  function modal(action: string, form: NonNullable<Button['ask']>): APIModalInteractionResponseCallbackData {
    const max = Math.min(LIMITS.textInput, Math.max(1, form.maxLength));
    const value = withoutSteering(form.value.slice(0, max));
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
            ...(value === '' ? {} : { value }),
          },
        },
      ],
    };
  }

  async function act(interaction: APIMessageComponentInteraction, action: string): Promise<Outcome> {
    if (!PICTURELESS.test(action)) requirePermissions(interaction);
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

  return { handle };
}
