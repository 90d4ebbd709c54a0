import { Command } from 'commander';
import { linkWith, pageUrl } from '../adapters/web/server/links.ts';
import { parseUser } from '../adapters/web/server/names.ts';
import { UserError } from '../system/errors.ts';
import { t } from '../texts/translate.ts';
import { dataOption } from './compute-options.ts';
import { terminalActor } from './terminal-actor.ts';
import { withWebPeople } from './web-people.ts';

interface Options {
  readonly admin?: boolean;
  readonly token?: boolean;
  readonly url?: string;
  readonly data?: string;
}

export function inviteCommand(): Command {
  return new Command('invite')
    .description(t('print a link that lets somebody into the web chat, once and within a week; the bot may be running'))
    .argument(
      '[name]',
      t('the name it is for, also one that is in use; otherwise whoever opens the link chooses a free one'),
    )
    .option('--admin', t('may change settings, and delete and cancel for others'))
    .option('--token', t('print a personal token for scripts in place of the link'))
    .option('--url <url>', t('where people open the page; otherwise from WUERST_WEB_HOSTNAMES or WUERST_WEB_HOST'))
    .addOption(dataOption())
    .action(async (name: string | undefined, { admin = false, token = false, url, data }: Options) => {
      const chosen = name === undefined ? undefined : parseUser(name);
      if (url !== undefined && !(URL.canParse(url) && /^https?:/.test(url))) {
        throw new UserError(
          'url_invalid',
          t('Expected an address such as {example}, got "{url}".', { example: 'https://paint.example.org', url }),
        );
      }
      if (token && chosen === undefined) {
        throw new UserError('name_missing', t('A personal token needs a name.'), {
          hint: t('For example: {command}', { command: 'wuerst invite nightly --token' }),
        });
      }
      const line = await withWebPeople(data, (accounts, web) => {
        if (token && chosen !== undefined) {
          return accounts.inviteScript(chosen, { admin, label: 'wuerst invite' }, terminalActor());
        }
        return linkWith('invitation', accounts.invite({ name: chosen, admin }, terminalActor()), url ?? pageUrl(web));
      });
      process.stdout.write(`${line}\n`);
    });
}
