/**
 * A worker of the embedded model as a process of its own, for tests that stop and kill it. Prints `ready <id>`, `pipeline <pid>` and
 * what it logs. `TEST_OPTIONS` holds what the test chooses.
 */
import { join } from 'node:path';
import { OperatorError } from '../../src/system/errors.ts';
import { createLogger } from '../../src/system/logging.ts';
import { readRedisAddress } from '../../src/workers/redis-address.ts';
import { startWorker } from '../../src/workers/worker/worker.ts';
import type { WorkerChildOptions } from './worker-process.ts';

const options: WorkerChildOptions = JSON.parse(process.env.TEST_OPTIONS ?? '');
const { redis, bot, name, data, engine, model, timing, version, batch = 'off' } = options;
try {
  const worker = await startWorker({
    redis: readRedisAddress(redis, { setting: '--redis', plainHosts: [], plainSetting: '--plain' }),
    ...{ bot: new URL(bot), name, engine, timing },
    load: { model, provider: 'cpu', threads: 1, cacheDir: data, batch },
    lockPath: join(data, `pipeline-${name}.lock`),
    hardware: () => 'test',
    loras: async () => [],
    logger: createLogger({ level: 'debug', format: 'json', secrets: [] }),
    ...(version === undefined ? {} : { version }),
  });
  process.on('SIGTERM', () => {
    if (process.env.LEAVING) void worker.giveBack();
    else void worker.drain();
    process.env.LEAVING = 'yes';
  });
  console.log(`ready ${worker.id}`);
  const pids = setInterval(() => {}, 1000);
  let last: number | null = null;
  const watch = setInterval(() => {
    if (worker.pid !== last && worker.pid !== null) console.log(`pipeline ${worker.pid}`);
    last = worker.pid;
  }, 20);
  await worker.stopped;
  clearInterval(watch);
  clearInterval(pids);
  console.log('stopped');
} catch (error) {
  if (!(error instanceof OperatorError)) throw error;
  console.log(`refused ${error.code}: ${error.message}`);
  process.exitCode = 2;
}
