import { chmodSync } from 'node:fs';
import type { Installation, InstallationQuery, InstallationStore } from '@slack/bolt';
import Database from 'better-sqlite3';
import { OperatorError } from '../../../system/errors.ts';

/** Where installations are kept, by key; values are JSON. They hold tokens: readable by nobody else. */
export interface InstallationRecords {
  put(key: string, value: string): void;
  get(key: string): string | null;
  delete(key: string): void;
}

/**
 * Installations in an SQLite file of their own, apart from the history, so that copies of that hold no tokens.
 * @throws OperatorError `slack_installations`
 */
export function openInstallations(file: string): InstallationRecords & { close(): void } {
  const db = openDatabase(file);
  db.pragma('journal_mode = WAL');
  db.exec('CREATE TABLE IF NOT EXISTS installations (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT');
  const put = db.prepare(
    'INSERT INTO installations (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
  );
  const get = db.prepare<[string], { value: string }>('SELECT value FROM installations WHERE key = ?');
  const remove = db.prepare('DELETE FROM installations WHERE key = ?');
  return {
    put: (key, value) => void put.run(key, value),
    get: (key) => get.get(key)?.value ?? null,
    delete: (key) => void remove.run(key),
    close: () => void db.close(),
  };
}

function openDatabase(file: string): Database.Database {
  try {
    const db = new Database(file);
    chmodSync(file, 0o600);
    return db;
  } catch (cause) {
    throw new OperatorError('slack_installations', `The installations in ${file} cannot be opened.`, {
      hint: 'Check that the bot may write in that folder.',
      cause,
    });
  }
}

/** Bolt's view of the records. An installation for a whole organisation answers for every workspace in it. */
export function installationStore(records: InstallationRecords): InstallationStore {
  return {
    async storeInstallation(installation) {
      const key =
        installation.isEnterpriseInstall === true
          ? `E:${installation.enterprise?.id ?? ''}`
          : `T:${installation.team?.id ?? ''}`;
      records.put(key, JSON.stringify(installation));
    },
    async fetchInstallation(query) {
      const found = keysOf(query)
        .map((key) => records.get(key))
        .find((value) => value !== null);
      if (found === undefined || found === null) {
        throw new Error(`the app is not installed in workspace ${query.teamId ?? query.enterpriseId ?? '?'}`);
      }
      const installation: Installation = JSON.parse(found);
      return installation;
    },
    // One workspace that leaves takes nothing away from the others of its organisation.
    async deleteInstallation(query) {
      const [key] = keysOf(query);
      if (key !== undefined) records.delete(key);
    },
  };
}

function keysOf({ teamId, enterpriseId, isEnterpriseInstall }: InstallationQuery<boolean>): string[] {
  const organisation = enterpriseId === undefined ? [] : [`E:${enterpriseId}`];
  return isEnterpriseInstall || teamId === undefined ? organisation : [`T:${teamId}`, ...organisation];
}
