import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { pino } from 'pino';
import type { Caller, Job } from '../src/bot/job.ts';
import type { StartOptions } from '../src/compose.ts';
import { readConfig } from '../src/config.ts';
import { type RunningBot, startBot } from '../src/main.ts';

/**
 * The whole bot in this process, with its pipeline process, the embedded model and the web chat, on an empty folder.
 * `engine` is the URL of another module in the model's place.
 */
export async function withRealBot(
  work: (bot: RunningBot) => Promise<void>,
  options: Pick<StartOptions, 'engine'> = {},
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'wuerst-bench-'));
  try {
    const config = readConfig({ WUERST_DATA: folder, WUERST_WEB_PORT: '0', WUERST_PROVIDER: 'cpu' });
    const bot = await startBot(config, { ...options, logger: pino({ level: 'error' }), watchProcess: false });
    try {
      await work(bot);
    } finally {
      await bot.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Somebody who runs the bot, in a room of the web chat, which is a guild of its own. */
export function guest(room: string, user = `someone in ${room}`): Caller {
  return { surface: 'web', user, name: user, room, guild: room, payer: room, moderator: true, ageRestricted: false };
}

export async function ask({ studio }: RunningBot, text: string, caller: Caller): Promise<Job> {
  const outcome = await studio.command(text, caller);
  if (outcome.kind === 'job') return outcome.job;
  throw new Error(`expected a job, got "${outcome.reply.title}"`);
}

/** Resolves when all of these jobs have ended. */
export function allEnded({ studio }: RunningBot, jobs: readonly Job[]): Promise<void> {
  const open = new Set(jobs.map(({ id }) => id));
  return new Promise((resolve) => {
    const stop = studio.subscribe(({ type, job }) => {
      if (type === 'done' || type === 'failed' || type === 'cancelled') open.delete(job.id);
      if (open.size > 0) return;
      stop();
      resolve();
    });
  });
}

/** MB in use after everything that can be freed was, here and resident in a process (Linux). */
export function memory(pid: number | null): { readonly heap: number; readonly own: number; readonly child: number } {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
  collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  const [, kilobytes = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return { heap: (heapUsed + external) / 2 ** 20, own: rss / 2 ** 20, child: Number(kilobytes) / 1024 };
}
