import { resolve } from 'node:path';
import { NO_SOURCES, type PromptSources } from '../bot/command/prompt-sources.ts';
import { DEFAULT_DATA } from '../system/data-folder.ts';
import { reasonOf } from '../system/foreign-words.ts';
import { t } from '../texts/translate.ts';

/** The folder of presets and wildcards of this terminal: the bot's. */
export function dataFolder(data = process.env.WUERST_DATA): string {
  return resolve(data || DEFAULT_DATA);
}

const SAVED = /preset|__/i;

/** Whether LoRAs may be named in what was typed, or in what is saved and asked for by it. */
export function mayNameLoras(typed: string): boolean {
  return /lora/i.test(typed) || SAVED.test(typed);
}

/**
 * Presets and wildcards of the data folder, for what was typed. Where nothing asks for them, nothing of it is loaded.
 *
 * @param onProblem is told of a file that cannot be read
 */
export async function savedPrompts(typed: string, onProblem: (message: string) => void): Promise<PromptSources> {
  if (!SAVED.test(typed)) return NO_SOURCES;
  const { openPromptFolder } = await import('../bot/prompts/prompt-folder.ts');
  const { presets, wildcards } = openPromptFolder(dataFolder(), (error, file) =>
    onProblem(t('{file} is left out: {reason}', { file, reason: reasonOf(error) })),
  );
  return { ...NO_SOURCES, presets, wildcards };
}
