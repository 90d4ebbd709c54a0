import { createHash, timingSafeEqual } from 'node:crypto';
import unhomoglyph from 'unhomoglyph';
import * as z from 'zod';
import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import { isProgram } from '../keys/api-key.ts';
import { PERSON_BOUNDS } from '../person-bounds.ts';
import { type Actor, Audit } from './audit.ts';
import { Database } from './database.ts';
import { randomId } from './id.ts';
import { decode } from './job-rows.ts';

/** An `invitation` works once; a `token` is for scripts and to come back; a `device` is a browser that is signed in. */
const KINDS = ['invitation', 'token', 'device'] as const;

const flag = z.number().transform((value) => value === 1);
const accountRow = z
  .object({ name: z.string(), admin: flag, created_at: z.number() })
  .transform(({ created_at, ...account }) => ({ ...account, createdAt: created_at }));
const keyRow = z
  .object({
    id: z.string(),
    kind: z.enum(KINDS),
    account: z.string().nullable(),
    hash: z.string().nullable(),
    admin: flag,
    label: z.string(),
    created_at: z.number(),
    used_at: z.number().nullable(),
    expires_at: z.number().nullable(),
  })
  .transform(({ created_at, used_at, expires_at, ...key }) => ({
    ...{ ...key, createdAt: created_at, usedAt: used_at, expiresAt: expires_at },
  }));

/** A name of the web chat that belongs to somebody. Times are milliseconds since 1970. */
export type WebAccount = Readonly<z.output<typeof accountRow>>;
type StoredKey = Readonly<z.output<typeof keyRow>>;
/** What proves that a name is one's own, without its secret. */
export type WebKey = Omit<StoredKey, 'hash'>;

const PREFIXES = { token: 'wuerst', invitation: 'invite' } as const;
/** 36^32 values, about 165 bits. */
const SECRET_LENGTH = 32;
const ID_LENGTH = 12;
const INVITATION_MS = 7 * 86_400_000;
/** How exactly it is known when a key was used last. */
const USED_MS = 600_000;

/** Names of the web chat, and the secrets that prove whose they are: of these only hashes are stored. */
export class WebAccounts {
  readonly #database: Database;
  readonly #audit: Audit;
  readonly #now: () => number;
  readonly #sql;

  constructor(database: Database, audit: Audit, now: () => number) {
    this.#database = database;
    this.#audit = audit;
    this.#now = now;
    const accounts = (where: string) =>
      database.query(`SELECT name, admin, created_at FROM web_accounts ${where}`, (row) =>
        decode(accountRow, row, 'account of the web chat'),
      );
    const keys = (where: string) =>
      database.query(`SELECT * FROM web_keys WHERE ${where}`, (row) => decode(keyRow, row, 'key of the web chat'));
    this.#sql = {
      account: accounts('WHERE name = ?'),
      alike: accounts('WHERE looks = ?'),
      accounts: accounts('WHERE name > ? ORDER BY name'),
      addAccount: database.statement('INSERT INTO web_accounts (name, looks, admin, created_at) VALUES (?, ?, ?, ?)'),
      usedNames: database.column(
        `SELECT id FROM users WHERE surface = 'web' AND id NOT IN (SELECT name FROM web_accounts) ORDER BY id`,
        String,
      ),
      setAdmin: database.statement('UPDATE web_accounts SET admin = ? WHERE name = ?'),
      removeAccount: database.statement('DELETE FROM web_accounts WHERE name = ?'),
      key: keys('id = ?'),
      keysOf: keys('account = ? ORDER BY created_at'),
      invitations: database.column("SELECT count(*) FROM web_keys WHERE kind = 'invitation' AND id > ?", Number),
      addKey: database.statement(
        'INSERT INTO web_keys (id, kind, account, hash, admin, label, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      ),
      useKey: database.statement('UPDATE web_keys SET used_at = ? WHERE id = ?'),
      removeKey: database.statement('DELETE FROM web_keys WHERE id = ?'),
      removeKeysOf: database.statement('DELETE FROM web_keys WHERE account = ?'),
      prune: database.statement('DELETE FROM web_keys WHERE expires_at <= ?'),
    };
  }

  /** Kept in memory, until the process ends. */
  static inMemory(now: () => number = Date.now): WebAccounts {
    const database = Database.open({ path: ':memory:' });
    return new WebAccounts(database, new Audit(database, now), now);
  }

  get(name: string): WebAccount | null {
    return this.#sql.account.get(name) ?? null;
  }

  all(): readonly WebAccount[] {
    return this.#sql.accounts.all('');
  }

  /** Binds a free name. @throws UserError `name_taken` for one that belongs to somebody, or looks like one that does */
  claim(name: string, { admin }: { readonly admin: boolean }): WebAccount {
    return this.#database.write(() => {
      const looks = looksOf(name);
      const other = this.get(name) ?? this.#sql.alike.get(looks);
      if (other !== undefined) throw nameTaken(name, other);
      this.#sql.addAccount.run(name, looks, Number(admin), this.#now());
      return { name, admin, createdAt: this.#now() };
    });
  }

  /**
   * Binds the names under which something is kept from when nobody had to prove theirs, without a secret: only an invitation
   * opens them. Otherwise whoever takes one first would have what was somebody else's.
   */
  bindUsed(): void {
    this.#database.write(() => {
      // Those of programs are no names of the chat.
      for (const name of this.#sql.usedNames.all().filter((user) => !isProgram({ user }))) {
        const looks = looksOf(name);
        const isTwin = this.#sql.alike.get(looks) !== undefined;
        // Both were used. The space keeps them apart: looks have none.
        this.#sql.addAccount.run(name, isTwin ? `${looks} ${name}` : looks, 0, this.#now());
      }
    });
  }

  /** As `claim`, unless it is bound already. It becomes an admin's with `admin`, and stays one without. */
  #bind(name: string, { admin }: { readonly admin: boolean }): void {
    if (this.get(name) === null) this.claim(name, { admin });
    else if (admin) this.#sql.setAdmin.run(1, name);
  }

  /**
   * A secret that works once, for a week.
   *
   * @param invited.name is bound now; whoever has the secret signs in under it. @default whoever has it chooses a free one
   * @throws UserError `name_taken` for one that looks like another's; `too_many_invitations`
   */
  invite({ name, admin }: { readonly name?: string | undefined; readonly admin: boolean }, by: Actor): string {
    return this.#database.write(() => {
      this.prune();
      if ((this.#sql.invitations.get('') ?? 0) >= PERSON_BOUNDS.invitations) {
        throw new UserError(
          'too_many_invitations',
          t('{count} invitation waits to be used. | {count} invitations wait to be used.', {
            count: PERSON_BOUNDS.invitations,
          }),
          {
            hint: t('Each of them ends after a week.'),
          },
        );
      }
      if (name !== undefined) this.#bind(name, { admin });
      this.#record('invite', name, { admin }, by);
      return this.#addSecret('invitation', {
        ...{ account: name ?? null, admin, label: 'invitation', expiresAt: this.#now() + INVITATION_MS },
      });
    });
  }

  /** A secret for scripts of somebody, who is invited with it where the name was free. @throws as `claim` and `addToken` */
  inviteScript(name: string, { admin, label }: { readonly admin: boolean; readonly label: string }, by: Actor): string {
    return this.#database.write(() => {
      this.#bind(name, { admin });
      this.#record('invite', name, { admin, script: true }, by);
      return this.addToken(name, label);
    });
  }

  /** A secret for scripts, and to come back with. @throws UserError `too_many_tokens` */
  addToken(account: string, label: string): string {
    return this.#database.write(() => {
      if (this.keysOf(account).filter(({ kind }) => kind === 'token').length >= PERSON_BOUNDS.tokens) {
        throw new UserError(
          'too_many_tokens',
          t('There is already {count} personal token. | There are already {count} personal tokens.', {
            count: PERSON_BOUNDS.tokens,
          }),
          {
            hint: t('Remove one that is no longer used.'),
          },
        );
      }
      return this.#addSecret('token', { account, admin: false, label, expiresAt: null });
    });
  }

  /** Returns its id. The devices that were used longest ago are signed out beyond the bound. */
  addDevice(account: string, device: { readonly admin: boolean; readonly label: string; readonly expiresAt: number }) {
    return this.#database.write(() => {
      const id = randomId(ID_LENGTH);
      this.#add({ ...device, id, kind: 'device', account, hash: null });
      const devices = this.keysOf(account).filter((key) => key.kind === 'device' && key.id !== id);
      const latestFirst = devices.toSorted((a, b) => (b.usedAt ?? b.createdAt) - (a.usedAt ?? a.createdAt));
      for (const old of latestFirst.slice(PERSON_BOUNDS.devices - 1)) this.#sql.removeKey.run(old.id);
      return id;
    });
  }

  /** The key of a secret; `null` for one that is wrong, used, removed or expired. */
  keyOfSecret(secret: string): WebKey | null {
    const { id, kind } = readSecret(secret) ?? {};
    const key = id === undefined ? undefined : this.#sql.key.get(id);
    if (key === undefined || key.hash === null || key.kind !== kind || this.#isOver(key)) return null;
    return timingSafeEqual(Buffer.from(hashOf(secret)), Buffer.from(key.hash)) ? withoutHash(key) : null;
  }

  device(id: string): WebKey | null {
    const key = this.#sql.key.get(id);
    return key?.kind === 'device' && !this.#isOver(key) ? withoutHash(key) : null;
  }

  /** Remembers that a key was used, to about ten minutes. */
  used(key: WebKey): void {
    if (this.#now() - (key.usedAt ?? 0) >= USED_MS) this.#sql.useKey.run(this.#now(), key.id);
  }

  /** Uses an invitation up. @throws UserError `name_taken`, `name_missing` */
  redeem(invitation: WebKey, chosen: string | undefined): WebAccount {
    return this.#database.write(() => {
      const { id, account, admin } = invitation;
      if (account === null && chosen === undefined) {
        throw new UserError('name_missing', t('The invitation is for a name that is yet to be chosen.'), {
          hint: t('Send {field} with the name that you would like.', { field: '"user"' }),
        });
      }
      const invited = account === null ? this.claim(chosen ?? '', { admin }) : this.get(account);
      if (invited === null) throw new UserError('invitation_used', t('The invitation is for a name that is gone.'));
      this.#sql.removeKey.run(id);
      return invited;
    });
  }

  /** Oldest first, without those that have expired. */
  keysOf(account: string): readonly WebKey[] {
    return this.#sql.keysOf.all(account).flatMap((key) => (this.#isOver(key) ? [] : [withoutHash(key)]));
  }

  /** Returns whether this account had such a key. */
  removeKey(account: string, id: string): boolean {
    if (!this.keysOf(account).some((key) => key.id === id)) return false;
    this.#sql.removeKey.run(id);
    return true;
  }

  /** Ends every device, token, invitation and right of a name, which stays bound. Returns whether it was. */
  lock(name: string, by: Actor): boolean {
    return this.#database.write(() => {
      this.#sql.removeKeysOf.run(name);
      if (this.#sql.setAdmin.run(0, name).changes === 0) return false;
      this.#record('lock', name, null, by);
      return true;
    });
  }

  /** Frees a name; whoever is signed in under it no longer is. Returns whether it was bound. */
  remove(name: string): boolean {
    return this.#sql.removeAccount.run(name).changes > 0;
  }

  /** Forgets keys that have expired. */
  prune(): void {
    this.#sql.prune.run(this.#now());
  }

  #record(action: 'invite' | 'lock', name: string | undefined, detail: unknown, { surface, user }: Actor): void {
    const target = name === undefined ? '' : `web:${name}`;
    this.#audit.add({ surface, guild: null, actor: user, action, target, detail });
  }

  #addSecret(kind: keyof typeof PREFIXES, key: Pick<StoredKey, 'account' | 'admin' | 'label' | 'expiresAt'>): string {
    const id = randomId(ID_LENGTH);
    const secret = `${PREFIXES[kind]}_${id}_${randomId(SECRET_LENGTH)}`;
    this.#add({ ...key, id, kind, hash: hashOf(secret) });
    return secret;
  }

  #add({ id, kind, account, hash, admin, label, expiresAt }: Omit<StoredKey, 'createdAt' | 'usedAt'>): void {
    this.#sql.addKey.run(id, kind, account, hash, Number(admin), label, this.#now(), expiresAt);
  }

  #isOver({ expiresAt }: Pick<StoredKey, 'expiresAt'>): boolean {
    return expiresAt !== null && expiresAt <= this.#now();
  }
}

/** The public part of a secret; `null` for a text that has another form. */
export function readSecret(secret: string): { readonly kind: keyof typeof PREFIXES; readonly id: string } | null {
  const [, prefix, id = ''] = /^(wuerst|invite)_([a-z0-9]{12})_[a-z0-9]{32}$/.exec(secret) ?? [];
  if (prefix === undefined) return null;
  return { kind: prefix === PREFIXES.token ? 'token' : 'invitation', id };
}

/** Equal for names that people take for the same. */
function looksOf(name: string): string {
  const plain = name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, '');
  return unhomoglyph(plain).normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}

function nameTaken(name: string, other: WebAccount): UserError {
  const problem =
    other.name === name
      ? t('The name "{name}" belongs to somebody.', { name })
      : t('The name "{name}" looks like "{other}", which belongs to somebody.', { name, other: other.name });
  return new UserError('name_taken', problem, {
    hint: t(
      'If it is yours, sign in with your personal link or token; else choose another name. The operator makes a new link with {command}.',
      { command: '"wuerst invite"' },
    ),
  });
}

/** A secret is long and random, so that a plain hash cannot be undone. */
function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

function withoutHash({ hash: _hash, ...key }: StoredKey): WebKey {
  return key;
}
