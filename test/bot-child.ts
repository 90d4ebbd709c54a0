/**
 * The bot over a data folder, for tests that stop and kill it. Prints `starting`, `ready <url>`, every event of its jobs, and with
 * each start the id of the pipeline process. `TEST_ENGINE=real` paints with the embedded model.
 */

import type { Adapter } from '../src/adapters/adapter.ts';
import { readConfig } from '../src/config.ts';
import { type RunningBot, startBot } from '../src/main.ts';
import { OperatorError } from '../src/system/errors.ts';
import { createLogger } from '../src/system/logging.ts';

const printer: Adapter = {
  surface: 'terminal',
  async start(core) {
    console.log('starting');
    core.subscribe(({ type, job }) => {
      // A job that an earlier bot left starts just before there is a bot to ask.
      if (type === 'started') setImmediate(() => console.log(`pipeline ${bot?.pipelines[0]?.pid}`));
      console.log(`${type} ${job.id}`);
    });
  },
  async stop() {},
};

let bot: RunningBot | null = null;
try {
  bot = await startBot(readConfig(process.env), {
    ...(process.env.TEST_ENGINE === 'real' ? {} : { engine: new URL('./bot/slow-engine.ts', import.meta.url).href }),
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
