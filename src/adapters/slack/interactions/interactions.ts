import type {
  AllMiddlewareArgs,
  App,
  SlackActionMiddlewareArgs,
  SlackCommandMiddlewareArgs,
  SlackShortcutMiddlewareArgs,
  SlackViewMiddlewareArgs,
  ViewSubmitAction,
} from '@slack/bolt';
import { takesFile } from '../../../bot/command/prompt-subcommands.ts';
import { forReader } from '../../../bot/job.ts';
import { UserError } from '../../../system/errors.ts';
import { t } from '../../../texts/translate.ts';
import type { Origin } from '../messages/message-ref.ts';
import { ACT, ASK } from '../messages/render.ts';
import { errorText, Refused, whyOf } from '../web-api/errors.ts';
import { COMMAND, SHORTCUT } from '../web-api/methods.ts';
import type { Answer, Answering, AnsweringOptions, Interaction } from './answering.ts';
import { FORM, formErrors, formView, readForm } from './form.ts';
import { picturesIn, takenFile, takenPictures } from './given-files.ts';
import { homeView } from './home.ts';
import { click, message, revoked, shortcut } from './payloads.ts';
import { mentionsInCodeOnly, typedIntoForm } from './typed-text.ts';

/** Subtypes of messages that a person wrote; edits, joins and the like are left out. */
const WRITTEN = new Set([undefined, 'file_share', 'thread_broadcast']);

/** The command, typed into a plain message. */
const CALLED = new RegExp(`^${COMMAND}(\\s+|$)`);

/** A form was asked for too late, or twice. */
const LATE = new Set(['expired_trigger_id', 'exchanged_trigger_id', 'invalid_trigger_id', 'trigger_expired']);

export interface InteractionsOptions extends AnsweringOptions {
  /** The only workspace that is served, whatever workspace somebody in a shared channel comes from; `null` for many. */
  readonly home: { readonly team: string; readonly enterprise: string | null } | null;
  readonly answering: Answering;
  /** The app was removed from a workspace, or its token was taken back. */
  readonly uninstalled: (from: Uninstalled) => void;
}

export interface Uninstalled {
  readonly team: string;
  readonly enterprise: string | null;
  /** All workspaces of the enterprise at once. */
  readonly wholeOrganisation: boolean;
}

interface Context {
  readonly teamId?: string;
  readonly enterpriseId?: string;
  readonly isEnterpriseInstall?: boolean;
  readonly botUserId?: string;
}

type Args = Pick<AllMiddlewareArgs, 'context'>;

type Respond = (message: ReturnType<typeof sendable> & { replace_original: false }) => Promise<unknown>;

/** Turns interactions into calls of the core. */
export class Interactions {
  readonly #options: InteractionsOptions;

  constructor(options: InteractionsOptions) {
    this.#options = options;
  }

  /** From now on the app's interactions are handled here. */
  register(app: App): void {
    const { logger, uninstalled } = this.#options;
    app.command(COMMAND, (args) => this.#command(args));
    app.event('app_mention', async ({ event, context }) => {
      if (!mentionsInCodeOnly(event.text, context.botUserId)) await this.#message(event, context);
    });
    app.event('message', async ({ event, context }) => {
      if (event.channel_type === 'im') await this.#message(event, context);
    });
    app.action(new RegExp(`^(${ACT}|${ASK}):`), (args) => this.#click(args));
    app.shortcut({ callback_id: SHORTCUT, type: 'message_action' }, (args) => this.#shortcut(args));
    app.view<ViewSubmitAction>(FORM, (args) => this.#submit(args));
    app.event('app_home_opened', async ({ event, context }) => {
      if (event.tab === 'home') await this.#publishHome(this.#originOf(context, event.user, ''));
    });
    app.event('app_uninstalled', async ({ context }) => uninstalled(uninstalledFrom(context)));
    app.event('tokens_revoked', async ({ event, context }) => {
      const tokens = revoked.safeParse(event);
      if (tokens.success && (tokens.data.tokens?.bot ?? []).length > 0) uninstalled(uninstalledFrom(context));
    });
    app.error(async (error) => {
      logger.warn({ problem: errorText(error) }, 'slack: something could not be handled');
    });
  }

  #originOf(context: Context, user: string, channel: string, thread: string | null = null): Origin {
    const { home } = this.#options;
    return {
      // An installation for a whole organisation may not say which of its workspaces somebody is in.
      team: home?.team ?? context.teamId ?? context.enterpriseId ?? '',
      enterprise: home === null ? (context.enterpriseId ?? null) : home.enterprise,
      channel,
      thread,
      user,
    };
  }

  async #command({ command, ack, context, respond }: SlackCommandMiddlewareArgs & Args): Promise<void> {
    const { core, callers, answering } = this.#options;
    const origin = this.#originOf(context, command.user_id, command.channel_id);
    const interaction: Interaction = {
      key: command.trigger_id,
      origin,
      ackAnswers: true,
      ack: (answer) => ack(answer && sendable(answer)),
      respond: responder(respond),
    };
    await answering.answer(interaction, async (caller, idempotencyKey) => {
      const text = await callers.typed(command.text, origin, context.botUserId);
      return core.command(text || 'help', caller, { idempotencyKey });
    });
  }

  /** A mention, or a direct message. */
  async #message(event: unknown, context: Context): Promise<void> {
    const { core, callers, answering, workspaces } = this.#options;
    const parsed = message.safeParse(event);
    if (!parsed.success || parsed.data.bot_id !== undefined || !WRITTEN.has(parsed.data.subtype)) return;
    const { user, channel, ts, thread_ts, text } = parsed.data;
    const files = picturesIn(parsed.data.files);
    const origin = this.#originOf(context, user, channel, thread_ts);
    // A mention in a direct message arrives as both kinds of event: the message is what counts.
    await answering.answer({ key: `${channel}:${ts}`, origin }, async (caller, idempotencyKey) => {
      if (mentionsInCodeOnly(text ?? '', context.botUserId)) return core.command('help', caller, { idempotencyKey });
      const typed = (await callers.typed(text ?? '', origin, context.botUserId)).replace(CALLED, '');
      const { api } = workspaces.of(origin);
      if (takesFile(typed)) {
        return core.command(typed, caller, { idempotencyKey, file: await takenFile(parsed.data.files, api) });
      }
      const pictures = await takenPictures(core, caller, files, api);
      return core.command(typed || (pictures ? '' : 'help'), caller, { idempotencyKey, pictures });
    });
  }

  async #click({ body, ack, context, respond }: SlackActionMiddlewareArgs & Args): Promise<void> {
    const { core, answering } = this.#options;
    const parsed = click.safeParse(body);
    if (!parsed.success) return ack();
    const { user, channel, trigger_id, message, container, view, actions } = parsed.data;
    const thread = message?.thread_ts ?? container?.thread_ts ?? null;
    const interaction: Interaction = {
      key: trigger_id,
      origin: this.#originOf(context, user.id, channel?.id ?? '', thread),
      ack: () => ack(),
      ...(channel ? { respond: responder(respond) } : {}),
    };
    const action = actions[0]?.value ?? '';
    const asks = actions[0]?.action_id.startsWith(`${ASK}:`) ?? false;
    if (asks && (await this.#openForm(interaction, action))) return;
    await answering.answer(interaction, (caller, idempotencyKey) => core.act(action, caller, { idempotencyKey }));
    if (view?.type === 'home') await this.#publishHome(interaction.origin);
  }

  /** `false` if the button no longer asks anything: the core then says why. */
  async #openForm(interaction: Interaction, action: string): Promise<boolean> {
    const { core, callers, answering } = this.#options;
    const caller = await callers.of(interaction.origin);
    const form = forReader(caller, () => core.button(action, caller))?.ask;
    if (!form) return false;
    if (!answering.isNew(`form:${interaction.key}`)) {
      await answering.acknowledge(interaction);
      return true;
    }
    const { channel, thread } = interaction.origin;
    await forReader(caller, () => this.#showForm(interaction, formView(form, { action, channel, thread })));
    return true;
  }

  async #showForm(interaction: Interaction, view: object): Promise<void> {
    const { workspaces, answering, logger } = this.#options;
    const trigger = interaction.key;
    await answering.acknowledge(interaction);
    try {
      await workspaces.of(interaction.origin).api.openView(trigger, view);
    } catch (error) {
      logger.warn({ problem: errorText(error) }, 'slack: a form could not be opened');
      const late = !(error instanceof Refused) || LATE.has(error.code);
      const failed = late
        ? new UserError('form_failed', t("The form couldn't be opened in time."), { hint: t('Please click again.') })
        : new UserError('form_failed', t("The form couldn't be opened."), { hint: whyOf(error) });
      const { origin, respond } = interaction;
      const acked = { key: `late:${trigger}`, origin, ...(respond ? { respond } : {}) };
      await answering.answer(acked, () => Promise.reject(failed));
    }
  }

  async #shortcut({ body, ack, context, respond }: SlackShortcutMiddlewareArgs & Args): Promise<void> {
    const { callers, answering } = this.#options;
    const parsed = shortcut.safeParse(body);
    if (!parsed.success || !answering.isNew(`form:${parsed.data.trigger_id}`)) return ack();
    const { user, channel, message, trigger_id } = parsed.data;
    const thread = message.thread_ts ?? message.ts;
    const origin = this.#originOf(context, user.id, channel.id, thread);
    const [caller, value] = await Promise.all([
      callers.of(origin),
      callers.typed(message.text ?? '', origin, context.botUserId),
    ]);
    // A form holds 3000 characters of what it is about.
    const files = picturesIn(message.files).slice(0, 5);
    // A picture needs no words.
    const optional = files.length > 0;
    await forReader(caller, () => {
      const form = { title: t('Paint this'), label: t('Prompt'), value, maxLength: value.length, optional };
      const view = formView(form, { action: null, channel: channel.id, thread, files });
      return this.#showForm({ key: trigger_id, origin, ack: () => ack(), respond: responder(respond) }, view);
    });
  }

  async #submit({ view, body, ack, context }: SlackViewMiddlewareArgs<ViewSubmitAction> & Args): Promise<void> {
    const { core, answering, workspaces } = this.#options;
    const form = readForm(view);
    if (!form) return ack();
    const { action, channel, thread, files = [] } = form.about;
    const text = typedIntoForm(form.text);
    const interaction: Interaction = {
      // A form is sent once: however often its button is pressed, it stays the same view.
      key: `view:${view.id}`,
      origin: this.#originOf(context, body.user.id, channel, thread),
      ack: () => ack(),
      correct: (error) => ack(formErrors(error)),
    };
    await answering.answer(interaction, async (caller, idempotencyKey) => {
      if (action !== null) return core.act(action, caller, { idempotencyKey, text });
      const pictures = await takenPictures(core, caller, files, workspaces.of(interaction.origin).api);
      return core.command(text, caller, { idempotencyKey, pictures });
    });
  }

  async #publishHome(origin: Origin): Promise<void> {
    const { core, workspaces, callers, clock, logger } = this.#options;
    try {
      const caller = await callers.of(origin);
      const { api } = workspaces.of(origin);
      await api.publishHome(origin.user, await forReader(caller, () => homeView(core, caller, clock.now())));
    } catch (error) {
      logger.warn({ problem: errorText(error) }, 'slack: the Home tab could not be shown');
    }
  }
}

function uninstalledFrom({ teamId, enterpriseId, isEnterpriseInstall }: Context): Uninstalled {
  return {
    team: teamId ?? enterpriseId ?? '',
    enterprise: enterpriseId ?? null,
    wholeOrganisation: isEnterpriseInstall === true,
  };
}

function responder(respond: Respond): NonNullable<Interaction['respond']> {
  return async (answer) => {
    await respond({ ...sendable(answer), replace_original: false });
  };
}

/** The blocks are ours and checked by tests; the library's type of them would have to be repeated here. */
function sendable({ message: { text, blocks }, visibility }: Answer) {
  return { text, blocks: [...blocks] as unknown as [], response_type: visibility };
}
