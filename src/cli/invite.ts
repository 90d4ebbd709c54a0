import { Command } from 'commander';
import { linkWith, pageUrl } from '../adapters/web/server/links.ts';
import { parseUser } from '../adapters/web/server/names.ts';
import { UserError } from '../system/errors.ts';
import { withWebPeople } from './web-people.ts';

interface Options {
  readonly admin?: boolean;
  readonly token?: boolean;
  readonly url?: string;
  readonly data?: string;
}

export function inviteCommand(): Command {
  return new Command('invite')
    .description('print a link that lets somebody into the web chat, once and within a week; the bot may be running')
    .argument(
      '[name]',
      'the name it is for, also one that is in use; otherwise whoever opens the link chooses a free one',
    )
    .option('--admin', 'may change settings, and delete and cancel for others')
    .option('--token', 'print a personal token for scripts in place of the link')
    .option('--url <url>', 'where people open the page; otherwise from WUERST_WEB_HOSTNAMES or WUERST_WEB_HOST')
    .option('--data <folder>', 'data folder (WUERST_DATA)')
    .action(async (name: string | undefined, { admin = false, token = false, url, data }: Options) => {
      const chosen = name === undefined ? undefined : parseUser(name);
      if (url !== undefined && !(URL.canParse(url) && /^https?:/.test(url))) {
        throw new UserError('url_invalid', `Expected an address such as https://paint.example.org, got "${url}".`);
      }
      if (token && chosen === undefined) {
        throw new UserError('name_missing', 'A personal token needs a name.', {
          hint: 'For example: wuerst invite nightly --token',
        });
      }
      const line = await withWebPeople(data, (accounts, web) => {
        if (token && chosen !== undefined) {
          accounts.bind(chosen, { admin });
          return accounts.addToken(chosen, 'wuerst invite');
        }
        return linkWith('invitation', accounts.invite({ name: chosen, admin }), url ?? pageUrl(web));
      });
      process.stdout.write(`${line}\n`);
    });
}
