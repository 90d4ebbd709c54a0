import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { webhookSecret } from '../adapters/api/webhooks/signature.ts';
import { readWebhookUrl } from '../adapters/api/webhooks/webhook-url.ts';
import { SESSION_KEY_FILE, sessionKey } from '../adapters/web/server/session-key.ts';
import type { ApiKeys } from '../bot/history/api-keys.ts';
import { type ApiKey, formatPlace, readPlace } from '../bot/keys/api-key.ts';
import { formatKeyLimits, readKeyLimits } from '../bot/keys/key-limits.ts';
import { loadDotEnv, readConfig } from '../config.ts';
import { OperatorError, UserError } from '../system/errors.ts';
import { printable } from '../system/printable.ts';
import { dataFolder } from './saved-prompts.ts';

interface Place {
  readonly data?: string;
}

interface NewKey extends Place {
  readonly name: string;
  readonly guild: string;
  readonly limits: string;
}

/** Keys that let programs in, also while the bot runs. */
export function keysCommand(): Command {
  const command = new Command('keys').description(
    'let programs in: the interfaces of OpenAI, A1111 and MCP are open as long as there is a key',
  );
  const data = () => new Option('--data <folder>', 'data folder (WUERST_DATA)');
  command
    .command('create')
    .description('print a new key, which is shown this once')
    .requiredOption('--name <name>', 'what it is for, such as "open webui"')
    .requiredOption(
      '--guild <place>',
      'whose rules and quotas hold for it: discord:<server>, slack:<workspace> or web:<room>',
    )
    .option(
      '--limits <limits>',
      'what holds for this key beside them: images, pixels, cost, user-jobs, user-seconds',
      '',
    )
    .addOption(data())
    .addHelpText(
      'after',
      '\nExample: wuerst keys create --name "open webui" --guild web:lobby --limits images=4,user-seconds=600',
    )
    .action(async ({ name, guild, limits, data: folder }: NewKey) => {
      const key = { name, ...readPlace(guild), limits: readKeyLimits(limits) };
      const secret = await withKeys(folder, (keys) => keys.create(key));
      process.stdout.write(`${secret}\n`);
      process.stderr.write('Keep it: it is not shown again. Programs send it as Authorization: Bearer <key>.\n');
    });
  command
    .command('list', { isDefault: true })
    .description('show the keys, without their secrets')
    .option('--json', 'print them for programs')
    .addOption(data())
    .action(async ({ data: folder, json = false }: Place & { readonly json?: boolean }) => {
      const keys = await withKeys(folder, (all) => all.all());
      const lines = json ? [JSON.stringify(keys, null, 2)] : keys.map(lineOf);
      process.stdout.write(lines.map((line) => `${line}\n`).join(''));
    });
  command
    .command('webhook')
    .description(
      'tell a program at an address when its requests end, or no longer; prints what it checks the messages with',
    )
    .argument('<key>', 'its id or name')
    .argument('<url>', 'such as https://example.org/hooks/wuerst, or off')
    .addOption(data())
    .action(async (name: string, typed: string, { data: folder }: Place) => {
      loadDotEnv();
      const config = readConfig({ ...process.env, ...(folder === undefined ? {} : { WUERST_DATA: folder }) });
      const allowPrivate = config.web?.webhookPrivate ?? false;
      const url = typed === 'off' ? null : readWebhookUrl(typed, { allowPrivate });
      const key = await withKeys(folder, (keys) => keys.setWebhook(name, url));
      if (key === null) throw unknownKey(name);
      if (url === null) process.stdout.write(`${printable(key.name)} is told nothing.\n`);
      else process.stdout.write(`${webhookSecret(sessionKey(join(config.data, SESSION_KEY_FILE)), key.id)}\n`);
    });
  command
    .command('revoke')
    .description('let a program in no longer; what it has asked for is still painted')
    .argument('<key>', 'its id or name')
    .addOption(data())
    .action(async (key: string, { data: folder }: Place) => {
      const revoked = await withKeys(folder, (keys) => keys.revoke(key));
      if (revoked === null) throw unknownKey(key);
      process.stdout.write(`${printable(revoked.name)} is let in no longer.\n`);
    });
  return command;
}

function unknownKey(name: string): UserError {
  return new UserError('key_unknown', `There is no key "${printable(name)}".`, {
    hint: 'See them all: wuerst keys list',
  });
}

function lineOf({ id, name, limits, createdAt, usedAt, webhook, ...place }: ApiKey): string {
  const date = (time: number) => new Date(time).toISOString().slice(0, 10);
  const used = usedAt === null ? 'never used' : `last used ${date(usedAt)}`;
  const within = formatKeyLimits(limits);
  return [
    id,
    printable(name),
    formatPlace(place),
    ...(within === '' ? [] : [within]),
    ...(webhook === undefined ? [] : [`tells ${new URL(webhook).host}`]),
    `made ${date(createdAt)}`,
    used,
  ].join('  ');
}

async function withKeys<T>(data: string | undefined, use: (keys: ApiKeys) => T): Promise<T> {
  loadDotEnv();
  const folder = dataFolder(data);
  const { DATABASE_FILE, History } = await import('../bot/history/history.ts');
  if (!existsSync(join(folder, DATABASE_FILE))) {
    throw new OperatorError('no_database', `There is no database in the data folder ${folder}.`, {
      hint: 'Start the bot once, or name its data folder with --data or WUERST_DATA.',
    });
  }
  const history = History.open({ folder });
  try {
    return use(history.apiKeys);
  } finally {
    history.close();
  }
}
