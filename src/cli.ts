import { Command, type CommanderError } from 'commander';
import { commanderWords, helpInLanguage } from './cli/commander-words.ts';
import { VERSION } from './pipeline/version.ts';
import { loadDotEnv } from './system/dot-env.ts';
import type { OperatorError, UserError } from './system/errors.ts';
import { printable, printableLine } from './system/printable.ts';
import { setStandardLanguage, terminalLanguage } from './texts/language.ts';
import { t } from './texts/translate.ts';

/** Exit code for errors that the person at the terminal can fix. */
const EXIT_USAGE = 2;

/** A subcommand is loaded only when it is asked for: each needs libraries that the others do not. */
const SUBCOMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  start: async () => (await import('./cli/start.ts')).startCommand(),
  imagine: async () => (await import('./cli/imagine.ts')).imagineCommand(),
  info: async () => (await import('./cli/info.ts')).infoCommand(),
  bench: async () => (await import('./cli/bench/bench.ts')).benchCommand(),
  doctor: async () => (await import('./cli/doctor.ts')).doctorCommand(),
  models: async () => (await import('./cli/models.ts')).modelsCommand(),
  presets: async () => (await import('./cli/presets.ts')).presetsCommand(),
  backup: async () => (await import('./cli/start.ts')).backupCommand(),
  invite: async () => (await import('./cli/invite.ts')).inviteCommand(),
  keys: async () => (await import('./cli/keys.ts')).keysCommand(),
  mcp: async () => (await import('./cli/mcp.ts')).mcpCommand(),
  people: async () => (await import('./cli/people.ts')).peopleCommand(),
  certificate: async () => (await import('./cli/certificate.ts')).certificateCommand(),
  worker: async () => (await import('./cli/worker.ts')).workerCommand(),
  workers: async () => (await import('./cli/workers.ts')).workersCommand(),
  verify: async () => (await import('./cli/verify.ts')).verifyCommand(),
  discord: async () => (await import('./cli/platforms.ts')).discordCommand(),
  slack: async () => (await import('./cli/platforms.ts')).slackCommand(),
};

const asked = process.argv[2] ?? '';

/** When the command is done, and the exit code is set. */
export const done = main();

async function main(): Promise<void> {
  await speak();
  const program = newProgram();
  // A reader that stops early, such as head, is not an error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });

  try {
    const isKnown = Object.hasOwn(SUBCOMMANDS, asked);
    // Before a command is made: values of its options may stand there.
    if (isKnown) loadDotEnv();
    for (const name of isKnown ? [asked] : Object.keys(SUBCOMMANDS)) {
      const command = await SUBCOMMANDS[name]?.();
      if (command) program.addCommand(settled(command, program));
    }
    await program.parseAsync();
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** Chooses the language of the person at the terminal. */
async function speak(): Promise<void> {
  const language = terminalLanguage(process.env);
  if (language === 'en') return;
  setStandardLanguage(language);
  // The program is bundled, and files that it loads later have their own copy of the module.
  (await import('./texts/language.ts')).setStandardLanguage(language);
}

function newProgram(): Command {
  return new Command('wuerst')
    .description(t('paint pictures with Würstchen v2: in the terminal, in the browser, in Discord and Slack'))
    .version(VERSION, '-V, --version', t('output the version number'))
    .helpOption('-h, --help', t('display help for command'))
    .helpCommand('help [command]', t('display help for command'))
    .showSuggestionAfterError()
    .exitOverride()
    .configureHelp(helpInLanguage)
    .addHelpText('after', () => `\n${t('Every command also reads the settings of a file .env in this folder.')}`)
    .configureOutput({ outputError: (text, write) => write(`wuerst: ${printable(commanderWords(text))}`) });
}

/** Gives subcommands the program's own way of handling errors. */
function settled(command: Command, program: Command): Command {
  command.copyInheritedSettings(program);
  for (const child of command.commands) settled(child as Command, program);
  return command;
}

function report(error: unknown): number {
  // Commander has printed its own message already.
  if (isCommanderError(error)) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (isFixable(error)) {
    console.error(
      `wuerst: ${error.code === 'config_invalid' ? printable(error.message) : printableLine(error.message)}${error.hint ? ` (${printableLine(error.hint)})` : ''}`,
    );
    return EXIT_USAGE;
  }
  if (error instanceof Error && error.name === 'AbortError') {
    console.error(`wuerst: ${t('Stopped.')}`);
    return 130;
  }
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  console.error(`wuerst: ${t('Unexpected error: {error}', { error: printable(what) })}`);
  return 1;
}

/** Recognised by its code: bundling renames the class and thus the error. */
function isCommanderError(error: unknown): error is CommanderError {
  return (
    error instanceof Error && 'exitCode' in error && 'code' in error && String(error.code).startsWith('commander.')
  );
}

/** Recognised by its name: the program is bundled, and files that it loads later have their own copies of the classes. */
function isFixable(error: unknown): error is UserError | OperatorError {
  return error instanceof Error && (error.name === 'UserError' || error.name === 'OperatorError') && 'code' in error;
}
