import {
  type APIApplicationCommandAutocompleteInteraction,
  type APIInteraction,
  type APIMessageComponentInteraction,
  type APIModalSubmitInteraction,
  ComponentType,
  InteractionResponseType,
  InteractionType,
  MessageFlags,
} from 'discord.js';
import { type Button, EMPTY_REPLY, type Reply } from '../../../bot/reply.ts';
import { UserError } from '../../../system/errors.ts';
import { RecentMap } from '../../../system/memo.ts';
import { inLanguage } from '../../../texts/language.ts';
import { t } from '../../../texts/translate.ts';
import type { Outcome } from '../../adapter.ts';
import { composeReply } from '../messages/compose.ts';
import { DEFAULT_FILE_LIMIT } from '../messages/files.ts';
import { tokenOf } from '../messages/message-ref.ts';
import type { DiscordRemovals } from '../messages/removing.ts';
import { ASK_PREFIX, MORE_PREFIX } from '../messages/render.ts';
import { errorFields, whyOf } from '../rest/errors.ts';
import { Answering, type AnsweringOptions, type Clicked, isOnEphemeral } from './answering.ts';
import { botHasAccess, type Callers, languageIn, userOf } from './callers.ts';
import { completions } from './complete.ts';
import { formView, readForm } from './form.ts';
import { createCommandRunner, requirePermissions } from './run-command.ts';

/** How many unanswered questions are remembered. */
const ASKED = 1000;

/** Actions that show no pictures. */
const PICTURELESS = /^(?:info|cancel|delete|erase):/;

export interface InteractionsOptions extends AnsweringOptions {
  readonly callers: Callers;
  /** Origins of the servers where attachments lie. */
  readonly attachmentOrigins: readonly string[];
  readonly removals: DiscordRemovals;
}

/** Turns interactions into calls of the core, and their outcomes into answers. */
export class Interactions {
  readonly #options: InteractionsOptions;
  readonly #answering: Answering;
  readonly #runCommand: ReturnType<typeof createCommandRunner>;
  /** The messages that questions are about, by person and action. */
  readonly #asked = new RecentMap<string, Clicked>(ASKED);

  constructor(options: InteractionsOptions) {
    this.#options = options;
    this.#answering = new Answering(options);
    this.#runCommand = createCommandRunner(options.core, options.callers, options.attachmentOrigins);
  }

  /** Never rejects. */
  async handle(interaction: APIInteraction): Promise<void> {
    if (!this.#answering.isNew(interaction)) return;
    try {
      await inLanguage(languageIn(interaction), () => this.#route(interaction));
    } catch (error) {
      this.#options.logger.warn(
        { interaction: interaction.id, ...errorFields(error) },
        'discord: an interaction could not be answered',
      );
    }
  }

  #route(interaction: APIInteraction): Promise<void> {
    switch (interaction.type) {
      case InteractionType.ApplicationCommand:
        return this.#answering.answer(interaction, () => this.#runCommand(interaction), null);
      case InteractionType.ApplicationCommandAutocomplete:
        return this.#complete(interaction);
      case InteractionType.MessageComponent:
        return this.#click(interaction);
      case InteractionType.ModalSubmit:
        return this.#answering.answer(interaction, () => this.#submit(interaction), null);
      default:
        return Promise.resolve();
    }
  }

  async #complete(interaction: APIApplicationCommandAutocompleteInteraction): Promise<void> {
    const { core, api, callers } = this.#options;
    let choices: ReturnType<typeof completions> = [];
    try {
      choices = completions(interaction, core, callers.known(interaction, 'ManageGuild'));
    } finally {
      await api.respond(interaction, InteractionResponseType.ApplicationCommandAutocompleteResult, { choices });
    }
  }

  async #click(interaction: APIMessageComponentInteraction): Promise<void> {
    const { core, api, callers, removals } = this.#options;
    const { data, message } = interaction;
    if (removals.needsClick(message.id)) {
      await api.respond(interaction, InteractionResponseType.DeferredMessageUpdate);
      return removals.clicked(message.id, tokenOf(interaction));
    }
    const chosen =
      data.component_type === ComponentType.StringSelect && data.custom_id.startsWith(MORE_PREFIX)
        ? (data.values[0] ?? '')
        : data.custom_id;
    const asks = chosen.startsWith(ASK_PREFIX);
    const action = asks ? chosen.slice(ASK_PREFIX.length) : chosen;
    const button = asks ? core.button(action, callers.known(interaction, 'ManageMessages')) : null;
    if (button?.ask) {
      try {
        await api.respond(interaction, InteractionResponseType.Modal, formView(action, button.ask));
      } catch (error) {
        const refused = new UserError('form_refused', t("The form can't be opened."), { hint: whyOf(error) });
        await this.#answering.answer(interaction, () => Promise.reject(refused), null);
      }
    } else if (button?.confirm !== undefined) {
      await this.#confirm(interaction, button, button.confirm);
    } else {
      // Also if the button no longer asks anything: the core then says why.
      const clicked = this.#clickedBy(interaction, action);
      await this.#answering.answer(interaction, () => this.#act(interaction, action), clicked);
    }
  }

  #clickedBy(interaction: APIMessageComponentInteraction, action: string): Clicked | null {
    const key = `${userOf(interaction).id} ${action}`;
    const before = this.#asked.get(key) ?? null;
    this.#asked.delete(key);
    return isOnEphemeral(interaction) ? before : this.#source(interaction);
  }

  #source(interaction: APIMessageComponentInteraction): Clicked {
    const token = { ...tokenOf(interaction), source: true };
    return { message: interaction.message.id, token };
  }

  /**
   * Asks one person. Where the bot can't reach the message by itself, this click's token is kept for when the answer
   * comes: it is acknowledged as one on the message, and the question follows.
   */
  async #confirm(interaction: APIMessageComponentInteraction, button: Button, question: string): Promise<void> {
    const { core, api, clock } = this.#options;
    const yes: Button = { action: button.action, label: button.label, style: 'danger' };
    const reply: Reply = { ...EMPTY_REPLY, title: question, buttons: [[yes]], ephemeral: true };
    if (isOnEphemeral(interaction) || botHasAccess(interaction)) {
      return this.#answering.answer(interaction, () => Promise.resolve({ kind: 'reply', reply }), null);
    }
    await api.respond(interaction, InteractionResponseType.DeferredMessageUpdate);
    this.#asked.set(`${userOf(interaction).id} ${button.action}`, this.#source(interaction));
    const limit = interaction.attachment_size_limit ?? DEFAULT_FILE_LIMIT;
    const composed = await composeReply(reply, { core, now: clock.now(), ahead: clock.ahead, limit });
    const body = { ...composed.body, flags: MessageFlags.Ephemeral };
    await this.#answering.retry(() => api.followUp(interaction.token, { ...composed, body }));
  }

  async #act(interaction: APIMessageComponentInteraction, action: string): Promise<Outcome> {
    const { core, callers } = this.#options;
    if (!PICTURELESS.test(action)) requirePermissions(interaction);
    const caller = await callers.of(interaction, 'ManageMessages');
    return core.act(action, caller, { idempotencyKey: `discord:${interaction.id}` });
  }

  async #submit(interaction: APIModalSubmitInteraction): Promise<Outcome> {
    const { core, callers } = this.#options;
    requirePermissions(interaction);
    const text = readForm(interaction);
    const caller = await callers.of(interaction, 'ManageMessages');
    return core.act(interaction.data.custom_id, caller, { idempotencyKey: `discord:${interaction.id}`, text });
  }
}
