/**
 * A bot that paints with workers alone, for tests that kill it. Prints `ready <url>` and every event of its jobs.
 * `TEST_WORKER_TIMING` says how soon it notices what is lost.
 */
import type { Adapter } from '../../src/adapters/adapter.ts';
import { readConfig } from '../../src/config.ts';
import { startBot } from '../../src/main.ts';
import { createLogger } from '../../src/system/logging.ts';

const printer: Adapter = {
  surface: 'terminal',
  async start(core) {
    core.subscribe(({ type, job }) => console.log(`event ${type} ${job.id}`));
  },
  async stop() {},
};

const bot = await startBot(readConfig(process.env), {
  logger: createLogger({ level: process.env.TEST_LOG ?? 'silent', secrets: [], format: 'json' }),
  adapters: [printer],
  workerTiming: JSON.parse(process.env.TEST_WORKER_TIMING ?? '{}'),
});
console.log(`ready ${bot.url}`);
await bot.stopped;
