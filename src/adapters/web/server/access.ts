import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readSecret, WebAccounts, type WebKey } from '../../../bot/history/web-accounts.ts';
import { PERSON_BOUNDS } from '../../../bot/person-bounds.ts';
import { RateLimit } from '../../../bot/rate-limit.ts';
import { UserError } from '../../../system/errors.ts';
import { t } from '../../../texts/translate.ts';
import { parseUser } from './names.ts';

/** Who a request comes from. `user` is `null` where each request names its user. */
export interface Identity {
  readonly user: string | null;
  readonly admin: boolean;
  /** The device or personal token that proved it; absent where nothing had to be proved, or by a token that many know. */
  readonly key?: WebKey;
}

export const SESSION_COOKIE = 'wuerst_session';
export const SESSION_SECONDS = 30 * 24 * 3600;

export interface AccessOptions {
  /** Without it everyone who reaches the server is admin (loopback). */
  readonly token?: string | undefined;
  readonly adminToken?: string | undefined;
  /** Whose names are whose. @default kept in memory, until the process ends */
  readonly accounts?: WebAccounts;
  /** Signs the cookies. @default a random one, so that sessions end with the process */
  readonly sessionKey?: Uint8Array;
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
}

/** Where somebody signs in. */
export interface Place {
  /** What to call the browser in the list of devices. */
  readonly device?: string;
  /** For counting, how many names are taken from there. */
  readonly address?: string;
}

/**
 * Who is who. A name belongs to whoever uses it first with the shared token, or was invited to it. From then on only
 * their own secrets prove it: a personal token, or the session of a browser. A session is a signed cookie with the id of a stored
 * device. Changing a shared token ends all sessions, and no personal token.
 */
export class Access {
  /** Nobody is asked for a token. */
  readonly open: boolean;
  readonly accounts: WebAccounts;
  readonly #token: string | undefined;
  readonly #adminToken: string | undefined;
  readonly #key: Buffer;
  readonly #now: () => number;
  readonly #claims = new RateLimit(PERSON_BOUNDS.claims);

  constructor(options: AccessOptions) {
    const { token, adminToken, now = Date.now } = options;
    this.open = token === undefined;
    this.accounts = options.accounts ?? WebAccounts.inMemory(now);
    if (!this.open) this.accounts.bindUsed();
    this.#token = token;
    this.#adminToken = adminToken;
    this.#now = now;
    const key = options.sessionKey ?? randomBytes(32);
    // The tokens are in it only so that changing one ends all sessions.
    this.#key = createHmac('sha256', key)
      .update(JSON.stringify([token, adminToken]))
      .digest();
  }

  /** Throws `UserError` `token_missing` or `token_wrong`. */
  identify(credentials: { readonly authorization: string | undefined; readonly cookie: string | undefined }): Identity {
    if (this.open) return { user: null, admin: true };
    if (credentials.authorization !== undefined) return this.#ofToken(bearerOf(credentials.authorization));
    if (credentials.cookie !== undefined) return this.#ofCookie(credentials.cookie);
    throw new UserError('token_missing', t('This server requires a token.'), {
      hint: t('Sign in on the page, or send the header Authorization: Bearer <token>.'),
    });
  }

  /** Whether what proved an identity is still kept. */
  holds({ user, key }: Identity): boolean {
    if (user === null || key === undefined) return true;
    return this.accounts.get(user) !== null && this.accounts.keysOf(user).some(({ id }) => id === key.id);
  }

  /**
   * Exchanges a secret for a session of its person: a personal token, an invitation, or with `user` a shared token.
   * Throws `UserError` `token_wrong`, `user_missing`, `user_invalid`, `name_taken` or `too_many_names`.
   */
  signIn(secret: string, user: string | undefined, place: Place = {}) {
    const { name, admin } = this.#admit(secret, user, place);
    const expiresAt = this.#now() + SESSION_SECONDS * 1000;
    const id = this.accounts.addDevice(name, { admin, label: place.device ?? 'a browser', expiresAt });
    return { identity: { user: name, admin }, cookie: `${id}.${this.#sign(id)}` };
  }

  /**
   * The name that a request with a shared token acts under. Where it was free it is taken, with a personal token to use
   * from then on. The token of the admins stands for anybody.
   * Throws `UserError` `user_missing`, `user_invalid`, `name_taken` or `too_many_names`.
   */
  take(name: string, { admin }: Identity, address: string | undefined): { readonly newToken?: string } {
    if (this.open || (admin && this.accounts.get(name) !== null)) return {};
    this.#claim(name, address);
    if (admin) return {};
    return { newToken: this.accounts.addToken(name, 'first use of the name') };
  }

  /** As `take`, for a request that changes nothing: a free name stays free. */
  mayRead(name: string, { admin }: Identity): void {
    if (!this.open && !admin && this.accounts.get(name) !== null) throw notProven(name);
  }

  #admit(secret: string, user: string | undefined, place: Place): { readonly name: string; readonly admin: boolean } {
    const key = this.accounts.keyOfSecret(secret);
    if (key?.kind === 'invitation') {
      return this.accounts.redeem(key, key.account === null && user !== undefined ? parseUser(user) : undefined);
    }
    const identity = this.#ofToken(secret);
    if (identity.user !== null) return { name: identity.user, admin: identity.admin };
    const name = parseUser(user);
    // Admins may sign in as anybody, as the operator can with an invitation. A name that is theirs alone stays an ordinary one.
    if (!identity.admin || this.accounts.get(name) === null) this.#claim(name, place.address);
    return { name, admin: identity.admin };
  }

  #claim(name: string, address = 'in process'): void {
    if (this.accounts.get(name) !== null) throw notProven(name);
    this.#claims.require(address, 'too_many_names', t('Too many new names were taken from your address.'));
    this.accounts.claim(name, { admin: false });
  }

  /** Throws `token_wrong` for an unknown one. */
  #ofToken(token: string): Identity {
    // Both comparisons always run, so the time taken does not tell which token was nearly right.
    const isUser = this.#token !== undefined && this.#isSame(token, this.#token);
    const isAdmin = this.#adminToken !== undefined && this.#isSame(token, this.#adminToken);
    if (isUser || isAdmin) return { user: null, admin: isAdmin };
    const key = this.accounts.keyOfSecret(token);
    const account = key?.kind === 'token' && key.account !== null ? this.accounts.get(key.account) : null;
    if (key !== null && account !== null) {
      this.accounts.used(key);
      return { user: account.name, admin: account.admin, key };
    }
    throw wrong(token);
  }

  #ofCookie(cookie: string): Identity {
    const [id = '', signature = ''] = cookie.split('.');
    const key = this.#isSame(signature, this.#sign(id)) ? this.accounts.device(id) : null;
    const account = key?.account == null ? null : this.accounts.get(key.account);
    if (key !== null && account !== null) {
      this.accounts.used(key);
      return { user: account.name, admin: account.admin || key.admin, key };
    }
    throw new UserError('token_missing', t('The session has ended.'), { hint: t('Sign in again.') });
  }

  #sign(id: string): string {
    return createHmac('sha256', this.#key).update(`device ${id}`).digest('base64url');
  }

  #isSame(a: string, b: string): boolean {
    const digest = (text: string) => createHmac('sha256', this.#key).update(text).digest();
    return timingSafeEqual(digest(a), digest(b));
  }
}

/** The user a request acts for: the session's, else the one it names. Throws `user_mismatch`, `user_missing` or `user_invalid`. */
export function actingUser(identity: Identity, claimed: string | undefined): string {
  if (identity.user === null) return parseUser(claimed);
  if (claimed !== undefined && parseUser(claimed) !== identity.user) {
    throw new UserError('user_mismatch', t('This session belongs to {user}.', { user: `"${identity.user}"` }), {
      hint: t('Leave out "user", or sign in under the other name.'),
    });
  }
  return identity.user;
}

/** What is guessed at, for counting: a personal token by its public part, a shared one by the name it is sent with. */
export function guessedAt(secret: string, user?: string): string | null {
  const read = readSecret(secret);
  if (read !== null) return `${read.kind} ${read.id}`;
  return user === undefined ? null : `name ${user.slice(0, 100)}`;
}

export function bearerOf(authorization: string): string {
  return /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? '';
}

function wrong(token: string): UserError {
  if (readSecret(token)?.kind === 'invitation') {
    return new UserError('token_wrong', t('The invitation was used already, or has ended.'), {
      hint: t('Ask whoever sent it for another one.'),
    });
  }
  return new UserError('token_wrong', t('The token is wrong.'), {
    hint: t('Ask whoever runs this bot for the token of the web chat, or for an invitation.'),
  });
}

function notProven(name: string): UserError {
  return new UserError('name_taken', t('The name {name} belongs to somebody.', { name: `"${name}"` }), {
    hint: t(
      'If it is yours, use your personal link or token; else choose another name. The operator makes a new link with {command}.',
      { command: '"wuerst invite"' },
    ),
  });
}
