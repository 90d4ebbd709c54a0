import type { Reply } from '../reply.ts';
import type { CommandLimits } from '../request-limits.ts';
import type { KeyName, SettingKey } from './key.ts';
import { KEYS, keyNamed } from './keys.ts';
import { wordsOf } from './lexer.ts';
import { SUBCOMMANDS } from './subcommand.ts';

const EMPTY_REPLY: Reply = {
  tone: 'normal',
  title: '',
  lines: [],
  fields: [],
  progress: null,
  eta: null,
  preview: null,
  images: [],
  buttons: [],
  code: null,
  ephemeral: true,
};

/** What can be typed, or everything about one setting. At most 25 fields, each value one short line. */
export function helpReply(limits: CommandLimits, topic: KeyName | null = null): Reply {
  const key = topic === null ? null : keyNamed(topic);
  return key === null ? overview(limits) : explanation(key, limits);
}

function overview(limits: CommandLimits): Reply {
  return {
    ...EMPTY_REPLY,
    title: 'Say what to paint, with settings anywhere in it',
    lines: [
      'key:value without a space after the colon, or --key value. Quotes hold spaces: negative:"text, frame".',
      '{red, grey} fox makes one request for each, after asking. A backslash keeps a character as text: \\{ or \\:',
      ...Object.values(SUBCOMMANDS).map(({ usage, description }) => `/wuerst ${usage}: ${description}.`),
    ],
    fields: KEYS.map((key) => ({ name: example(key, limits), value: `${key.description}.` })),
    code: `/wuerst a red fox in the snow ar:2:3 style:${limits.styles.at(-1) ?? 'interpolated'}`,
  };
}

function explanation(key: SettingKey, limits: CommandLimits): Reply {
  const choices = key.choices?.(limits).values ?? [];
  return {
    ...EMPTY_REPLY,
    title: key.name,
    lines: [`${key.description}.`, `It is ${key.expected(limits)}.`],
    fields: [
      ...(choices.length > 0 ? [{ name: 'For instance', value: choices.join(', ') }] : []),
      ...(key.aliases.length > 0 ? [{ name: 'Also written', value: key.aliases.join(', ') }] : []),
    ],
    code: `/wuerst a red fox in the snow ${example(key, limits)}`,
  };
}

function example(key: SettingKey, limits: CommandLimits): string {
  return `${key.name}:${key.example(limits)}`;
}

export interface Completion {
  /** Takes the place of the text from `from` to the cursor. */
  readonly insert: string;
  /** Index into the text before the cursor. */
  readonly from: number;
  readonly label: string;
  readonly description: string;
}

/**
 * What may come next, for the word that the cursor stands at the end of: subcommands at the very start, settings that are
 * not given yet, and the values of a setting. Empty inside a quoted value and where the word is plain text.
 */
export function completions(textBeforeCursor: string, limits: CommandLimits): Completion[] {
  const start = /^\s*(?:\/wuerst\s+)?/i.exec(textBeforeCursor)?.[0].length ?? 0;
  const words = wordsOf(textBeforeCursor.slice(start)).map((span) => ({
    start: span.start + start,
    end: span.end + start,
  }));
  const last = words.at(-1);
  const isOpen = last !== undefined && last.end === textBeforeCursor.length;
  const from = isOpen ? last.start : textBeforeCursor.length;
  const word = textBeforeCursor.slice(from);
  const earlier = words.slice(0, isOpen ? -1 : undefined).map((span) => textBeforeCursor.slice(span.start, span.end));
  if (earlier.length === 0 && word === '') return subcommandsFrom('', from);

  const option = earlier.at(-1)?.match(/^(?:--|—|–)([a-z_-]+)$/i);
  const optionKey = option?.[1] === undefined ? null : keyNamed(option[1]);
  if (optionKey !== null) return valuesOf(optionKey, word, '', from, limits);
  const pair = /^((?:--|—|–)?([a-z][a-z_-]*)[:=：])(.*)$/is.exec(word);
  if (pair !== null) {
    const [, head = '', name = '', value = ''] = pair;
    const key = keyNamed(name);
    return key === null ? [] : valuesOf(key, value, head, from, limits);
  }
  const begun = /^(--|—|–)?([a-z][a-z_-]*)?$/i.exec(word);
  if (begun === null) return [];
  const [, dashes, prefix = ''] = begun;
  const settings = unusedKeys(earlier)
    .filter((key) => key.name.startsWith(prefix.toLowerCase()))
    .map((key) => ({
      insert: dashes === undefined ? `${key.name}:` : `--${key.name} `,
      from,
      label: dashes === undefined ? `${key.name}:` : `--${key.name}`,
      description: key.description,
    }));
  return earlier.length === 0 && dashes === undefined ? [...subcommandsFrom(prefix, from), ...settings] : settings;
}

function subcommandsFrom(prefix: string, from: number): Completion[] {
  return Object.entries(SUBCOMMANDS)
    .filter(([name]) => name.startsWith(prefix.toLowerCase()))
    .map(([name, { usage, description }]) => ({
      insert: usage.includes('<') ? `${name} ` : name,
      from,
      label: usage,
      description,
    }));
}

function valuesOf(key: SettingKey, value: string, head: string, from: number, limits: CommandLimits): Completion[] {
  return (key.choices?.(limits).values ?? [])
    .filter((choice) => choice.startsWith(value.toLowerCase()) && choice !== value)
    .map((choice) => ({ insert: `${head}${choice}`, from, label: choice, description: key.description }));
}

function unusedKeys(earlier: readonly string[]): readonly SettingKey[] {
  const used = new Set(
    earlier.flatMap((word) => {
      const name = /^(?:(?:--|—|–)([a-z_-]+)|([a-z_-]+)[:：].)/i.exec(word);
      return keyNamed(name?.[1] ?? name?.[2] ?? '')?.fields ?? [];
    }),
  );
  return KEYS.filter((key) => !key.fields.some((field) => used.has(field)));
}
