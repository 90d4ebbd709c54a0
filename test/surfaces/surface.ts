import { join } from 'node:path';
import { pino } from 'pino';
import type { Adapter } from '../../src/adapters/adapter.ts';
import type { Job } from '../../src/bot/job.ts';
import { readConfig } from '../../src/config.ts';
import { type RunningBot, startBot } from '../../src/main.ts';
import { Component } from '../../src/pipeline/checkpoint/checkpoint.ts';
import { writeRandomLora } from '../pipeline/random-lora.ts';

/** A picture as people get it: the job that made it, and the file that is shown. */
export interface Shown {
  readonly job: Job;
  readonly file: Buffer;
}

/** Where people ask for pictures, as they see it. */
export interface Surface {
  readonly name: string;
  /** Asks, with a picture to start from, and resolves to what is shown in the end. */
  paint(text: string, picture?: Buffer): Promise<Shown>;
  /** Everything that is said in answer to a text for which nothing is painted. */
  say(text: string): Promise<string>;
  /** Presses a button of a picture for which another one is painted. @param text what is typed into its form */
  press(shown: Shown, verb: string, text?: string): Promise<Shown>;
  /** What the button Info, or the one that saves a preset, answers. */
  ask(shown: Shown, verb: 'info' | 'save-preset', text?: string): Promise<string>;
  /** The file that is shown when its picture is asked for once more. */
  again(shown: Shown): Promise<Buffer>;
  /** Sends a file of presets to be imported, where the platform takes files with commands. @returns the answer */
  importPresets?(name: string, content: Buffer): Promise<string>;
  /** What is offered while a LoRA or a preset is being typed; `undefined` where the platform offers nothing. */
  offers?(setting: 'lora' | 'preset', typed: string): Promise<readonly string[]>;
  /** What the platform would have accepted and people would have suffered from. */
  readonly violations?: readonly string[];
  close(): Promise<void>;
}

/** The whole bot with the embedded model over a data folder, and two small LoRAs. */
export async function openBot(folder: string, adapters: readonly Adapter[]): Promise<RunningBot> {
  const loras = join(folder, 'loras');
  const config = readConfig({
    ...{ WUERST_DATA: folder, WUERST_LORAS: loras, WUERST_WEB_PORT: '0', WUERST_PROVIDER: 'cpu' },
    // What is promised of pixels holds before files are marked.
    WUERST_WATERMARK: 'off',
  });
  return startBot(config, { logger: pino({ level: 'silent' }), watchProcess: false, adapters });
}

/** Writes a LoRA of all attention layers of the embedded model. */
export async function writeLora(folder: string, name: string, seed: number): Promise<void> {
  const prior = join(import.meta.dirname, '../../data/models/cocktail/wuerstchen-prior/prior');
  const { layers } = await Component.open(prior);
  const attention = [...layers].flatMap(([layer, shape]) =>
    layer.includes('.attention.') ? [[`prior.${layer}`, shape] as const] : [],
  );
  await writeRandomLora(join(folder, `${name}.safetensors`), attention, { seed });
}

/** Looks now and then until there is something; the test's own limit ends what never comes. */
export async function found<T>(look: () => T | undefined | false | null): Promise<T> {
  for (;;) {
    const result = look();
    if (result !== undefined && result !== false && result !== null) return result;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The job that `act` leads to, when it is over. */
export async function jobOf(bot: RunningBot, surface: Job['caller']['surface'], act: () => unknown): Promise<Job> {
  const before = new Set(bot.studio.jobs({ surface, limit: 50 }).map(({ id }) => id));
  await act();
  const { id } = await found(() => bot.studio.jobs({ surface, limit: 50 }).find((job) => !before.has(job.id)));
  const job = await found(() => {
    const job = bot.studio.job(id);
    return job !== null && job.state !== 'queued' && job.state !== 'running' && job;
  });
  if (job.state !== 'done') throw new Error(`${job.state}: ${job.error?.message}`);
  return job;
}
