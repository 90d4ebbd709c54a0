import type { Installation, InstallationQuery, InstallationStore } from '@slack/bolt';
import { OperatorError } from '../../../system/errors.ts';
import { keepPrivate, makePrivate } from '../../../system/private-file.ts';
import { openSqlite } from '../../../system/sqlite.ts';
import { t } from '../../../texts/translate.ts';

type Query = InstallationQuery<boolean>;

/**
 * Installations in an SQLite file of their own, so that copies of the history hold no tokens. An installation for a whole
 * organisation counts for every workspace in it.
 */
export class Installations implements InstallationStore {
  /** Called with the workspace after every installation. */
  installed: (team: string) => void = () => undefined;
  readonly #db;
  readonly #sql;

  /** @throws OperatorError `slack_installations` */
  constructor(file: string) {
    try {
      makePrivate(file);
      for (const log of [`${file}-wal`, `${file}-shm`]) keepPrivate(log);
      this.#db = openSqlite(file);
    } catch (cause) {
      throw new OperatorError(
        'slack_installations',
        () => t('The installations in {file} cannot be opened.', { file }),
        {
          hint: () => t('Check that the bot may write in that folder.'),
          cause,
        },
      );
    }
    this.#db.pragma('journal_mode = WAL');
    // Tokens that are replaced or deleted are overwritten, not just unlinked.
    this.#db.pragma('secure_delete = ON');
    this.#db.pragma('temp_store = MEMORY');
    this.#db.exec(
      'CREATE TABLE IF NOT EXISTS installations (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT',
    );
    this.#sql = {
      store: this.#db.prepare<[string, string]>('REPLACE INTO installations (key, value) VALUES (?, ?)'),
      find: this.#db.prepare<[string], { value: string }>('SELECT value FROM installations WHERE key = ?'),
      delete: this.#db.prepare<[string]>('DELETE FROM installations WHERE key = ?'),
    };
  }

  async storeInstallation(installation: Installation<'v1' | 'v2', boolean>): Promise<void> {
    const { isEnterpriseInstall, enterprise, team } = installation;
    const key = isEnterpriseInstall === true ? `E:${enterprise?.id ?? ''}` : `T:${team?.id ?? ''}`;
    this.#sql.store.run(key, JSON.stringify(installation));
    this.#emptyLog();
    this.installed(team?.id ?? '');
  }

  async fetchInstallation(query: Query): Promise<Installation<'v1' | 'v2', boolean>> {
    for (const key of keysOf(query)) {
      const found = this.#sql.find.get(key);
      if (found) return JSON.parse(found.value);
    }
    throw new Error(`The app is not installed in workspace ${query.teamId ?? query.enterpriseId ?? '?'}.`);
  }

  /** One workspace that leaves takes nothing away from the others of its organisation. */
  async deleteInstallation(query: Query): Promise<void> {
    this.#sql.delete.run(keysOf(query)[0] ?? '');
    this.#emptyLog();
  }

  /** The log, too, holds what was replaced or deleted until then. */
  #emptyLog(): void {
    this.#db.pragma('wal_checkpoint(TRUNCATE)');
  }

  close(): void {
    this.#db.close();
  }
}

function keysOf({ teamId, enterpriseId, isEnterpriseInstall }: Query): string[] {
  const organisation = enterpriseId === undefined ? [] : [`E:${enterpriseId}`];
  return isEnterpriseInstall || teamId === undefined ? organisation : [`T:${teamId}`, ...organisation];
}
