import type { Acknowledged } from './socket-side.ts';
import { ANN, BOT, type StandIn, type StoredMessage, TEAM } from './stand-in.ts';
import { isRecord, type Json } from './strict.ts';

export interface From {
  readonly channel: string;
  readonly user?: string;
  readonly team?: string;
  /** How often Slack delivers the same at once. */
  readonly deliveries?: number;
}

const base = (user: string, team: string) => ({
  team: { id: team, domain: 'test' },
  user: { id: user, username: user, team_id: team },
  api_app_id: 'A0001',
  token: 'verification',
});

export function commandBody(standIn: StandIn, text: string, { channel, user = ANN, team = TEAM }: From): Json {
  return {
    token: 'verification',
    team_id: team,
    team_domain: 'test',
    channel_id: channel,
    channel_name: 'general',
    user_id: user,
    user_name: user.toLowerCase(),
    command: '/wuerst',
    text,
    api_app_id: 'A0001',
    is_enterprise_install: 'false',
    ...standIn.interaction(channel, user),
  };
}

/** Types `/wuerst text`; what the acknowledgement carries is shown. */
export async function sendCommand(standIn: StandIn, text: string, from: From): Promise<Acknowledged> {
  return deliverCommand(standIn, commandBody(standIn, text, from), from);
}

export async function deliverCommand(standIn: StandIn, body: Json, from: From): Promise<Acknowledged> {
  const acked = await standIn.socket.deliver('slash_commands', body, from.deliveries);
  if (acked.payload.blocks !== undefined) standIn.answered(from.channel, from.user ?? ANN, acked.payload);
  return acked;
}

export function eventBody(event: Json, team: string, id: string): Json {
  return {
    token: 'verification',
    team_id: team,
    api_app_id: 'A0001',
    type: 'event_callback',
    event_id: id,
    event_time: 1,
    event,
    authorizations: [{ enterprise_id: null, team_id: team, user_id: BOT, is_bot: true, is_enterprise_install: false }],
  };
}

export interface Said extends From {
  readonly text: string;
  readonly thread?: string;
  readonly extra?: Json;
}

function said(standIn: StandIn, type: 'app_mention' | 'message', options: Said): Json {
  const { text, channel, user = ANN, thread, extra } = options;
  return {
    type,
    text,
    channel,
    user,
    ts: `${standIn.id('17')}.000100`,
    ...(thread === undefined ? {} : { thread_ts: thread }),
    ...(channel.startsWith('D') ? { channel_type: 'im' } : { channel_type: 'channel' }),
    ...extra,
  };
}

export function sendEvent(standIn: StandIn, event: Json, from: Partial<From> = {}): Promise<Acknowledged> {
  const body = eventBody(event, from.team ?? TEAM, standIn.id('Ev'));
  return standIn.socket.deliver('events_api', body, from.deliveries);
}

export function mention(standIn: StandIn, options: Said): Promise<Acknowledged> {
  return sendEvent(standIn, said(standIn, 'app_mention', options), options);
}

export function directMessage(standIn: StandIn, options: Said): Promise<Acknowledged> {
  return sendEvent(standIn, said(standIn, 'message', options), options);
}

/** The button of a message (or of the Home tab) with this action. */
export function buttonOf(blocks: readonly Json[], action: string): Json {
  for (const { elements } of blocks) {
    for (const element of Array.isArray(elements) ? elements : []) {
      if (isRecord(element) && String(element.value) === action) return element;
    }
  }
  throw new Error(`no button ${action}`);
}

export function clickBody(standIn: StandIn, button: Json, message: StoredMessage | null, from: From): Json {
  const { channel, user = ANN, team = TEAM } = from;
  const { trigger_id, response_url } = standIn.interaction(channel, user);
  const where =
    message === null
      ? { container: { type: 'view', view_id: 'V1' }, view: { id: 'V1', type: 'home', team_id: team } }
      : {
          container: { type: 'message', message_ts: message.ts, channel_id: message.channel },
          channel: { id: message.channel, name: 'general' },
          message: { ts: message.ts, ...(message.thread === null ? {} : { thread_ts: message.thread }) },
          response_url,
        };
  const { action_id, value } = button;
  const action = { type: 'button', action_id, block_id: 'row-0', action_ts: '1.1', value };
  return { type: 'block_actions', ...base(user, team), trigger_id, ...where, actions: [action] };
}

export function click(
  standIn: StandIn,
  action: string,
  message: StoredMessage,
  from: Partial<From> = {},
): Promise<Acknowledged> {
  const at = { channel: message.channel, ...from };
  const body = clickBody(standIn, buttonOf(message.blocks, action), message, at);
  return standIn.socket.deliver('interactive', body, from.deliveries);
}

/** The only open form. */
export function openForm(standIn: StandIn): Json {
  const [view, ...more] = [...standIn.views.values()];
  if (!view || more.length > 0) throw new Error(`${standIn.views.size} forms instead of one`);
  return view;
}

/** Sends a form with this text. It closes unless errors are shown in it. */
export async function submit(
  standIn: StandIn,
  view: Json,
  text: string,
  from: Partial<From> = {},
): Promise<Acknowledged> {
  const [block] = Array.isArray(view.blocks) ? view.blocks : [];
  const element = isRecord(block) && isRecord(block.element) ? block.element : {};
  const body = {
    type: 'view_submission',
    ...base(from.user ?? ANN, from.team ?? TEAM),
    trigger_id: standIn.interaction('', ANN).trigger_id,
    view: {
      ...view,
      state: {
        values: {
          [isRecord(block) ? String(block.block_id) : '']: {
            [String(element.action_id)]: { type: 'plain_text_input', value: text },
          },
        },
      },
    },
  };
  const acked = await standIn.socket.deliver('interactive', body, from.deliveries);
  const { errors } = acked.payload;
  if (acked.payload.response_action !== 'errors') standIn.views.delete(String(view.id));
  else if (!isRecord(errors) || Object.keys(errors).join() !== String(isRecord(block) ? block.block_id : '')) {
    throw new Error(`errors belong to inputs of the form: ${JSON.stringify(errors)}`);
  }
  return acked;
}

export function messageShortcut(standIn: StandIn, message: Json, from: From): Promise<Acknowledged> {
  const { channel, user = ANN, team = TEAM } = from;
  return standIn.socket.deliver('interactive', {
    type: 'message_action',
    callback_id: 'imagine_from_message',
    ...base(user, team),
    ...standIn.interaction(channel, user),
    channel: { id: channel, name: 'general' },
    message_ts: message.ts,
    message: { type: 'message', user: ANN, ...message },
  });
}
