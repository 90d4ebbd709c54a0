import {
  type APIApplicationCommandInteractionDataBasicOption,
  type APIChatInputApplicationCommandInteraction,
  ApplicationCommandOptionType,
} from 'discord.js';
import type { ImagineRequest } from '../../bot/job.ts';
import { UserError } from '../../errors.ts';
import { SETTING_OPTIONS } from './commands.ts';

/** Put before the id of a recent prompt that is too long to be the value of a choice. */
export const PROMPT_MARK = '↺';

const MAX_SEED = 2n ** 64n - 1n;

export type Options = ReadonlyMap<string, string | number | boolean>;

export function optionsOf(interaction: APIChatInputApplicationCommandInteraction): Options {
  const basic = (interaction.data.options ?? []).filter(
    (option): option is APIApplicationCommandInteractionDataBasicOption =>
      option.type !== ApplicationCommandOptionType.Subcommand &&
      option.type !== ApplicationCommandOptionType.SubcommandGroup,
  );
  return new Map(basic.map(({ name, value }) => [name, value]));
}

/** An option's text, or `undefined` where it is missing or blank. */
export function textOf(options: Options, name: string): string | undefined {
  const value = options.get(name);
  return value === undefined || String(value).trim() === '' ? undefined : String(value).trim();
}

interface Typed {
  /** Settings that only the grammar understands, as `key:value`, to stand before the prompt. */
  readonly text: string;
  readonly settings: Partial<Omit<ImagineRequest, 'prompt'>>;
}

/** Native options as settings of a request. Values are checked by the core, like typed ones. */
export function settingsOf(options: Options): Typed {
  const settings: Record<string, string | number | boolean | bigint> = {};
  const words: string[] = [];
  for (const { key, grammarKey, kind } of SETTING_OPTIONS) {
    const value = options.get(key);
    if (value === undefined) continue;
    if (kind.type !== 'text') {
      settings[kind.field] = value;
      continue;
    }
    const typed = String(value).trim();
    if (key === 'seed' && /^\d{1,20}$/.test(typed) && BigInt(typed) <= MAX_SEED) {
      settings.seed = BigInt(typed);
    } else if (/^[^\s"'“”„‘’«»{},]+$/.test(typed)) {
      words.push(`${grammarKey ?? key}:${typed}`);
    } else {
      throw new UserError(`${key}_malformed`, `The option ${key} can't be “${typed}”.`, {
        hint: `It is one word, such as ${EXAMPLES[key] ?? 'a number'}.`,
      });
    }
  }
  return { text: words.join(' '), settings };
}

const EXAMPLES: Readonly<Record<string, string>> = { size: '1024x1536', ar: '2:3', seed: '7' };
