import { nearest } from './edit-distance.ts';
import type { KeyName } from './key.ts';
import { keyNamed } from './keys.ts';
import { unescapeText, wordsOf } from './lexer.ts';
import { CommandProblem, listed, quoted } from './problem.ts';

export interface SettingChange {
  readonly key: string;
  readonly value: string;
}

export type Subcommand =
  | { readonly kind: 'help'; readonly topic: KeyName | null }
  /** Brings a job, or the job of an image, back with its buttons. */
  | { readonly kind: 'show'; readonly id: string }
  | { readonly kind: 'history' }
  | { readonly kind: 'queue' }
  /** `id: null` means the caller's own newest job that is not finished. */
  | { readonly kind: 'cancel'; readonly id: string | null }
  /** What holds in this guild: without changes all of it, with `key` alone that one. */
  | { readonly kind: 'settings'; readonly key: string | null; readonly changes: readonly SettingChange[] }
  | { readonly kind: 'export' }
  | { readonly kind: 'erase'; readonly confirmed: boolean }
  /** Says yes to what waits for it (the jobs of permutations); `id: null` means the newest. */
  | { readonly kind: 'confirm'; readonly id: string | null };

export interface SubcommandOptions {
  /** Names of the guild's settings, in the spelling to hand back. @default none */
  readonly guildSettings?: readonly string[];
}

export interface SubcommandHelp {
  readonly usage: string;
  readonly description: string;
}

/** The subcommands, for help and completion. */
export const SUBCOMMANDS: Readonly<Record<Subcommand['kind'], SubcommandHelp>> = {
  help: { usage: 'help', description: 'What can be typed; help seed explains one setting' },
  show: { usage: 'show <id>', description: 'Bring a job back with its buttons' },
  history: { usage: 'history', description: 'Your latest pictures' },
  queue: { usage: 'queue', description: 'What is running and waiting' },
  cancel: { usage: 'cancel [id]', description: 'Cancel your newest waiting job, or the one with that id' },
  settings: { usage: 'settings [key value]', description: 'See what holds here; admins change it' },
  export: { usage: 'export', description: 'Get everything kept about you' },
  erase: { usage: 'erase', description: 'Erase everything kept about you, after asking' },
  confirm: { usage: 'confirm [id]', description: 'Say yes to what was asked last' },
};

export function isSubcommandName(word: string): word is Subcommand['kind'] {
  return Object.hasOwn(SUBCOMMANDS, word);
}

const ID = /^#?([a-z0-9]{4,64}(?:[-_][a-z0-9]{1,16})?)$/i;

/**
 * Reads a text whose whole has the form of a subcommand; anything else (`help me escape`, `show wolves`) is `null`, and so a
 * prompt. Names and ids are read in any case. An argument is an id when it has letters and digits only, at least
 * four of them and a digit among them.
 *
 * @throws CommandProblem `unknown_guild_setting` for a misspelt name after `settings`.
 */
export function readSubcommand(text: string, options: SubcommandOptions = {}): Subcommand | null {
  if (/^(?:(?:--|—|–)help|\?)$/i.test(text)) return { kind: 'help', topic: null };
  const words = wordsOf(text).map(({ start, end }) => text.slice(start, end));
  const [first = '', ...rest] = words;
  const name = first.toLowerCase();
  if (!isSubcommandName(name)) return null;
  if (name === 'settings') return readSettingsCommand(text.slice(first.length).trim(), rest, options);
  if (rest.length > 1) return null;
  const [argument] = rest;
  switch (name) {
    case 'help': {
      const topic = argument === undefined ? null : (keyNamed(argument)?.name ?? null);
      return argument === undefined || topic !== null ? { kind: 'help', topic } : null;
    }
    case 'show': {
      const id = idIn(argument);
      return id === null ? null : { kind: 'show', id };
    }
    case 'cancel':
    case 'confirm': {
      const id = idIn(argument);
      return argument !== undefined && id === null ? null : { kind: name, id };
    }
    case 'erase': {
      const confirmed = argument?.toLowerCase() === 'confirm';
      return argument === undefined || confirmed ? { kind: 'erase', confirmed } : null;
    }
    default:
      return argument === undefined ? { kind: name } : null;
  }
}

function idIn(argument: string | undefined): string | null {
  const id = ID.exec(argument ?? '')?.[1]?.toLowerCase() ?? '';
  return /\d/.test(id) ? id : null;
}

/** `settings`, `settings key`, `settings key a value with spaces`, `settings key:value key:"a b"`. */
function readSettingsCommand(rest: string, words: readonly string[], options: SubcommandOptions): Subcommand | null {
  const { guildSettings = [] } = options;
  const [first] = words;
  if (first === undefined) return { kind: 'settings', key: null, changes: [] };
  const pairs = words.map(pairOf);
  const name = pairs[0]?.key ?? first;
  const key = settingNamed(name, guildSettings);
  if (key === null) {
    const meant = nearest(name.toLowerCase().slice(0, 64), guildSettings, 2);
    if (meant === null) return null;
    throw unknownGuildSetting(name, meant, guildSettings);
  }
  if (pairs[0] === null || pairs[0] === undefined) {
    const value = plain(rest.slice(first.length).trim());
    return value === ''
      ? { kind: 'settings', key, changes: [] }
      : { kind: 'settings', key: null, changes: [{ key, value }] };
  }
  const changes = pairs.map((pair, i) => {
    const found = pair === null ? null : settingNamed(pair.key, guildSettings);
    if (pair !== null && found !== null) return { key: found, value: pair.value };
    throw unknownGuildSetting(pair?.key ?? words[i] ?? '', null, guildSettings);
  });
  return { kind: 'settings', key: null, changes };
}

function pairOf(word: string): SettingChange | null {
  const match = /^([a-z][\w.-]{0,63})[:=](.+)$/is.exec(word);
  return match === null ? null : { key: match[1] ?? '', value: plain(match[2] ?? '') };
}

function plain(value: string): string {
  const quotedWhole = /^["“”„](.*)["“”]$/s.exec(value);
  return unescapeText(quotedWhole?.[1] ?? value);
}

function settingNamed(name: string, names: readonly string[]): string | null {
  const folded = name.toLowerCase().replaceAll('_', '-');
  return names.find((candidate) => candidate.toLowerCase().replaceAll('_', '-') === folded) ?? null;
}

function unknownGuildSetting(name: string, meant: string | null, names: readonly string[]): CommandProblem {
  return new CommandProblem({
    code: 'unknown_guild_setting',
    message: `There is no setting ${quoted(name)} here${meant === null ? '' : `; did you mean "${meant}"?`}`,
    allowed: `Settings here are ${listed(names, 'and')}.`,
    example: 'settings',
  });
}
