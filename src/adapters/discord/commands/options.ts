import {
  type APIApplicationCommandInteractionDataBasicOption,
  type APIChatInputApplicationCommandInteractionData,
  ApplicationCommandOptionType,
} from 'discord.js';
import type { settingsFromOptions } from '../../../bot/command/parse.ts';
import { SETTING_OPTIONS } from './setting-options.ts';

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

/** Native options by the grammar's names of settings; the core reads their values. */
export function valuesOf(options: Options): Parameters<typeof settingsFromOptions>[0] {
  return Object.fromEntries(
    SETTING_OPTIONS.flatMap(({ name, key }) => {
      const value = options.get(name);
      return value === undefined ? [] : [[key.name, value]];
    }),
  );
}
