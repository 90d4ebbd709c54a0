import { Option } from 'commander';
import { nearest } from '../bot/command/edit-distance.ts';
import { PRECISIONS } from '../pipeline/checkpoint/weight-recipe.ts';
import { type Batch, MOST_TOGETHER, readBatch } from '../pipeline/process/protocol.ts';
import { MOST_THREADS } from '../pipeline/runtime/host-threads.ts';
import { MOST_DEVICE, PROVIDERS } from '../pipeline/runtime/providers.ts';
import { RESIDENCIES } from '../pipeline/runtime/residency.ts';
import { UserError } from '../system/errors.ts';
import { listedAs, t } from '../texts/translate.ts';
import { withOption } from './own-command.ts';

/** Options of every command that computes in the terminal. */
export const modelOption = (): Option =>
  new Option('--model <model>', t('name of a model, or its folder; the one chosen with "wuerst models use" otherwise'));

export const dataOption = (): Option => new Option('--data <folder>', t('data folder (WUERST_DATA)'));

export const providerOption = (): Option =>
  choiceOption('--provider <name>', t('where to compute'), ['auto', ...PROVIDERS])
    .default('auto')
    .env('WUERST_PROVIDER');

export const precisionOption = (what: string): Option =>
  choiceOption('--precision <name>', what, ['auto', ...PRECISIONS])
    .default('auto')
    .env('WUERST_PRECISION');

const readDevice = count('--device', MOST_DEVICE, { least: 0, env: 'WUERST_DEVICE' });

export const deviceOption = (): Option =>
  new Option('--device <number>', t('which GPU CUDA computes on'))
    .env('WUERST_DEVICE')
    .argParser(unlessEmpty(firstDevice));

/** The variable may name several for the bot, or all; a command in the terminal computes on the first. */
function firstDevice(typed: string): number | undefined {
  if (typed.toLowerCase() === 'auto') return undefined;
  return readDevice(typed.split(',', 1)[0]?.trim() ?? '');
}

export const readThreads = count('--threads', MOST_THREADS, { env: 'WUERST_THREADS' });

export const threadsOption = (): Option =>
  new Option('--threads <count>', t('processor threads; one for each processor, within the CPU quota, otherwise'))
    .env('WUERST_THREADS')
    .argParser(unlessEmpty(readThreads));

export const batchOption = (): Option =>
  new Option(
    '--batch <count>',
    t('pictures of several requests that are painted at the same time, off, or auto: on GPUs what pays there'),
  )
    .env('WUERST_BATCH')
    .default('auto')
    .argParser((typed): Batch => {
      const batch = typed === '' ? 'auto' : readBatch(typed);
      if (batch !== undefined) return batch;
      throw wrongValue({ flag: '--batch', env: 'WUERST_BATCH' }, typed, 'auto', (given) =>
        t('Expected {name} to be a number of pictures from 1 to {most}, off, or auto, got {value}.', {
          ...{ ...given, most: MOST_TOGETHER },
        }),
      );
    });

export const residencyOption = (): Option =>
  choiceOption(
    '--residency <kind>',
    t('keep all networks loaded, one stage at a time, a few of its blocks at a time, or what the free memory admits'),
    ['auto', ...RESIDENCIES],
  )
    .default('auto')
    .env('WUERST_RESIDENCY');

/** Takes one of a few values, or several of them; another one is answered with the person's own command. */
export function choiceOption(flags: string, description: string, choices: readonly string[]): Option {
  const option = new Option(flags, description).choices(choices);
  return option.argParser((typed: string, before: unknown): unknown => {
    if (typed === '' && option.envVar !== undefined) return option.defaultValue;
    if (!choices.includes(typed)) {
      const instead = nearest(typed.toLowerCase(), choices, 2) ?? choices[0] ?? '';
      const listed = listedAs('disjunction', choices);
      throw wrongValue({ flag: option.long ?? flags, env: option.envVar }, typed, instead, (given) =>
        t('Expected {name} to be {choices}, got {value}.', { ...given, choices: listed }),
      );
    }
    if (!option.variadic) return typed;
    return Array.isArray(before) && before !== option.defaultValue ? [...before, typed] : [typed];
  });
}

interface CountOptions {
  /** @default 1 */
  readonly least?: number;
  /** The variable that may hold it instead. */
  readonly env?: string;
}

/** Reads a whole number up to `most`. @throws UserError `option_invalid` */
export function count(flag: string, most: number, { least = 1, env }: CountOptions = {}): (typed: string) => number {
  return (typed) => {
    const number = Number(typed);
    if (/^\d+$/.test(typed) && number >= least && number <= most) return number;
    const near = Math.round(Number.parseFloat(typed));
    const instead = Number.isNaN(near) ? least : Math.min(most, Math.max(least, near));
    throw wrongValue({ flag, env }, typed, String(instead), (given) =>
      t('Expected {name} to be a whole number from {min} to {max}, got {value}.', { ...given, min: least, max: most }),
    );
  };
}

/** An empty variable is as good as none. */
function unlessEmpty(read: (typed: string) => number | undefined): (typed: string) => number | undefined {
  return (typed) => (typed === '' ? undefined : read(typed));
}

interface Source {
  readonly flag: string;
  readonly env?: string | undefined;
}

/** What the value should have been, with the name as the person wrote it and the value in quotes. */
type Expected = (given: { readonly name: string; readonly value: string }) => string;

function wrongValue({ flag, env }: Source, typed: string, instead: string, expected: Expected): UserError {
  const words = process.argv.slice(2);
  const isOption = words.some((word) => word === flag || word.startsWith(`${flag}=`));
  const isWhole = words.some((word, i) => word === `${flag}=${typed}` || (word === typed && words[i - 1] === flag));
  const name = isOption ? flag : (env ?? flag);
  const hint = isWhole
    ? t('Try: {command}', { command: withOption(flag, instead) })
    : isOption
      ? undefined
      : t('For example: {example}', { example: `${name}=${instead}` });
  return new UserError('option_invalid', expected({ name, value: `"${typed}"` }), {
    ...(hint === undefined ? {} : { hint }),
  });
}
