import {
  type APIApplicationCommandInteractionDataBasicOption,
  type APIChatInputApplicationCommandInteractionData,
  ApplicationCommandOptionType,
} from 'discord.js';
import type { ImagineRequest } from '../../bot/job.ts';
import { UserError } from '../../errors.ts';
import { SETTING_OPTIONS } from './setting-options.ts';

/** Put before the id of a recent prompt that is too long to be the value of a choice. */
export const PROMPT_MARK = '↺';

const MAX_SEED = 2n ** 64n - 1n;

export type Options = ReadonlyMap<string, string | number | boolean>;

export function optionsOf(data: APIChatInputApplicationCommandInteractionData): Options {
  const basic = (data.options ?? []).filter(
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

/**
 * Native options as settings of a request. Values are checked by the core, like typed ones; those that fill no one
 * field of their own (a size, a ratio, a seed beyond a number) go through the grammar.
 */
export function settingsOf(options: Options): Typed {
  const settings: Record<string, string | number | boolean | bigint> = {};
  const words: string[] = [];
  for (const { name, key } of SETTING_OPTIONS) {
    const value = options.get(name);
    if (value === undefined) continue;
    const [field] = key.fields;
    if (key.name !== 'seed' && key.fields.length === 1 && field !== undefined) {
      settings[field] = value;
      continue;
    }
    const typed = String(value).trim();
    if (key.name === 'seed' && /^\d{1,20}$/.test(typed) && BigInt(typed) <= MAX_SEED) {
      settings.seed = BigInt(typed);
    } else if (/^[^\s"'“”„‘’«»{},]+$/.test(typed)) {
      words.push(`${key.name}:${typed}`);
    } else {
      throw new UserError(`${key.name}_malformed`, `The option ${name} can't be “${typed}”.`, {
        hint: `It is one word, such as ${EXAMPLES[key.name] ?? 'a number'}.`,
      });
    }
  }
  return { text: words.join(' '), settings };
}

const EXAMPLES: Readonly<Record<string, string>> = { size: '1024x1536', ar: '2:3', seed: '7' };
