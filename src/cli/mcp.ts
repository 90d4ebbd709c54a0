import { Command } from 'commander';
import { createStdioAdapter } from '../adapters/api/mcp/stdio-adapter.ts';
import { readConfig } from '../config.ts';
import { type RunningBot, startBot } from '../main.ts';
import { VERSION } from '../pipeline/version.ts';
import { OperatorError } from '../system/errors.ts';
import { createLogger } from '../system/logging.ts';
import { t } from '../texts/translate.ts';
import { loggingInEnglish } from './logging-in-english.ts';

interface Options {
  readonly data?: string;
  readonly model?: string;
}

/** For programs that start their tools themselves. */
export function mcpCommand(): Command {
  return new Command('mcp')
    .description(t('paint for a program that speaks the model context protocol over standard input and output'))
    .option('--data <folder>', t('folder of the database and the pictures (WUERST_DATA)'))
    .option('--model <model>', t('name of a model, or its folder (WUERST_MODEL)'))
    .addHelpText(
      'after',
      `\n${t('A bot that runs already serves the same over HTTP, at /mcp, with a key of "{command}".', { command: 'wuerst keys create' })}`,
    )
    .action(async ({ data, model }: Options) => {
      const config = readConfig({
        ...process.env,
        ...(data === undefined ? {} : { WUERST_DATA: data }),
        ...(model === undefined ? {} : { WUERST_MODEL: model }),
      });
      const { logLevel: level, logFormat: format, secrets } = config;
      // The standard output is the protocol's.
      const destination = { write: (line: string) => void process.stderr.write(line) };
      const logger = createLogger({ level, format, secrets, destination });
      await loggingInEnglish(async () => {
        let bot: RunningBot | undefined;
        let isClosed = false;
        const onClosed = () => {
          isClosed = true;
          void bot?.stop();
        };
        const adapter = createStdioAdapter({ version: VERSION, logger, onClosed });
        bot = await startBot(
          // Nobody waits for what is still being painted when the other end has closed.
          { ...config, web: undefined, discord: undefined, slack: undefined, drainMs: 0 },
          { adapters: [adapter], logger },
        ).catch(explainLock);
        if (isClosed) await bot.stop();
        await bot.stopped;
      });
    });
}

function explainLock(error: unknown): never {
  if (!(error instanceof OperatorError && error.code === 'lock_held')) throw error;
  throw new OperatorError(error.code, () => error.again().message, {
    hint: () =>
      t('A bot runs there: let the program use {url} with a key of "{command}", or name another folder with --data.', {
        url: 'http://localhost:3210/mcp',
        command: 'wuerst keys create',
      }),
    cause: error,
  });
}
