import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { WebOptions } from '../adapters/web/server/options.ts';
import type { WebAccounts } from '../bot/history/web-accounts.ts';
import { readConfig } from '../config.ts';
import { OperatorError } from '../system/errors.ts';
import { t } from '../texts/translate.ts';

/** The names of the bot's web chat, also while it runs. @throws OperatorError where nobody signs in */
export async function withWebPeople<T>(
  data: string | undefined,
  use: (accounts: WebAccounts, web: WebOptions) => T,
): Promise<T> {
  const { DATABASE_FILE, History } = await import('../bot/history/history.ts');
  const config = readConfig({ ...process.env, ...(data === undefined ? {} : { WUERST_DATA: data }) });
  if (config.web?.token === undefined) {
    throw new OperatorError(
      'nobody_signs_in',
      () => t('The web chat asks nobody to sign in, so there are no names to prove.'),
      {
        hint: () => t('Set WUERST_WEB_TOKEN in .env for a chat that several people use.'),
      },
    );
  }
  if (!existsSync(join(config.data, DATABASE_FILE))) {
    throw new OperatorError(
      'no_database',
      () => t('There is no database in the data folder {data}.', { data: config.data }),
      {
        hint: () => t('Start the bot once, or name its data folder with --data or WUERST_DATA.'),
      },
    );
  }
  const history = History.open({ folder: config.data });
  try {
    return use(history.webAccounts, config.web);
  } finally {
    history.close();
  }
}
