import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { readConfig, VARIABLES } from '../config.ts';
import { startBot } from '../main.ts';
import { OperatorError } from '../system/errors.ts';
import { printableJson } from '../system/printable.ts';
import { t } from '../texts/translate.ts';
import { dataOption } from './compute-options.ts';
import { loggingInEnglish } from './logging-in-english.ts';

export function startCommand(): Command {
  const command = new Command('start').description(
    t('start the bot: the web chat, and Discord and Slack where their tokens are set'),
  );
  for (const { name, option, help, otherwise } of VARIABLES) {
    if (option) {
      command.option(option, t('{help} ({variable}; otherwise {otherwise})', { help, variable: name, otherwise }));
    }
  }
  const secrets = VARIABLES.filter(({ option }) => option === undefined);
  const width = Math.max(...secrets.map(({ name }) => name.length));
  command.addHelpText(
    'after',
    [
      '',
      t('Only in the environment, or in a file .env in this folder:'),
      ...secrets.map(({ name, help, otherwise }) => {
        const said = t('{help} (otherwise {otherwise})', { help, otherwise });
        return `  ${name.padEnd(width)}  ${said}`;
      }),
    ].join('\n'),
  );
  return command.action(async (options: Record<string, string | undefined>) => {
    const env = { ...process.env };
    for (const { name, option } of VARIABLES) {
      const typed = option && options[new Option(option).attributeName()];
      if (typed !== undefined) env[name] = typed;
    }
    const config = readConfig(env);
    await loggingInEnglish(async (inTerminal) => {
      const { url, stopped } = await startBot(config);
      if (url) process.stderr.write(`\n${inTerminal(() => t('wuerst is ready: open {url}', { url }))}\n\n`);
      await stopped;
    });
  });
}

export function backupCommand(): Command {
  return new Command('backup')
    .description(t('copy the database, the pictures, presets and wildcards to an empty folder; the bot may be running'))
    .argument('<folder>', t('where the copy goes'))
    .addOption(dataOption())
    .action(async (folder: string, { data }: { data?: string }) => {
      const { DATABASE_FILE, History } = await import('../bot/history/history.ts');
      const { PRESET_FOLDER, WILDCARD_FOLDER } = await import('../bot/prompts/prompt-folder.ts');
      const config = readConfig({ ...process.env, ...(data === undefined ? {} : { WUERST_DATA: data }) });
      if (!existsSync(join(config.data, DATABASE_FILE))) {
        const { data: place } = config;
        throw new OperatorError(
          'nothing_to_back_up',
          () => t('There is no database in the data folder {folder}.', { folder: place }),
          { hint: () => t('Name the data folder of the bot with --data or WUERST_DATA.') },
        );
      }
      const history = History.open({ folder: config.data });
      try {
        const prompts = [PRESET_FOLDER, WILDCARD_FOLDER].map((name) => join(config.data, name));
        const report = await history.backup(folder, prompts);
        process.stdout.write(`${printableJson(report)}\n`);
      } finally {
        history.close();
      }
    });
}
