import type { HttpBindings } from '@hono/node-server';
import type { Context, Handler, Hono } from 'hono';
import type { Caller } from '../../../bot/job.ts';
import { UserError } from '../../../system/errors.ts';
import type { Core } from '../../adapter.ts';
import { type Access, actingUser, type Identity } from './access.ts';
import type { EventEncoder } from './event-json.ts';
import type { EventStream } from './event-stream.ts';
import type { LiveEvents } from './live-events.ts';
import type { WebAdapterOptions } from './options.ts';
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

export interface WebEnv {
  /** Empty for a request that comes in process, without a socket. */
  Bindings: Partial<HttpBindings>;
  /** Set by the guards for the routes behind them. */
  Variables: { identity: Identity };
}

export type WebApp = Hono<WebEnv>;
export type WebRequest = Context<WebEnv>;

/** Registers all methods of a path. Any other method is answered with 405 and the allowed ones. */
export function route(
  app: WebApp,
  path: string,
  handlers: Readonly<Partial<Record<'GET' | 'POST' | 'DELETE', Handler<WebEnv>>>>,
): void {
  for (const [method, handler] of Object.entries(handlers)) app.on(method, path, handler);
  const allowed = Object.keys(handlers).join(', ');
  app.all(path, (c) => {
    c.header('Allow', allowed);
    throw new UserError('method_not_allowed', `${c.req.method} is not allowed here.`, { hint: `Use ${allowed}.` });
  });
}

/**
 * Who a request acts for, given the user that it names. Throws what `actingUser` throws.
 * A room is a guild of its own and pays for itself, so rooms take turns in the queue.
 */
export function callerOf(web: WebContext, c: WebRequest, claimedUser: string | undefined, room: string): Caller {
  const identity = c.get('identity');
  const user = actingUser(identity, claimedUser);
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
