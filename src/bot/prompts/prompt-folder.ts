import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { RecentMap } from '../../system/memo.ts';
import { type Presets, presetName } from '../command/presets.ts';
import { type Wildcards, wildcardName } from '../command/wildcards.ts';
import { type NamedPreset, PRESET_FILE_BYTES, presetText, readPresets } from './preset-files.ts';

/** Folders in the data folder: of `colour.txt`, and of `styles.csv` and JSON files. */
export const WILDCARD_FOLDER = 'wildcards';
export const PRESET_FOLDER = 'presets';

const KEPT_FILES = 64;

/** What whoever runs the bot has put into the data folder, for everyone. Changes count at once. */
export interface PromptFolder {
  readonly wildcards: Wildcards;
  readonly presets: Presets;
}

/**
 * @param onProblem is told of a file that cannot be read
 */
export function openPromptFolder(data: string, onProblem: (error: unknown, file: string) => void): PromptFolder {
  const kept = new RecentMap<string, { readonly state: string; readonly presets: readonly NamedPreset[] }>(KEPT_FILES);
  const lists = () => filesIn(join(data, WILDCARD_FOLDER), ['.txt'], wildcardName);
  const presetsIn = (file: string): readonly NamedPreset[] => {
    const state = stateOf(file);
    const known = kept.get(file);
    if (known?.state === state) return known.presets;
    let presets: readonly NamedPreset[] = [];
    try {
      presets = readPresets(readText(file), basename(file, extname(file)));
    } catch (error) {
      onProblem(error, file);
    }
    kept.set(file, { state, presets });
    return presets;
  };
  const all = () => {
    const files = filesIn(join(data, PRESET_FOLDER), ['.csv', '.json'], presetName);
    return new Map([...files.values()].flatMap(presetsIn).map((preset) => [preset.name, preset]));
  };
  return {
    wildcards: {
      get names() {
        return [...lists().keys()];
      },
      get(name) {
        const file = lists().get(name);
        if (file === undefined) return undefined;
        try {
          return readText(file);
        } catch (error) {
          onProblem(error, file);
          return undefined;
        }
      },
    },
    presets: {
      get names() {
        return [...all().keys()].sort();
      },
      get: (name) => all().get(name),
    },
  };
}

/** Files by the names that they are asked for with: nothing that was typed becomes part of a path. */
function filesIn(
  folder: string,
  extensions: readonly string[],
  nameOf: (file: string) => string | undefined,
): ReadonlyMap<string, string> {
  let files: readonly string[];
  try {
    files = readdirSync(folder).sort();
  } catch {
    // Most have none.
    return new Map();
  }
  return new Map(
    files.flatMap((file) => {
      const extension = extname(file);
      const name = extensions.includes(extension.toLowerCase()) ? nameOf(basename(file, extension)) : undefined;
      return name === undefined ? [] : [[name, join(folder, file)]];
    }),
  );
}

/** What changes with a file; the same for all that cannot be looked at. */
function stateOf(file: string): string {
  try {
    const { mtimeMs, size } = statSync(file);
    return `${mtimeMs} ${size}`;
  } catch {
    return '';
  }
}

function readText(file: string): string {
  return statSync(file).size > PRESET_FILE_BYTES ? '' : presetText(readFileSync(file));
}
