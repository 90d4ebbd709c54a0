import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { webhookSecret } from '../adapters/api/webhooks/signature.ts';
import { readWebhookUrl } from '../adapters/api/webhooks/webhook-url.ts';
import { SESSION_KEY_FILE, sessionKey } from '../adapters/web/server/session-key.ts';
import type { ApiKeys } from '../bot/history/api-keys.ts';
import { type ApiKey, formatPlace, readPlace } from '../bot/keys/api-key.ts';
import { formatKeyLimits, readKeyLimits } from '../bot/keys/key-limits.ts';
import { readConfig } from '../config.ts';
import { OperatorError, UserError } from '../system/errors.ts';
import { printable } from '../system/printable.ts';
import { dateText } from '../texts/dates.ts';
import { listedAs, t } from '../texts/translate.ts';
import { dataOption } from './compute-options.ts';
import { dataFolder } from './saved-prompts.ts';
import { terminalActor } from './terminal-actor.ts';

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
    t('let programs in: the interfaces of OpenAI, A1111 and MCP are open as long as there is a key'),
  );
  command
    .command('create')
    .description(t('print a new key, which is shown this once'))
    .requiredOption('--name <name>', t('what it is for, such as "{example}"', { example: 'open webui' }))
    .requiredOption(
      '--guild <place>',
      t('whose rules and quotas hold for it: {places}', {
        places: listedAs('disjunction', ['discord:<server>', 'slack:<workspace>', 'web:<room>']),
      }),
    )
    .option(
      '--limits <limits>',
      t('what holds for this key beside them: {names}', {
        names: 'images, pixels, cost, user-jobs, user-seconds',
      }),
      '',
    )
    .addOption(dataOption())
    .addHelpText(
      'after',
      `\n${t('Example: {command}', {
        command: 'wuerst keys create --name "open webui" --guild web:lobby --limits images=4,user-seconds=600',
      })}`,
    )
    .action(async ({ name, guild, limits, data: folder }: NewKey) => {
      const key = { name, ...readPlace(guild), limits: readKeyLimits(limits) };
      const secret = await withKeys(folder, (keys) => keys.create(key, terminalActor()));
      process.stdout.write(`${secret}\n`);
      const sent = 'Authorization: Bearer <key>';
      process.stderr.write(`${t('Keep it: it is not shown again. Programs send it as {header}.', { header: sent })}\n`);
    });
  command
    .command('list', { isDefault: true })
    .description(t('show the keys, without their secrets'))
    .option('--json', t('print them for programs'))
    .addOption(dataOption())
    .action(async ({ data: folder, json = false }: Place & { readonly json?: boolean }) => {
      const keys = await withKeys(folder, (all) => all.all());
      const lines = json ? [JSON.stringify(keys, null, 2)] : keys.map(lineOf);
      process.stdout.write(lines.map((line) => `${line}\n`).join(''));
    });
  command
    .command('webhook')
    .description(
      t('tell a program at an address when its requests end, or no longer; prints what it checks the messages with'),
    )
    .argument('<key>', t('its id or name'))
    .argument('<url>', t('such as {example}, or {off}', { example: 'https://example.org/hooks/wuerst', off: 'off' }))
    .addOption(dataOption())
    .action(async (name: string, typed: string, { data: folder }: Place) => {
      const config = readConfig({ ...process.env, ...(folder === undefined ? {} : { WUERST_DATA: folder }) });
      const allowPrivate = config.web?.webhookPrivate ?? false;
      const url = typed === 'off' ? null : readWebhookUrl(typed, { allowPrivate });
      const key = await withKeys(folder, (keys) => keys.setWebhook(name, url, terminalActor()));
      if (key === null) throw unknownKey(name);
      if (url === null) process.stdout.write(`${t('{name} is told nothing.', { name: printable(key.name) })}\n`);
      else process.stdout.write(`${webhookSecret(sessionKey(join(config.data, SESSION_KEY_FILE)), key.id)}\n`);
    });
  command
    .command('revoke')
    .description(t('let a program in no longer; what it has asked for is still painted'))
    .argument('<key>', t('its id or name'))
    .addOption(dataOption())
    .action(async (key: string, { data: folder }: Place) => {
      const revoked = await withKeys(folder, (keys) => keys.revoke(key, terminalActor()));
      if (revoked === null) throw unknownKey(key);
      process.stdout.write(`${t('{name} is let in no longer.', { name: printable(revoked.name) })}\n`);
    });
  return command;
}

function unknownKey(name: string): UserError {
  return new UserError('key_unknown', t('There is no key "{name}".', { name: printable(name) }), {
    hint: t('See them all: {command}', { command: 'wuerst keys list' }),
  });
}

function lineOf({ id, name, limits, createdAt, usedAt, webhook, ...place }: ApiKey): string {
  const date = (time: number) => dateText(new Date(time));
  const used = usedAt === null ? t('never used') : t('last used {date}', { date: date(usedAt) });
  const within = formatKeyLimits(limits);
  return [
    id,
    printable(name),
    formatPlace(place),
    ...(within === '' ? [] : [within]),
    ...(webhook === undefined ? [] : [t('tells {host}', { host: new URL(webhook).host })]),
    t('made {date}', { date: date(createdAt) }),
    used,
  ].join('  ');
}

async function withKeys<T>(data: string | undefined, use: (keys: ApiKeys) => T): Promise<T> {
  const folder = dataFolder(data);
  const { DATABASE_FILE, History } = await import('../bot/history/history.ts');
  if (!existsSync(join(folder, DATABASE_FILE))) {
    throw new OperatorError('no_database', () => t('There is no database in the data folder {folder}.', { folder }), {
      hint: () => t('Start the bot once, or name its data folder with --data or WUERST_DATA.'),
    });
  }
  const history = History.open({ folder });
  try {
    return use(history.apiKeys);
  } finally {
    history.close();
  }
}
