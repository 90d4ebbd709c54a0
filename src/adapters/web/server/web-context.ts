import type { HttpBindings } from '@hono/node-server';
import type { Context, Handler, Hono } from 'hono';
import { type Caller, type Job, personalPayer, readerOf } from '../../../bot/job.ts';
import { type RateLimit, TooOften } from '../../../bot/rate-limit.ts';
import { UserError } from '../../../system/errors.ts';
import { currentLanguage } from '../../../texts/language.ts';
import { t } from '../../../texts/translate.ts';
import type { Core } from '../../adapter.ts';
import { type Access, actingUser, type Identity } from './access.ts';
import { addressKey, clientAddress } from './client-address.ts';
import type { EventEncoder } from './event-json.ts';
import type { EventStream } from './event-stream.ts';
import type { FormTurns } from './form-turns.ts';
import { type JsonJob, jobJson } from './job-json.ts';
import type { LiveEvents } from './live-events.ts';
import type { WebAdapterOptions } from './options.ts';
import type { PictureZips } from './picture-zips.ts';
import type { ServedPictures } from './served-pictures.ts';
import type { SharedPictures } from './shared-pictures.ts';
import type { WrongTokens } from './wrong-tokens.ts';

/** On the answer to the first request under a free name: proves the name from then on. */
export const NEW_TOKEN_HEADER = 'Wuerst-Personal-Token';

/** What the routes share. */
export interface WebContext {
  readonly core: Core;
  readonly options: WebAdapterOptions;
  readonly access: Access;
  readonly live: LiveEvents;
  readonly encoder: EventEncoder;
  /** With the person that each is for. */
  readonly streams: Map<EventStream, string>;
  readonly wrongTokens: WrongTokens;
  /** By person. */
  readonly requests: RateLimit;
  readonly positions: RateLimit;
  readonly forms: FormTurns;
  readonly pictures: ServedPictures;
  readonly zips: PictureZips;
  readonly shared: SharedPictures;
  /** What is shared by who has not signed in yet: it takes nothing from those who have. */
  readonly strangers: { readonly forms: FormTurns; readonly shared: SharedPictures };
}

export interface WebEnv {
  /** Empty for a request that comes in process, without a socket. */
  Bindings: Partial<HttpBindings>;
  /** Set by the guards for the routes behind them. */
  Variables: { identity: Identity };
}

export type WebApp = Hono<WebEnv>;

/** Adds routes of another interface. Returns what ends its streams, if it has any. */
export type Mount = (app: WebApp, web: WebContext) => (() => void) | undefined;

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

/** Where a request comes from, for counting. */
export function addressOf(web: WebContext, c: WebRequest): string {
  const remote = c.env?.incoming?.socket.remoteAddress;
  return addressKey(clientAddress(remote, c.req.header('x-forwarded-for'), web.options.proxies));
}

/** Whom the bounds of a request count for: a name that is proven, else an address. */
export function personOf(web: WebContext, c: WebRequest): string {
  const { user } = c.get('identity');
  return user === null ? `address ${addressOf(web, c)}` : `name ${user}`;
}

/** Counts a request, or what one costs beyond that. @throws TooOften `too_many_requests` */
export function requireRate(web: WebContext, c: WebRequest, count = 1): void {
  const wait = web.requests.take(personOf(web, c), count);
  if (wait > 0) throw new TooOften('too_many_requests', t('You send too many requests.'), wait);
}

/**
 * Who a request acts for, given the user that it names. Throws what `actingUser` throws, and `name_taken` or
 * `too_many_names`. A request with a shared token takes a free name, unless it is one that changes nothing.
 * A room is a guild of its own; people pay for themselves in all of them, so people take turns in the queue.
 */
export function callerOf(web: WebContext, c: WebRequest, claimedUser: string | undefined, room: string): Caller {
  const identity = c.get('identity');
  const user = actingUser(identity, claimedUser);
  if (identity.user === null) {
    if (c.req.method === 'GET' || c.req.method === 'HEAD') web.access.mayRead(user, identity);
    else {
      const { newToken } = web.access.take(user, identity, addressOf(web, c));
      if (newToken !== undefined) c.header(NEW_TOKEN_HEADER, newToken);
    }
  }
  return {
    surface: 'web',
    user,
    name: user,
    room,
    guild: room,
    payer: personalPayer('web', user),
    moderator: identity.admin,
    ageRestricted: web.options.ageRestrictedRooms.includes(room),
    ...readerOf(currentLanguage()),
  };
}

/** A job for whoever asks, without its position where they have asked for too many. */
export function jobFor(web: WebContext, c: WebRequest, known: Job): JsonJob {
  // It may have been started while it was answered, and where it stands is told as of now.
  const job = web.core.job(known.id) ?? known;
  const isTooMany = job.state === 'queued' && web.positions.take(personOf(web, c)) > 0;
  return jobJson(web.core, job, isTooMany ? null : undefined);
}
