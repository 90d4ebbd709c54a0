import { readFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { Command } from 'commander';
import {
  formatPresets,
  PRESET_FORMATS,
  type PresetFormat,
  presetText,
  readPresets,
} from '../bot/prompts/preset-files.ts';
import { openPromptFolder, PRESET_FOLDER } from '../bot/prompts/prompt-folder.ts';
import { UserError } from '../system/errors.ts';
import { reasonOf } from '../system/foreign-words.ts';
import { makeFolder } from '../system/make-folder.ts';
import { leaveToFolderOwner } from '../system/private-file.ts';
import { t } from '../texts/translate.ts';
import { choiceOption, dataOption } from './compute-options.ts';
import { recordChange } from './record-change.ts';
import { dataFolder } from './saved-prompts.ts';

interface Place {
  readonly data?: string;
}

/** Presets for everyone: those in the data folder. People and servers have theirs in the bot. */
export function presetsCommand(): Command {
  const command = new Command('presets').description(
    t('saved styles in the data folder, for this terminal and for everyone who uses the bot'),
  );
  command
    .command('list', { isDefault: true })
    .description(t('their names and texts'))
    .addOption(dataOption())
    .action(({ data: folder }: Place) => {
      for (const { name, prompt } of all(folder)) process.stdout.write(`${name}  ${prompt}\n`);
    });
  command
    .command('import')
    .description(t("add a file: A1111's styles.csv, or Fooocus' JSON"))
    .argument('<file>', t('is copied to the folder presets of the data folder'))
    .addOption(dataOption())
    .action(async (file: string, { data: folder }: Place) => {
      const presets = readPresets(read(file), basename(file, extname(file)));
      const target = join(dataFolder(folder), PRESET_FOLDER);
      makeFolder(target, 0o700);
      const isJson = /^\uFEFF?\s*[[{]/.test(read(file));
      const name = `${basename(file, extname(file))}${isJson ? '.json' : '.csv'}`;
      await copyFile(file, join(target, name));
      leaveToFolderOwner(join(target, name));
      const all = presets.map((preset) => preset.name);
      await recordChange({ action: 'save-preset', target: name, detail: { names: all } }, folder);
      const names = all.join(', ');
      const said = t('{count} preset: {names} | {count} presets: {names}', { count: presets.length, names });
      process.stdout.write(`${said}\n`);
    });
  command
    .command('export')
    .description(t('print all of them'))
    .addOption(choiceOption('--format <format>', t("csv as A1111's, json as Fooocus'"), PRESET_FORMATS).default('json'))
    .addOption(dataOption())
    .action(({ data: folder, format }: Place & { readonly format: PresetFormat }) => {
      process.stdout.write(formatPresets(all(folder), format));
    });
  return command;
}

function all(data: string | undefined) {
  const { presets } = openPromptFolder(dataFolder(data), (error, file) => {
    throw new UserError('presets_unreadable', t('Cannot read {file}: {reason}', { file, reason: reasonOf(error) }));
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
    throw new UserError('file_unreadable', t('Cannot read {file}: {reason}.', { file, reason: reasonOf(cause) }), {
      cause,
    });
  }
}
