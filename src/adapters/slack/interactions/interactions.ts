import type { App } from '@slack/bolt';
import type { Caller } from '../../../bot/job.ts';
import type { Clock } from '../../../system/clock.ts';
import { UserError } from '../../../system/errors.ts';
import type { Logger } from '../../../system/logging.ts';
import type { Core, Outcome } from '../../adapter.ts';
import type { Origin } from '../messages/message-ref.ts';
import { ACT, ASK } from '../messages/render.ts';
import type { Message } from '../web-api/api.ts';
import { describe } from '../web-api/errors.ts';
import { COMMAND, SHORTCUT } from '../web-api/methods.ts';
import type { Workspaces } from '../web-api/workspaces.ts';
import type { Exchange, Exchanges, Visibility } from './answering.ts';
import type { Callers } from './callers.ts';
import { FORM, formErrors, formView, REMIX, readForm, type Subject } from './form.ts';
import { homeView } from './home.ts';
import { click, message, revoked, shortcut } from './payloads.ts';
import { typedIntoForm } from './typed-text.ts';

/** What is new about a message that a person wrote; edits, joins and the like are not. */
const WRITTEN = new Set([undefined, 'file_share', 'thread_broadcast']);

/** The command, typed where a plain message would do. */
const CALLED = new RegExp(`^${COMMAND}(\\s+|$)`);

interface HandlerOptions {
  /** The only workspace that is served, whatever workspace somebody in a shared channel comes from; `null` for many. */
  readonly home: { readonly team: string; readonly enterprise: string | null } | null;
  readonly core: Core;
  readonly workspaces: Workspaces;
  readonly callers: Callers;
  readonly exchanges: Exchanges;
  readonly clock: Clock;
  readonly logger: Logger;
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

type Respond = (message: {
  text: string;
  blocks: [];
  response_type: Visibility;
  replace_original: false;
}) => Promise<unknown>;

/** Slack's interactions as calls of the core. */
export function registerHandlers(app: App, options: HandlerOptions): void {
  const { home, core, workspaces, callers, exchanges, clock, logger, uninstalled } = options;

  function placeOf(context: Context, user: string, channel: string, thread: string | null | undefined): Origin {
    return {
      team: home?.team ?? context.teamId ?? '',
      enterprise: home === null ? (context.enterpriseId ?? null) : home.enterprise,
      channel,
      thread: thread ?? null,
      user,
    };
  }

  app.command(COMMAND, async ({ command, ack, context, respond }) => {
    const place = placeOf(context, command.user_id, command.channel_id, null);
    await exchanges.answer(
      {
        key: command.trigger_id,
        place,
        ackAnswers: true,
        ack: (answer) => ack(answer ? { ...sendable(answer.message), response_type: answer.visibility } : undefined),
        respond: responder(respond),
      },
      async (caller, idempotencyKey) => {
        const text = await callers.typed(command.text, place, context.botUserId);
        return core.command(text || 'help', caller, { idempotencyKey });
      },
    );
  });

  async function said(event: unknown, context: Context): Promise<void> {
    const parsed = message.safeParse(event);
    if (!parsed.success || parsed.data.bot_id !== undefined || !WRITTEN.has(parsed.data.subtype)) return;
    const { user, channel, ts, thread_ts, text } = parsed.data;
    const place = placeOf(context, user, channel, thread_ts);
    // A mention in a direct message arrives as both kinds of event: the message is what counts.
    const exchange = { key: `${channel}:${ts}`, place, ack: nothing, ackAnswers: false, respond: null };
    await exchanges.answer(exchange, async (caller, idempotencyKey) => {
      const typed = await callers.typed(text ?? '', place, context.botUserId);
      return core.command(typed.replace(CALLED, '') || 'help', caller, { idempotencyKey });
    });
  }

  app.event('app_mention', ({ event, context }) => said(event, context));
  app.event('message', async ({ event, context }) => {
    if (event.channel_type === 'im') await said(event, context);
  });

  app.action(new RegExp(`^(${ACT}|${ASK}):`), async ({ body, ack, context, respond }) => {
    const parsed = click.safeParse(body);
    if (!parsed.success) return ack();
    const { user, channel, trigger_id, message, container, view, actions } = parsed.data;
    const place = placeOf(context, user.id, channel?.id ?? '', message?.thread_ts ?? container?.thread_ts);
    const exchange: Exchange = {
      key: trigger_id,
      place,
      ack: () => ack(),
      ackAnswers: false,
      respond: channel ? responder(respond) : null,
    };
    const action = actions[0]?.value ?? '';
    const asks = actions[0]?.action_id.startsWith(`${ASK}:`) ?? false;
    if (asks && (await openForm(exchange, action))) return;
    await exchanges.answer(exchange, (caller, idempotencyKey) => core.act(action, caller, { idempotencyKey }));
    if (view?.type === 'home') await publishHome(place);
  });

  /** `false` where the button asks nothing any more: then acting says why. */
  async function openForm(exchange: Exchange, action: string): Promise<boolean> {
    const caller = await callers.of(exchange.place);
    const form = core.button ? core.button(action, caller)?.ask : REMIX;
    if (!form) return false;
    if (!exchanges.first(`form:${exchange.key}`)) {
      await exchange.ack();
      return true;
    }
    const { channel, thread } = exchange.place;
    await showForm(exchange, formView(form, { action, channel, thread }));
    return true;
  }

  async function showForm(exchange: Exchange, view: object): Promise<void> {
    const { team, enterprise } = exchange.place;
    const trigger = exchange.key;
    await exchange.ack().catch((error: unknown) => {
      logger.debug({ problem: describe(error) }, 'slack: an acknowledgement was not taken');
    });
    try {
      await workspaces.of(team, enterprise).api.openView(trigger, view);
    } catch (error) {
      logger.warn({ problem: describe(error) }, 'slack: a form could not be opened');
      const late = new UserError('form_failed', "The form couldn't be opened in time.", {
        hint: 'Please click again.',
      });
      const acked = { ...exchange, key: `late:${trigger}`, ack: nothing };
      await exchanges.answer(acked, () => Promise.reject(late));
    }
  }

  app.shortcut({ callback_id: SHORTCUT, type: 'message_action' }, async ({ body, ack, context, respond }) => {
    const parsed = shortcut.safeParse(body);
    if (!parsed.success || !exchanges.first(`form:${parsed.data.trigger_id}`)) return ack();
    const { user, channel, message, trigger_id } = parsed.data;
    const thread = message.thread_ts ?? message.ts;
    const place = placeOf(context, user.id, channel.id, thread);
    const value = await callers.typed(message.text ?? '', place, context.botUserId);
    const view = formView(
      { title: 'Paint this', label: 'Prompt', value, maxLength: 3000 },
      { action: null, channel: channel.id, thread },
    );
    await showForm({ key: trigger_id, place, ack: () => ack(), ackAnswers: false, respond: responder(respond) }, view);
  });

  app.view(FORM, async ({ view, body, ack, context }) => {
    const form = readForm(view);
    if (!form) return ack();
    const { about } = form;
    const text = typedIntoForm(form.text);
    const place = placeOf(context, body.user.id, about.channel, about.thread);
    await exchanges.answer(
      {
        // A form is sent once: however often its button is pressed, it stays the same view.
        key: `view:${view.id}`,
        place,
        ack: () => ack(),
        ackAnswers: false,
        respond: null,
        correct: (error) => ack(formErrors(error)),
      },
      (caller, idempotencyKey) => runForm(about, text, caller, idempotencyKey),
    );
  });

  function runForm({ action }: Subject, text: string, caller: Caller, idempotencyKey: string): Promise<Outcome> {
    return action === null
      ? core.command(text, caller, { idempotencyKey })
      : core.act(action, caller, { idempotencyKey, text });
  }

  async function publishHome(place: Origin): Promise<void> {
    try {
      const caller = await callers.of(place);
      const { api } = workspaces.of(place.team, place.enterprise);
      await api.publishHome(place.user, await homeView(core, caller, clock.now()));
    } catch (error) {
      logger.warn({ problem: describe(error) }, 'slack: the Home tab could not be shown');
    }
  }

  app.event('app_home_opened', async ({ event, context }) => {
    if (event.tab === 'home') await publishHome(placeOf(context, event.user, '', null));
  });
  app.event('app_uninstalled', async ({ context }) => uninstalled(leaver(context)));
  app.event('tokens_revoked', async ({ event, context }) => {
    const tokens = revoked.safeParse(event);
    if (tokens.success && (tokens.data.tokens?.bot ?? []).length > 0) uninstalled(leaver(context));
  });
  app.error(async (error) => {
    logger.warn({ problem: describe(error) }, 'slack: something could not be handled');
  });
}

function leaver({ teamId, enterpriseId, isEnterpriseInstall }: Context): Uninstalled {
  return {
    team: teamId ?? '',
    enterprise: enterpriseId ?? null,
    wholeOrganisation: isEnterpriseInstall === true,
  };
}

async function nothing(): Promise<void> {}

function responder(respond: Respond): Exchange['respond'] {
  return async (message, visibility) => {
    await respond({ ...sendable(message), response_type: visibility, replace_original: false });
  };
}

/** The blocks are ours and checked by tests; the library's type of them would have to be repeated here. */
function sendable({ text, blocks }: Message): { text: string; blocks: [] } {
  return { text, blocks: [...blocks] as unknown as [] };
}
