import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';
import { UserError } from '../../../system/errors.ts';
import { parseUser } from './names.ts';

/** Who a request comes from. `user` is `null` where each request names its user. */
export interface Identity {
  readonly user: string | null;
  readonly admin: boolean;
}

export const SESSION_COOKIE = 'wuerst_session';
export const SESSION_SECONDS = 30 * 24 * 3600;
const SESSION = z.object({ user: z.string(), admin: z.boolean(), until: z.number() });

export interface AccessOptions {
  /** Without it everyone who reaches the server is admin (loopback). */
  readonly token?: string | undefined;
  readonly adminToken?: string | undefined;
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
}

/**
 * Tokens, and the sessions that they are exchanged for. A session is a signed cookie with the user's name, so it survives a
 * restart and takes no memory. Changing a token ends all sessions.
 */
export class Access {
  /** Nobody is asked for a token. */
  readonly open: boolean;
  readonly #token: string | undefined;
  readonly #adminToken: string | undefined;
  readonly #key: Buffer;
  readonly #now: () => number;

  constructor(options: AccessOptions) {
    this.open = options.token === undefined;
    this.#token = options.token;
    this.#adminToken = options.adminToken;
    this.#now = options.now ?? Date.now;
    this.#key = digest(`wuerst session\0${options.token}\0${options.adminToken}`);
  }

  /** Throws `UserError` `token_missing` or `token_wrong`. */
  identify(credentials: { readonly authorization: string | undefined; readonly cookie: string | undefined }): Identity {
    if (this.open) return { user: null, admin: true };
    if (credentials.authorization !== undefined) {
      const bearer = /^Bearer +(\S+)$/i.exec(credentials.authorization)?.[1] ?? '';
      return { user: null, admin: this.#admits(bearer) };
    }
    if (credentials.cookie !== undefined) return this.#readSession(credentials.cookie);
    throw new UserError('token_missing', 'This server requires a token.', {
      hint: 'Sign in on the page, or send the header Authorization: Bearer <token>.',
    });
  }

  /** Exchanges a token for a session bound to `user`. Throws `UserError` `token_wrong`. */
  signIn(token: string, user: string): { readonly identity: Identity; readonly cookie: string } {
    const identity = { user, admin: this.#admits(token) };
    const session = { ...identity, until: this.#now() + SESSION_SECONDS * 1000 };
    const payload = Buffer.from(JSON.stringify(session)).toString('base64url');
    return { identity, cookie: `${payload}.${this.#sign(payload)}` };
  }

  /** Returns whether the token is the admin's. Throws `token_wrong` for an unknown one. */
  #admits(token: string): boolean {
    // Both comparisons always run, so the time taken does not tell which token was nearly right.
    const isUser = this.#token !== undefined && sameSecret(token, this.#token);
    const isAdmin = this.#adminToken !== undefined && sameSecret(token, this.#adminToken);
    if (!isUser && !isAdmin) {
      throw new UserError('token_wrong', 'The token is wrong.', {
        hint: 'Ask whoever runs this bot for the token of the web chat.',
      });
    }
    return isAdmin;
  }

  #readSession(cookie: string): Identity {
    const [payload = '', signature = ''] = cookie.split('.');
    if (sameSecret(signature, this.#sign(payload))) {
      const { user, admin, until } = SESSION.parse(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')));
      if (until > this.#now()) return { user, admin };
    }
    throw new UserError('token_missing', 'The session has expired.', { hint: 'Sign in again.' });
  }

  #sign(payload: string): string {
    return createHmac('sha256', this.#key).update(payload).digest('base64url');
  }
}

/** The user a request acts for: the session's, else the one it names. Throws `user_mismatch`, `user_missing` or `user_invalid`. */
export function actingUser(identity: Identity, claimed: string | undefined): string {
  if (identity.user === null) return parseUser(claimed);
  if (claimed !== undefined && parseUser(claimed) !== identity.user) {
    throw new UserError('user_mismatch', `This session belongs to "${identity.user}".`, {
      hint: 'Leave out "user", or sign in under the other name.',
    });
  }
  return identity.user;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function sameSecret(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}
