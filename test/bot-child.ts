/** The bot over a data folder, for tests that stop and kill it. Prints `ready <url>` and every event of its jobs. */

import type { Adapter } from '../src/adapters/adapter.ts';
import { readConfig } from '../src/config.ts';
import { OperatorError } from '../src/errors.ts';
import { createLogger } from '../src/logging.ts';
import { startBot } from '../src/main.ts';

const printer: Adapter = {
  surface: 'terminal',
  async start(core) {
    core.subscribe(({ type, job }) => console.log(`${type} ${job.id}`));
  },
  async stop() {},
};

try {
  const bot = await startBot(readConfig(process.env), {
    engine: new URL('bot/slow-engine.ts', import.meta.url).href,
    logger: createLogger({ level: 'silent', secrets: [] }),
    adapters: [printer],
  });
  console.log(`ready ${bot.url}`);
  await bot.stopped;
  console.log('stopped');
} catch (error) {
  if (!(error instanceof OperatorError)) throw error;
  console.log(`refused ${error.code}: ${error.message}`);
  process.exitCode = 2;
}
