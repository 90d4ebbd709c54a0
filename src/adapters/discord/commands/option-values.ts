import {
  type APIApplicationCommandInteractionDataBasicOption,
  type APIChatInputApplicationCommandInteractionData,
  ApplicationCommandOptionType,
} from 'discord.js';
import { KEYS, type Key } from '../../../bot/command/keys.ts';

/** Put before the id of a recent prompt that is too long to be the value of a choice. */
export const PROMPT_MARK = '↺';

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

/** The name of a key's option: its key, or where that is a single letter a longer name for it. */
export function optionName({ name, aliases }: Key): string {
  return name.length > 1 ? name : (aliases[0] ?? name);
}

/** Options by the names of the grammar's keys; the core reads their values. */
export function valuesOf(options: Options): Readonly<Record<string, string | number | boolean>> {
  return Object.fromEntries(
    KEYS.flatMap((key) => {
      const value = options.get(optionName(key));
      return value === undefined ? [] : [[key.name, value]];
    }),
  );
}
