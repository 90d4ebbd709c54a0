import { NAME, unescapeText, wordsOf } from './lexer.ts';

/** Whose presets or defaults, as it is typed in front of a name. */
const PLACES = {
  mine: 'person',
  my: 'person',
  me: 'person',
  channel: 'channel',
  room: 'channel',
  server: 'guild',
  guild: 'guild',
  workspace: 'guild',
  everywhere: 'everywhere',
} as const;

export type Place = (typeof PLACES)[keyof typeof PLACES];

function placeOf(word: string | undefined): Place | undefined {
  const typed = word?.toLowerCase() ?? '';
  return Object.hasOwn(PLACES, typed) ? PLACES[typed as keyof typeof PLACES] : undefined;
}

/** The first word of a text, and what is behind it. */
function parted(text: string): readonly [first: string, rest: string] {
  const [, first = '', rest = ''] = /^(\S*)\s*(.*)$/s.exec(text) ?? [];
  return [first, rest];
}

/** A place in front, if there is one, and the rest. */
function placed(text: string): readonly [place: Place | undefined, rest: string] {
  const [first, rest] = parted(text);
  const place = placeOf(first);
  return place === undefined ? [undefined, text] : [place, rest];
}

/** A name, in quotes if it has blanks, and the rest. */
function namedPart(text: string): readonly [name: string, rest: string] {
  const [, quotedName, rest = ''] = /^["“”„]([^"“”„]{1,100})["“”]\s*(.*)$/s.exec(text) ?? [];
  return quotedName === undefined ? parted(text) : [quotedName, rest];
}

export type PresetsArgument =
  | { readonly action: 'list' }
  | { readonly action: 'export'; readonly format: 'csv' | 'json' }
  | { readonly action: 'show'; readonly name: string }
  | { readonly action: 'delete'; readonly place: Place; readonly name: string }
  | { readonly action: 'save'; readonly place: Place; readonly name: string; readonly text: string }
  /** `file`: its text; empty where it comes beside the command. */
  | { readonly action: 'import'; readonly place: Place; readonly file: string };

export const PRESETS_USAGE = 'presets [save|show|delete|import|export …]';

/** Nothing, `show name`, `save [server] name text`, `delete [server] name`, `import [server] file`, `export [csv]`. */
export function readPresetsArgument(argument: string): PresetsArgument | null {
  const [action, behind] = parted(argument);
  const [place = 'person', rest] = placed(behind);
  const [name, text] = namedPart(rest);
  switch (action.toLowerCase()) {
    case '':
    case 'list':
      return behind === '' ? { action: 'list' } : null;
    case 'export':
      return /^(?:csv|json)?$/i.test(behind)
        ? { action: 'export', format: /csv/i.test(behind) ? 'csv' : 'json' }
        : null;
    case 'show': {
      const [shown, more] = namedPart(behind);
      return shown !== '' && more === '' ? { action: 'show', name: shown } : null;
    }
    case 'delete':
    case 'remove':
      return name !== '' && text === '' ? { action: 'delete', place, name } : null;
    case 'save':
      return text === '' ? null : { action: 'save', place, name, text };
    case 'import':
      return rest === '' || isPresetFile(rest) ? { action: 'import', place, file: rest } : null;
    default:
      return null;
  }
}

/** JSON, or a table with a column `name`. */
function isPresetFile(text: string): boolean {
  const [header = ''] = text.replace(/^\uFEFF/, '').split(/[\r\n]/, 1);
  const columns = header.split(/[,;\t]/).map((column) => column.replace(/"/g, '').trim().toLowerCase());
  return /^[[{]/.test(header) || (columns.length > 1 && columns.includes('name'));
}

/** Whether a command reads a file that comes beside it. */
export function takesFile(text: string): boolean {
  const [, argument = ''] = /^presets\s+(.*)$/is.exec(text.trim()) ?? [];
  const read = readPresetsArgument(argument);
  return read?.action === 'import' && read.file === '';
}

export type WildcardsArgument =
  | { readonly action: 'list' }
  | { readonly action: 'show' | 'delete'; readonly name: string }
  | { readonly action: 'set'; readonly name: string; readonly list: string };

export const WILDCARDS_USAGE = 'wildcards [set|show|delete name …]';

/** Nothing, `show name`, `delete name`, `set name red, green` with commas, bars or line breaks between the choices. */
export function readWildcardsArgument(argument: string): WildcardsArgument | null {
  const [typed, behind] = parted(argument);
  const action = typed.toLowerCase();
  const [first, rest] = wildcardPart(behind);
  const name = /^__(.+)__$/.exec(first)?.[1] ?? first;
  if (action === '' || action === 'list') return behind === '' ? { action: 'list' } : null;
  if (action === 'set') return rest === '' ? null : { action, name, list: linesOf(rest) };
  const isNamed = name !== '' && rest === '';
  if (action === 'delete' || action === 'remove') return isNamed ? { action: 'delete', name } : null;
  return action === 'show' && isNamed ? { action, name } : null;
}

/** A name, also with a colon or an equals sign behind it, and the rest. */
function wildcardPart(text: string): readonly [name: string, rest: string] {
  const [, name, rest = ''] = /^([^\s:=,|"“”„]+)\s*[:=](?!:)\s*(.*)$/s.exec(text) ?? [];
  return name === undefined ? namedPart(text) : [name, rest];
}

/** One choice a line. Bars and commas inside braces belong to a choice. */
function linesOf(list: string): string {
  if (/\n/.test(list)) return list;
  const outside = list.replace(/\{[^{}]*\}/g, (group) => '\0'.repeat(group.length));
  const separator = outside.includes('|') ? '|' : ',';
  let lines = '';
  for (let i = 0; i < list.length; i += 1) lines += outside[i] === separator ? '\n' : list[i];
  return lines
    .split('\n')
    .map((line) => line.trim())
    .join('\n');
}

export interface DefaultsArgument {
  readonly place: Exclude<Place, 'everywhere'> | null;
  /** `reset` takes all of a place back. */
  readonly reset: boolean;
  /** As they are typed; `default` takes one back. */
  readonly changes: readonly { readonly key: string; readonly value: string }[];
}

export const DEFAULTS_USAGE = 'defaults [channel|server] [key:value …]';

const CHANGE = new RegExp(`^(${NAME})[:=](.+)$`, 'is');

/** Nothing, a place, and settings or `reset` behind it. */
export function readDefaultsArgument(argument: string): DefaultsArgument | null {
  const [place, rest] = placed(argument);
  if (place === 'everywhere') return null;
  const words = wordsOf(rest).map(({ start, end }) => rest.slice(start, end));
  const base = { place: place ?? null, reset: false, changes: [] };
  if (words.length === 0) return base;
  if (/^reset$/i.test(rest)) return { ...base, reset: true };
  const changes = words.map((word) => {
    const [, key, value] = CHANGE.exec(word) ?? [];
    return key === undefined || value === undefined ? null : { key: key.toLowerCase(), value: plain(value) };
  });
  const known = changes.filter((change) => change !== null);
  return known.length === words.length ? { ...base, changes: known } : null;
}

function plain(value: string): string {
  const quotedWhole = /^["“”„](.*)["“”]$/s.exec(value);
  return unescapeText(quotedWhole?.[1] ?? value);
}
