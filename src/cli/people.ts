import { Command } from 'commander';
import { parseUser } from '../adapters/web/server/names.ts';
import { UserError } from '../system/errors.ts';
import { printable } from '../system/printable.ts';
import { t } from '../texts/translate.ts';
import { dataOption } from './compute-options.ts';
import { terminalActor } from './terminal-actor.ts';
import { withWebPeople } from './web-people.ts';

interface Options {
  readonly data?: string;
  readonly json?: boolean;
}

export function peopleCommand(): Command {
  const list = new Command('list')
    .description(t('show whose names are bound'))
    .option('--json', t('print it for programs'))
    .addOption(dataOption())
    .action(async ({ data, json = false }: Options) => {
      const people = await withWebPeople(data, (accounts) =>
        accounts.all().map(({ name, admin, createdAt }) => {
          const count = (wanted: string) => accounts.keysOf(name).filter(({ kind }) => kind === wanted).length;
          return { name, admin, createdAt, devices: count('device'), tokens: count('token') };
        }),
      );
      const lines = json ? [JSON.stringify(people, null, 2)] : people.map(lineOf);
      process.stdout.write(lines.map((line) => `${line}\n`).join(''));
    });
  const lock = new Command('lock')
    .description(t('sign somebody out everywhere and end their tokens; only a new invitation opens the name again'))
    .argument('<name>')
    .addOption(dataOption())
    .action(async (typed: string, { data }: Options) => {
      const name = parseUser(typed);
      if (!(await withWebPeople(data, (accounts) => accounts.lock(name, terminalActor())))) {
        throw new UserError('name_unknown', t('Nobody has the name "{name}".', { name: printable(name) }), {
          hint: t('See them all: {command}', { command: 'wuerst people list' }),
        });
      }
      process.stdout.write(`${t('{name} is signed out everywhere.', { name: printable(name) })}\n`);
    });
  return new Command('people')
    .description(t('see and lock the names of the web chat'))
    .addCommand(list)
    .addCommand(lock);
}

function lineOf({ name, admin, devices, tokens }: { name: string; admin: boolean; devices: number; tokens: number }) {
  const values = { name: printable(name), devices, tokens };
  return admin
    ? t('{name} (admin): {devices} devices, {tokens} tokens', values)
    : t('{name}: {devices} devices, {tokens} tokens', values);
}
