import type { Context, Hono } from 'hono';
import type { Caller } from '../../../bot/job.ts';
import type { Core } from '../../adapter.ts';
import type { Access, Identity } from './access.ts';
import type { EventEncoder } from './event-json.ts';
import type { LiveEvents } from './live.ts';
import type { WebAdapterOptions } from './options.ts';
import type { EventStream } from './sse.ts';
import type { Thumbnails } from './thumbnails.ts';

/** What the routes share. */
export interface WebContext {
  readonly core: Core;
  readonly options: WebAdapterOptions;
  readonly access: Access;
  readonly live: LiveEvents;
  readonly encoder: EventEncoder;
  readonly streams: Set<EventStream>;
  readonly thumbnails: Thumbnails;
}

/** Set by the guards for the routes behind them. */
export interface WebEnv {
  Variables: { identity: Identity };
}

export type WebApp = Hono<WebEnv>;
export type WebRequest = Context<WebEnv>;

/** A room is a guild and pays for itself, so that fairness between rooms can be seen. */
export function webCaller(web: WebContext, identity: Identity, user: string, room: string): Caller {
  return {
    surface: 'web',
    user,
    name: user,
    room,
    guild: room,
    payer: room,
    moderator: identity.admin,
    ageRestricted: web.options.ageRestrictedRooms.includes(room),
  };
}
