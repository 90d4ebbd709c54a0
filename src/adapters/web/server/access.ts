import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { UserError } from '../../../system/errors.ts';
import { parseUser } from './names.ts';

/** Who a request comes from. `user` is `null` where the request itself says it. */
export interface Identity {
  readonly user: string | null;
  readonly admin: boolean;
}

export const SESSION_COOKIE = 'wuerst_session';
export const SESSION_SECONDS = 30 * 24 * 3600;

export interface AccessOptions {
  /** Without it everyone who reaches the server is admin (loopback). */
  readonly token?: string | undefined;
  readonly adminToken?: string | undefined;
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
}

/**
 * Tokens and the sessions they are exchanged for. A session is a signed note of the user's name, so it outlives a
 * restart and takes no memory; changing a token ends all sessions.
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
    throw new UserError('token_missing', 'This server asks for its token.', {
      hint: 'Open the page and enter it there; programs send the header Authorization: Bearer <token>.',
    });
  }

  /** Exchanges a token for a session bound to `user`. Throws `UserError` `token_wrong`. */
  signIn(token: string, user: string): { readonly identity: Identity; readonly cookie: string } {
    const identity = { user, admin: this.#admits(token) };
    const note = { ...identity, until: this.#now() + SESSION_SECONDS * 1000 };
    const payload = Buffer.from(JSON.stringify(note)).toString('base64url');
    return { identity, cookie: `${payload}.${this.#sign(payload)}` };
  }

  /** Whether the token is the admin's. */
  #admits(token: string): boolean {
    // Both comparisons always run: the time taken says nothing about which token was nearly right.
    const isUser = this.#token !== undefined && sameSecret(token, this.#token);
    const isAdmin = this.#adminToken !== undefined && sameSecret(token, this.#adminToken);
    if (!isUser && !isAdmin) {
      throw new UserError('token_wrong', 'This token is not the right one.', {
        hint: 'Ask whoever runs this bot for the token of the web chat.',
      });
    }
    return isAdmin;
  }

  #readSession(cookie: string): Identity {
    const [payload = '', signature = ''] = cookie.split('.');
    if (sameSecret(signature, this.#sign(payload))) {
      const note: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
      if (isNote(note) && note.until > this.#now()) return { user: note.user, admin: note.admin };
    }
    throw new UserError('token_missing', 'This session has ended.', { hint: 'Enter the token again.' });
  }

  #sign(payload: string): string {
    return createHmac('sha256', this.#key).update(payload).digest('base64url');
  }
}

/** The user a request acts for: the session's, else the one it names. Throws `user_mismatch`, `user_missing`, `user_invalid`. */
export function actingUser(identity: Identity, claimed: string | undefined): string {
  if (identity.user === null) return parseUser(claimed);
  if (claimed !== undefined && parseUser(claimed) !== identity.user) {
    throw new UserError('user_mismatch', `This session belongs to "${identity.user}".`, {
      hint: 'Leave "user" out, or sign in again under the other name.',
    });
  }
  return identity.user;
}

interface SessionNote {
  readonly user: string;
  readonly admin: boolean;
  readonly until: number;
}

function isNote(value: unknown): value is SessionNote {
  return (
    typeof value === 'object' &&
    value !== null &&
    'user' in value &&
    typeof value.user === 'string' &&
    'admin' in value &&
    typeof value.admin === 'boolean' &&
    'until' in value &&
    typeof value.until === 'number'
  );
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function sameSecret(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}
