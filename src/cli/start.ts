import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { loadDotEnv, readConfig, VARIABLES } from '../config.ts';
import { startBot } from '../main.ts';
import { OperatorError } from '../system/errors.ts';
import { printableJson } from '../system/printable.ts';

export function startCommand(): Command {
  const command = new Command('start').description(
    'start the bot: the web chat, and Discord and Slack where their tokens are set',
  );
  for (const { name, option, help, otherwise } of VARIABLES) {
    if (option) command.option(option, `${help} (${name}; otherwise ${otherwise})`);
  }
  const secrets = VARIABLES.filter(({ option }) => option === undefined);
  const width = Math.max(...secrets.map(({ name }) => name.length));
  command.addHelpText(
    'after',
    `\nOnly in the environment, or in a file .env in this folder:\n${secrets
      .map(({ name, help, otherwise }) => `  ${name.padEnd(width)}  ${help} (otherwise ${otherwise})`)
      .join('\n')}`,
  );
  return command.action(async (options: Record<string, string | undefined>) => {
    loadDotEnv();
    const env = { ...process.env };
    for (const { name, option } of VARIABLES) {
      const typed = option && options[new Option(option).attributeName()];
      if (typed !== undefined) env[name] = typed;
    }
    const bot = await startBot(readConfig(env));
    if (bot.url) process.stderr.write(`\nwuerst is ready: open ${bot.url}\n\n`);
    await bot.stopped;
  });
}

export function backupCommand(): Command {
  return new Command('backup')
    .description('copy the database and the pictures to an empty folder; the bot may be running')
    .argument('<folder>', 'where the copy goes')
    .option('--data <folder>', 'data folder (WUERST_DATA)')
    .action(async (folder: string, { data }: { data?: string }) => {
      loadDotEnv();
      const { DATABASE_FILE, History } = await import('../bot/history/history.ts');
      const config = readConfig({ ...process.env, ...(data === undefined ? {} : { WUERST_DATA: data }) });
      if (!existsSync(join(config.data, DATABASE_FILE))) {
        throw new OperatorError('nothing_to_back_up', `There is no database in the data folder ${config.data}.`, {
          hint: 'Name the data folder of the bot with --data or WUERST_DATA.',
        });
      }
      const history = History.open({ folder: config.data });
      try {
        const report = await history.backup(folder);
        process.stdout.write(`${printableJson(report)}\n`);
      } finally {
        history.close();
      }
    });
}
