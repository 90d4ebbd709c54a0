import { readFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { Command, Option } from 'commander';
import {
  formatPresets,
  PRESET_FORMATS,
  type PresetFormat,
  presetText,
  readPresets,
} from '../bot/prompts/preset-files.ts';
import { openPromptFolder, PRESET_FOLDER } from '../bot/prompts/prompt-folder.ts';
import { UserError } from '../system/errors.ts';
import { makeFolder } from '../system/make-folder.ts';
import { choiceOption } from './compute-options.ts';
import { dataFolder } from './saved-prompts.ts';

interface Place {
  readonly data?: string;
}

/** Presets for everyone: those in the data folder. People and servers have theirs in the bot. */
export function presetsCommand(): Command {
  const command = new Command('presets').description(
    'saved styles in the data folder, for this terminal and for everyone who uses the bot',
  );
  const data = () => new Option('--data <folder>', 'data folder (WUERST_DATA)');
  command
    .command('list', { isDefault: true })
    .description('their names and texts')
    .addOption(data())
    .action(({ data: folder }: Place) => {
      for (const { name, prompt } of all(folder)) process.stdout.write(`${name}  ${prompt}\n`);
    });
  command
    .command('import')
    .description("add a file: A1111's styles.csv, or Fooocus' JSON")
    .argument('<file>', 'is copied to the folder presets of the data folder')
    .addOption(data())
    .action(async (file: string, { data: folder }: Place) => {
      const presets = readPresets(read(file), basename(file, extname(file)));
      const target = join(dataFolder(folder), PRESET_FOLDER);
      makeFolder(target, 0o700);
      const isJson = /^\uFEFF?\s*[[{]/.test(read(file));
      const name = `${basename(file, extname(file))}${isJson ? '.json' : '.csv'}`;
      await copyFile(file, join(target, name));
      const count = presets.length === 1 ? '1 preset' : `${presets.length} presets`;
      process.stdout.write(`${count}: ${presets.map((preset) => preset.name).join(', ')}\n`);
    });
  command
    .command('export')
    .description('print all of them')
    .addOption(choiceOption('--format <format>', "csv as A1111's, json as Fooocus'", PRESET_FORMATS).default('json'))
    .addOption(data())
    .action(({ data: folder, format }: Place & { readonly format: PresetFormat }) => {
      process.stdout.write(formatPresets(all(folder), format));
    });
  return command;
}

function all(data: string | undefined) {
  const { presets } = openPromptFolder(dataFolder(data), (error, file) => {
    throw new UserError('presets_unreadable', `Cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  });
  return presets.names.flatMap((name) => {
    const preset = presets.get(name);
    return preset === undefined ? [] : [{ name, ...preset }];
  });
}

function read(file: string): string {
  try {
    return presetText(readFileSync(file));
  } catch (cause) {
    throw new UserError('file_unreadable', `Cannot read ${file}: ${(cause as Error).message}.`, { cause });
  }
}
