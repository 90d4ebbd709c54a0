import { listedAs, t, translatable } from '../../texts/translate.ts';
import { editDistance, nearest } from './edit-distance.ts';
import { fold, type KeyName, keyNamed } from './keys.ts';
import { unescapeText, wordsOf } from './lexer.ts';
import type { OPTION_NAMES } from './local-names.ts';
import { CommandProblem, quoted } from './problem.ts';
import {
  DEFAULTS_USAGE,
  PRESETS_USAGE,
  readDefaultsArgument,
  readPresetsArgument,
  readWildcardsArgument,
  WILDCARDS_USAGE,
} from './prompt-subcommands.ts';

export interface SettingChange {
  readonly key: string;
  readonly value: string;
}

type OptionName = keyof typeof OPTION_NAMES;

/** An option of a subcommand's own native command. Their values, in order, are its argument. */
interface NativeOption {
  readonly name: OptionName;
  /** To be shown with `t`. */
  readonly description: string;
  readonly required?: boolean;
}

interface Definition {
  readonly usage: string;
  /** To be shown with `t`; at most 100 characters. */
  readonly description: string;
  /** Words behind its name after which a prompt is hardly ever meant. */
  readonly actions?: readonly string[];
  /** For surfaces where it has a command of its own. */
  readonly native?: {
    readonly options?: readonly NativeOption[];
    /** A file may come with it; without any other option the command is `subject`. */
    readonly file?: NativeOption & { readonly subject: string };
  };
  /**
   * What the text behind the name means; `null` where it is no argument of this subcommand, so that the whole is a prompt.
   * @param guildSettings names of the guild's settings, in the spelling to hand back
   */
  read(argument: string, guildSettings: readonly string[]): object | null;
}

function idOption(description: string, required = false): NativeOption {
  return { name: 'id', description, required };
}

function actionOption(description: string): NativeOption {
  return { name: 'action', description };
}

/** The subcommands: grammar, help, completion and native commands follow this table, and so does what executes them. */
export const SUBCOMMANDS = {
  history: {
    usage: 'history',
    description: translatable('Your latest pictures'),
    native: {},
    read: nothing,
  },
  favourites: {
    usage: 'favourites',
    description: translatable('Pictures that you marked with ★'),
    native: {},
    read: nothing,
  },
  /** Brings a job, or the job of an image, back with its buttons. */
  show: {
    usage: 'show <id>',
    description: translatable('Bring a picture back with its buttons'),
    native: {
      options: [idOption(translatable('The id below the picture'), true)],
    },
    read: (argument) => {
      const id = idIn(argument);
      return id === null ? null : { id };
    },
  },
  queue: {
    usage: 'queue',
    description: translatable('What is being made and what is waiting'),
    native: {},
    read: nothing,
  },
  /** `id: null` means the caller's own newest job that is not finished. */
  cancel: {
    usage: 'cancel [id]',
    description: translatable('Cancel your latest request, or the one with this id'),
    native: {
      options: [idOption(translatable('The id below the picture; without it your latest request'))],
    },
    read: optionalId,
  },
  /** What holds in this guild: without changes all of it, with `key` alone that one. */
  settings: {
    usage: 'settings [key value]',
    description: translatable('Show the limits and rules here; moderators can change them'),
    native: {
      options: [
        { name: 'setting', description: translatable('Which setting; without it all') },
        { name: 'value', description: translatable('Its new value') },
      ],
    },
    read: readSettingsArgument,
  },
  presets: {
    usage: PRESETS_USAGE,
    description: translatable('Saved styles: list, save, import and export them'),
    actions: ['save', 'show', 'delete', 'remove', 'import', 'export', 'list'],
    native: {
      options: [
        actionOption(translatable('save film {prompt}, film still; show film; delete film; import …; export csv')),
      ],
      file: {
        name: 'file',
        description: translatable("What to import: A1111's styles.csv, or Fooocus' JSON"),
        subject: 'import',
      },
    },
    read: readPresetsArgument,
  },
  wildcards: {
    usage: WILDCARDS_USAGE,
    description: translatable('Lists of words that __name__ draws from; moderators keep them'),
    actions: ['set', 'add', 'show', 'delete', 'remove', 'list'],
    native: {
      options: [
        actionOption(translatable('set colour red, green, 3::blue; show colour; delete colour; without it all')),
      ],
    },
    read: readWildcardsArgument,
  },
  defaults: {
    usage: DEFAULTS_USAGE,
    description: translatable('What is chosen where nothing is typed: for you, a channel or a server'),
    native: {
      options: [actionOption(translatable('steps:20 style:base; channel max-steps:30; server reset; without it all'))],
    },
    read: readDefaultsArgument,
  },
  help: {
    usage: 'help',
    description: translatable('How to ask for pictures; help seed explains one setting'),
    native: {},
    read: (argument): { readonly topic: KeyName | null } | null => {
      const topic = keyNamed(argument)?.name ?? null;
      return argument === '' || topic !== null ? { topic } : null;
    },
  },
  loras: {
    usage: 'loras',
    description: translatable('The LoRAs that can be named in a prompt'),
    native: {},
    read: nothing,
  },
  export: { usage: 'export', description: translatable('Get a copy of everything kept about you'), read: nothing },
  erase: {
    usage: 'erase',
    description: translatable('Erase everything kept about you, after asking'),
    read: (argument) => {
      const confirmed = argument.toLowerCase() === 'confirm';
      return argument === '' || confirmed ? { confirmed } : null;
    },
  },
  /** Says yes to a question (the jobs of permutations); `id: null` means the newest. */
  confirm: { usage: 'confirm [id]', description: translatable('Say yes to the last question'), read: optionalId },
} satisfies Record<string, Definition>;

export type SubcommandName = keyof typeof SUBCOMMANDS;
/** A subcommand as it was read; `kind` is its name. */
export type Subcommand<Name extends SubcommandName = SubcommandName> = {
  [K in Name]: { readonly kind: K } & Readonly<NonNullable<ReturnType<(typeof SUBCOMMANDS)[K]['read']>>>;
}[Name];

/** Subcommands with a command of their own where a surface has native commands. */
export const NATIVE_SUBCOMMANDS = Object.entries<Definition>(SUBCOMMANDS).flatMap(([name, { description, native }]) => {
  if (native === undefined) return [];
  const { options = [], file } = native;
  return [{ name: name as SubcommandName, description, options, file }];
});

export function isSubcommandName(word: string): word is SubcommandName {
  return Object.hasOwn(SUBCOMMANDS, word);
}

/**
 * Reads a text whose whole has the form of a subcommand; anything else (`help me escape`, `show wolves`) is `null`, and so a
 * prompt. Names and ids are read in any case.
 *
 * @throws CommandProblem `unknown_guild_setting` for a misspelt name after `settings`.
 */
export function readSubcommand(text: string, guildSettings: readonly string[] = []): Subcommand | null {
  if (/^(?:(?:--|—|–)help|\?)$/i.test(text)) return { kind: 'help', topic: null };
  const [, name = '', argument = ''] = /^(\S+)\s*(.*)$/s.exec(text) ?? [];
  const kind = name.toLowerCase();
  if (!isSubcommandName(kind)) return null;
  const { read }: Definition = SUBCOMMANDS[kind];
  const found = read(argument, guildSettings);
  return found === null ? null : ({ kind, ...found } as Subcommand);
}

/** `settings` has two words behind it: a key and a value. */
const MOST_WORDS: Readonly<Partial<Record<SubcommandName, number>>> = { settings: 3 };

/** Commands of the terminal, of the buttons and of other bots, which nobody who types them alone wants to see painted. */
const ELSEWHERE = new Set(
  `models doctor info imagine start bench backup discord slack pull verify commands usage version status stats ping about
  config options login logout list stop restart reset undo redo retry reroll remix vary upscale delete remove clear
  describe blend shorten prompt dream invite donate register subscribe language feedback support test hi hello`.split(
    /\s+/,
  ),
);

/**
 * Whether a text that is no subcommand may have been meant as one: it is the name of some command alone, or begins with
 * the name of a subcommand, or nearly, and has no more words than that one could have.
 *
 * @returns how the subcommand that may have been meant is written, nothing for a name that belongs elsewhere; `null`
 *   where the text is a prompt beyond doubt.
 */
export function meantAsSubcommand(text: string, guildSettings: readonly string[] = []): readonly string[] | null {
  const [first = '', ...rest] = text.toLowerCase().split(/\s+/);
  const typed = first.replace(/^[/!](?:wuerst-)?|[.!?]$/g, '');
  if (!/^[a-z][a-z-]{0,19}$/.test(typed)) return null;
  if (isSubcommandName(typed) && actionsOf(typed).includes(rest[0] ?? '')) return [SUBCOMMANDS[typed].usage];
  if (rest.length > 2) return null;
  const hasSlash = /^[/!]/.test(first);
  const name = isSubcommandName(typed) ? typed : (misspelt(typed) ?? shortNamed(typed, rest.join(' '), guildSettings));
  if (name === null) {
    const isElsewhere = hasSlash || ELSEWHERE.has(typed) || ELSEWHERE.has(`${typed}s`) || isTransposed(typed);
    return isElsewhere && (rest.length === 0 || (rest.length === 1 && idIn(rest.join()) !== null)) ? [] : null;
  }
  if (rest.length >= (MOST_WORDS[name] ?? 2)) return null;
  const { read, usage }: Definition = SUBCOMMANDS[name];
  // "expert mode" is near to `export`, but has no form of it.
  const isMeant = rest.length === 0 || typed === name || hasSlash || read(rest.join(' '), guildSettings) !== null;
  return isMeant ? [usage] : null;
}

function actionsOf(name: SubcommandName): readonly string[] {
  const { actions = [] }: Definition = SUBCOMMANDS[name];
  return actions;
}

/** The subcommand that `typed` is a misspelling of. Short names have many words near them (snow, queen, camel). */
function misspelt(typed: string): SubcommandName | null {
  const name = nearest(typed, Object.keys(SUBCOMMANDS) as SubcommandName[], 2);
  if (name === null) return null;
  const distance = editDistance(typed, name, { swaps: true });
  if (name.length > 4) return distance <= (name.length > 6 ? 2 : 1) ? name : null;
  return distance <= 1 && lettersOf(typed) === lettersOf(name) ? name : null;
}

/** The short subcommand that `typed` is one slip from, if what stands behind it is an argument of that one: `helpp seed`. */
function shortNamed(typed: string, argument: string, guildSettings: readonly string[]): SubcommandName | null {
  const names = (Object.keys(SUBCOMMANDS) as SubcommandName[]).filter((name) => name.length <= 4);
  const name = nearest(typed, names, 1);
  if (name === null || argument === '') return null;
  const { read }: Definition = SUBCOMMANDS[name];
  return read(argument, guildSettings) === null ? null : name;
}

/** A name that belongs elsewhere with two of its letters swapped; other slips of these names are words (statue). */
function isTransposed(typed: string): boolean {
  return [...ELSEWHERE].some(
    (name) => lettersOf(name) === lettersOf(typed) && editDistance(typed, name, { swaps: true }) === 1,
  );
}

function lettersOf(word: string): string {
  return [...word].sort().join('');
}

function nothing(argument: string): object | null {
  return argument === '' ? {} : null;
}

function optionalId(argument: string): { readonly id: string | null } | null {
  const id = idIn(argument);
  return argument === '' || id !== null ? { id } : null;
}

const ID = /^#?([a-z0-9]{4,64}(?:[-_][a-z0-9]{1,16})?)$/i;

/** An id has at least four letters and digits, one of them a digit: `wolves` is none. */
function idIn(argument: string): string | null {
  const id = ID.exec(argument)?.[1]?.toLowerCase() ?? '';
  return /\d/.test(id) ? id : null;
}

interface SettingsArgument {
  readonly key: string | null;
  readonly changes: readonly SettingChange[];
}

/** Nothing, `key`, `key a value with spaces`, or `key:value key:"a b"`. */
function readSettingsArgument(argument: string, guildSettings: readonly string[]): SettingsArgument | null {
  const words = wordsOf(argument).map(({ start, end }) => argument.slice(start, end));
  const [first] = words;
  if (first === undefined) return { key: null, changes: [] };
  const pairs = words.map(pairOf);
  const [pair = null] = pairs;
  const name = pair?.key ?? first;
  const key = spelledAs(name, guildSettings);
  if (key === null) {
    const meant = nearest(name.toLowerCase().slice(0, 64), guildSettings, 2);
    if (meant === null) return null;
    throw unknownGuildSetting(name, meant, guildSettings, argument);
  }
  if (pair === null) {
    const value = plain(argument.slice(first.length).trim());
    return value === '' ? { key, changes: [] } : { key: null, changes: [{ key, value }] };
  }
  const changes = pairs.map((one, i) => {
    const found = one === null ? null : spelledAs(one.key, guildSettings);
    if (one !== null && found !== null) return { key: found, value: one.value };
    throw unknownGuildSetting(one?.key ?? words[i] ?? '', null, guildSettings, argument);
  });
  return { key: null, changes };
}

function pairOf(word: string): SettingChange | null {
  const match = /^([a-z][\w.-]{0,63})[:=](.+)$/is.exec(word);
  return match === null ? null : { key: match[1] ?? '', value: plain(match[2] ?? '') };
}

function plain(value: string): string {
  const quotedWhole = /^["“”„](.*)["“”]$/s.exec(value);
  return unescapeText(quotedWhole?.[1] ?? value);
}

function spelledAs(name: string, names: readonly string[]): string | null {
  return names.find((candidate) => fold(candidate) === fold(name)) ?? null;
}

function unknownGuildSetting(
  name: string,
  meant: string | null,
  names: readonly string[],
  argument: string,
): CommandProblem {
  return new CommandProblem({
    code: 'unknown_guild_setting',
    message:
      meant === null
        ? t('There is no setting {name} here.', { name: quoted(name) })
        : t('There is no setting {name} here; did you mean {meant}?', { name: quoted(name), meant: quoted(meant) }),
    allowed: t('Settings here are {names}.', { names: listedAs('conjunction', names) }),
    example: meant === null ? 'settings' : `settings ${argument.replace(name, () => meant)}`,
  });
}
