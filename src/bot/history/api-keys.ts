import { createHash, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';
import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import { SURFACES } from '../job.ts';
import { type ApiKey, formatPlace, readKeyName } from '../keys/api-key.ts';
import { formatKeyLimits, keyLimits } from '../keys/key-limits.ts';
import type { Actor, Audit, AuditEntry } from './audit.ts';
import type { Database } from './database.ts';
import { randomId } from './id.ts';
import { decode, decodeJson } from './job-rows.ts';
import { toJson } from './json.ts';

const keyRow = z
  .object({
    id: z.string(),
    hash: z.instanceof(Uint8Array),
    name: z.string(),
    surface: z.enum(SURFACES),
    guild: z.string(),
    limits_json: z.string(),
    webhook: z.string().nullable(),
    created_at: z.number(),
    used_at: z.number().nullable(),
  })
  .transform(({ created_at, used_at, limits_json, webhook, ...key }) => ({
    ...{ ...key, createdAt: created_at, usedAt: used_at },
    webhook: webhook ?? undefined,
    limits: decodeJson(keyLimits, limits_json, 'limits of an API key'),
  }));

type StoredKey = Readonly<z.output<typeof keyRow>>;

const ID_LENGTH = 12;
/** 36^32 values, about 165 bits. */
const SECRET_LENGTH = 32;
/** How exactly it is known when a key was used last. */
const USED_MS = 600_000;
const SECRET = /^sk-wuerst-([a-z0-9]{12})-[a-z0-9]{32}$/;

/** Keys that let programs in. Of their secrets only hashes are stored: they are long and random, so a plain hash cannot be undone. */
export class ApiKeys {
  readonly #database: Database;
  readonly #audit: Audit;
  readonly #now: () => number;
  readonly #sql;

  constructor(database: Database, audit: Audit, now: () => number) {
    this.#database = database;
    this.#audit = audit;
    this.#now = now;
    const keys = (rest: string) =>
      database.query(`SELECT * FROM api_keys ${rest}`, (row) => decode(keyRow, row, 'API key'));
    this.#sql = {
      all: keys("WHERE id > '' ORDER BY id"),
      byId: keys('WHERE id = ?'),
      byName: keys('WHERE name = ?'),
      any: database.column("SELECT id FROM api_keys WHERE id > '' LIMIT 1", String),
      add: database.statement(
        'INSERT INTO api_keys (id, hash, name, surface, guild, limits_json, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
      ),
      used: database.statement('UPDATE api_keys SET used_at = ? WHERE id = ?'),
      setWebhook: database.statement('UPDATE api_keys SET webhook = ? WHERE id = ?'),
      remove: database.statement('DELETE FROM api_keys WHERE id = ?'),
    };
  }

  /** Oldest first. */
  all(): readonly ApiKey[] {
    return this.#sql.all
      .all()
      .map(withoutHash)
      .toSorted((a, b) => a.createdAt - b.createdAt);
  }

  /** Whether there is a key: without one no program is let in. */
  get any(): boolean {
    return this.#sql.any.get() !== undefined;
  }

  get(id: string): ApiKey | null {
    const key = this.#sql.byId.get(id);
    return key === undefined ? null : withoutHash(key);
  }

  /** Returns the secret, which is nowhere else. @throws UserError `key_name_invalid`, `key_name_taken` */
  create(key: Pick<ApiKey, 'name' | 'surface' | 'guild' | 'limits'>, by: Actor): string {
    const { name: typed, surface, guild, limits } = key;
    const name = readKeyName(typed);
    return this.#database.write(() => {
      if (this.#sql.byName.get(name) !== undefined) {
        throw new UserError('key_name_taken', t('There is a key with the name "{name}" already.', { name }), {
          hint: t('Choose another name, or revoke that key first.'),
        });
      }
      const id = randomId(ID_LENGTH);
      const secret = `sk-wuerst-${id}-${randomId(SECRET_LENGTH)}`;
      this.#sql.add.run(id, hashOf(secret), name, surface, guild, toJson(limits), this.#now());
      const place = formatPlace({ surface, guild });
      this.#record('create-key', name, { place, limits: formatKeyLimits(limits) }, by);
      return secret;
    });
  }

  /** Removes a key by its id or name. Requests that wait go on. `null` for an unknown one. */
  revoke(idOrName: string, by: Actor): ApiKey | null {
    return this.#database.write(() => {
      const key = this.#named(idOrName);
      if (key === undefined) return null;
      this.#sql.remove.run(key.id);
      this.#record('revoke-key', key.name, null, by);
      return withoutHash(key);
    });
  }

  /** @param url `null` for nowhere. Returns the key; `null` for an unknown one */
  setWebhook(idOrName: string, url: string | null, by: Actor): ApiKey | null {
    return this.#database.write(() => {
      const key = this.#named(idOrName);
      if (key === undefined) return null;
      this.#sql.setWebhook.run(url, key.id);
      // A path may hold a secret.
      this.#record('tell-key', key.name, { host: url === null ? null : new URL(url).host }, by);
      return this.get(key.id);
    });
  }

  #record(action: AuditEntry['action'], target: string, detail: unknown, { surface, user }: Actor): void {
    this.#audit.add({ surface, guild: null, actor: user, action, target, detail });
  }

  #named(idOrName: string): StoredKey | undefined {
    return this.#sql.byId.get(idOrName) ?? this.#sql.byName.get(idOrName.normalize('NFC').trim());
  }

  /** The key of a secret, which counts as used now; `null` for a wrong or revoked one. */
  admit(secret: string): ApiKey | null {
    const key = this.#sql.byId.get(idIn(secret) ?? '');
    if (key === undefined || !timingSafeEqual(hashOf(secret), key.hash)) return null;
    const now = this.#now();
    if (key.usedAt === null || now - key.usedAt >= USED_MS) this.#sql.used.run(now, key.id);
    return withoutHash(key);
  }
}

/** The public part of a secret; `null` for a text that has another form. */
export function idIn(secret: string): string | null {
  return SECRET.exec(secret)?.[1] ?? null;
}

function hashOf(secret: string): Uint8Array {
  return createHash('sha256').update(secret).digest();
}

function withoutHash({ hash: _hash, ...key }: StoredKey): ApiKey {
  return key;
}
