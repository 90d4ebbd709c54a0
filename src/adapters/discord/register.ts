import { isDeepStrictEqual } from 'node:util';
import { type APIApplication, type REST, type RESTPostAPIApplicationCommandsJSONBody, Routes } from 'discord.js';
import { COMMANDS } from './commands.ts';

type Command = RESTPostAPIApplicationCommandsJSONBody;

/** Fields that Discord adds or fills in, with what it fills in; they are no difference. */
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
  'type',
  'name',
  'name_localizations',
  'description',
  'description_localizations',
  'options',
  'required',
  'autocomplete',
  'min_value',
  'max_value',
  'min_length',
  'max_length',
  'choices',
  'value',
  'default_member_permissions',
  'integration_types',
  'contexts',
  'de',
]);

/** What matters of a command, in one form for both what is wanted and what Discord returns. */
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

/** Commands as they can be registered: only for ways of installation that the application offers, and those only globally. */
export function commandsFor(application: Pick<APIApplication, 'integration_types_config'>, guild: boolean): Command[] {
  const offered = application.integration_types_config;
  return COMMANDS.map((command) => {
    const { integration_types, contexts, ...rest } = command;
    if (guild) return rest;
    const types = integration_types?.filter((type) => !offered || type in offered);
    return {
      ...command,
      ...(types && types.length > 0 ? { integration_types: types } : {}),
      ...{ contexts },
    } as Command;
  });
}

/** Registers the commands where they differ from what is registered. Resolves with whether they did. */
export async function registerCommands(rest: REST, application: APIApplication, guild?: string): Promise<boolean> {
  const route =
    guild === undefined
      ? Routes.applicationCommands(application.id)
      : Routes.applicationGuildCommands(application.id, guild);
  const query = new URLSearchParams({ with_localizations: 'true' });
  const present = (await rest.get(route, { query })) as Command[];
  const wanted = commandsFor(application, guild !== undefined);
  const byName = (commands: readonly Command[]) =>
    new Map(commands.map((command) => [`${command.type ?? 1} ${command.name}`, normalise(stripped(command, guild))]));
  if (isDeepStrictEqual(byName(present), byName(wanted))) return false;
  await rest.put(route, { body: wanted });
  return true;
}

function stripped(command: Command, guild: string | undefined): object {
  if (guild === undefined) return command;
  const { integration_types: _types, contexts: _contexts, ...rest } = command;
  return rest;
}
