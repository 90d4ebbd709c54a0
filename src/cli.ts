#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { OperatorError, UserError } from './errors.ts';
import { VERSION } from './pipeline/version.ts';

/** Exit code of everything that the person at the terminal can mend. */
const EXIT_USAGE = 2;

const program = new Command('wuerst')
  .description('paint pictures with Würstchen v2: in the terminal, in the browser, in Discord and Slack')
  .version(VERSION)
  .showSuggestionAfterError()
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(`wuerst: ${text.replace(/^error: /, '')}`) });

/** Subcommands are loaded when they are the one asked for: each brings libraries that the others do without. */
const SUBCOMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  imagine: async () => (await import('./cli-imagine.ts')).imagineCommand(),
  info: async () => (await import('./cli-info.ts')).infoCommand(),
  doctor: async () => (await import('./cli-doctor.ts')).doctorCommand(),
  models: async () => (await import('./cli-models.ts')).modelsCommand(),
};

const asked = process.argv[2] ?? '';
const wanted = asked in SUBCOMMANDS ? [asked] : Object.keys(SUBCOMMANDS);
for (const name of wanted) {
  const command = await SUBCOMMANDS[name]?.();
  if (command) program.addCommand(settled(command));
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Subcommands end like the program itself. */
function settled(command: Command): Command {
  command.copyInheritedSettings(program);
  for (const child of command.commands) settled(child as Command);
  return command;
}

function report(error: unknown): number {
  // Commander has printed its own message already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (error instanceof UserError || error instanceof OperatorError) {
    console.error(`wuerst: ${oneLine(error.message)}${error.hint ? ` (${oneLine(error.hint)})` : ''}`);
    return EXIT_USAGE;
  }
  if (error instanceof Error && error.name === 'AbortError') {
    console.error('wuerst: stopped');
    return 130;
  }
  console.error(`wuerst: this should not have happened: ${error instanceof Error ? error.stack : String(error)}`);
  return 1;
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ');
}
