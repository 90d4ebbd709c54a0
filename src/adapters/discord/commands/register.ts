import { isDeepStrictEqual } from 'node:util';
import { type APIApplication, type REST, type RESTPostAPIApplicationCommandsJSONBody, Routes } from 'discord.js';
import { ALL_LOCALES } from './locales.ts';

type Command = RESTPostAPIApplicationCommandsJSONBody;

/** What Discord fills in where a field is left out. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  options: [],
  required: false,
  autocomplete: false,
  description: '',
  default_member_permissions: null,
  name_localizations: null,
  description_localizations: null,
  contexts: null,
  nsfw: false,
};
const OURS = new Set([
  ...['type', 'name', 'name_localizations', 'description', 'description_localizations', 'options', 'required'],
  ...ALL_LOCALES,
  ...['autocomplete', 'min_value', 'max_value', 'min_length', 'max_length', 'choices', 'value'],
  ...['default_member_permissions', 'integration_types', 'contexts'],
]);

/** The part of a command that is ours, in the same form whether we wrote it or Discord returned it. */
function normalise(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normalise);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(([key, entry]) => OURS.has(key) && entry !== undefined && !isDeepStrictEqual(entry, DEFAULTS[key]))
    .map(([key, entry]): [string, unknown] => {
      const set = key === 'contexts' || key === 'integration_types';
      return [key, set && Array.isArray(entry) ? [...entry].sort() : normalise(entry)];
    });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Commands as they can be registered: without ways of installation in a guild, else with those that the application offers. */
function commandsFor(
  commands: readonly Command[],
  { integration_types_config: offered }: Pick<APIApplication, 'integration_types_config'>,
  guild: boolean,
): Command[] {
  return commands.flatMap((command) => {
    const types = command.integration_types?.filter((type) => !offered || type in offered) ?? [];
    if (guild) return [stripped(command)];
    return types.length === 0 ? [] : [{ ...command, integration_types: types }];
  });
}

/** Registers the commands if they differ from those that are registered. Resolves with whether they did. */
export async function registerCommands(
  rest: REST,
  application: APIApplication,
  commands: readonly Command[],
  guild?: string,
): Promise<boolean> {
  const route =
    guild === undefined
      ? Routes.applicationCommands(application.id)
      : Routes.applicationGuildCommands(application.id, guild);
  const query = new URLSearchParams({ with_localizations: 'true' });
  const present = (await rest.get(route, { query })) as Command[];
  const wanted = commandsFor(commands, application, guild !== undefined);
  const byName = (listed: readonly Command[]) =>
    new Map(
      listed.map((command) => [
        `${command.type ?? 1} ${command.name}`,
        normalise(guild === undefined ? command : stripped(command)),
      ]),
    );
  if (isDeepStrictEqual(byName(present), byName(wanted))) return false;
  await rest.put(route, { body: wanted });
  return true;
}

function stripped({ integration_types: _types, contexts: _contexts, ...rest }: Command): Command {
  return rest as Command;
}
