import { loraTag } from '../../pipeline/images/lora-tag.ts';
import { currentLanguage } from '../../texts/language.ts';
import { t } from '../../texts/translate.ts';
import type { Completion } from '../core.ts';
import type { RequestLimits } from '../request-limits.ts';
import { describeKey, fold, KEYS, type Key, keyNamed } from './keys.ts';
import { NAME, wordsOf } from './lexer.ts';
import { SUBCOMMANDS } from './subcommands.ts';

const OPTION = new RegExp(`^(?:--|—|–)(${NAME})$`, 'i');
const PAIR = new RegExp(`^((?:--|—|–)?(${NAME})[:=：])(.*)$`, 'is');
const BEGUN = new RegExp(`^(--|—|–)?(${NAME})?$`, 'i');
const USED = new RegExp(`^(?:(?:--|—|–)(${NAME})|(${NAME})[:：].)`, 'i');

/** Of a LoRA: less than all of it is what most are made for. */
const USUAL_WEIGHT = 0.8;

/**
 * What may come next, for the word that the cursor stands at the end of: subcommands at the very start, settings that are
 * not given yet, and the values of a setting. Empty inside a quoted value and where the word is plain text.
 */
export function completions(textBeforeCursor: string, limits: RequestLimits): Completion[] {
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

  const option = earlier.at(-1)?.match(OPTION);
  const optionKey = option?.[1] === undefined ? null : keyNamed(option[1]);
  if (optionKey !== null) return valuesOf(optionKey, word, '', from, limits);
  const pair = PAIR.exec(word);
  if (pair !== null) {
    const [, head = '', name = '', value = ''] = pair;
    const key = keyNamed(name);
    return key === null ? [] : valuesOf(key, value, head, from, limits);
  }
  const tag = /^<lora:([^<>:]*)$/i.exec(word);
  if (tag !== null) return loraTags(tag[1] ?? '', from, limits);
  const begun = BEGUN.exec(word);
  if (begun === null) return [];
  const [, dashes, prefix = ''] = begun;
  const settings = unusedKeys(earlier)
    .filter((key) => key.name.startsWith(prefix.toLowerCase()) || isLocally(key, prefix))
    .map((key) => ({
      insert: dashes === undefined ? `${key.name}:` : `--${key.name} `,
      from,
      label: dashes === undefined ? `${key.name}:` : `--${key.name}`,
      description: describeKey(key, limits),
    }));
  return earlier.length === 0 && dashes === undefined ? [...subcommandsFrom(prefix, from), ...settings] : settings;
}

/** Whether the key is called so in the reader's language. */
function isLocally({ names }: Key, prefix: string): boolean {
  const language = currentLanguage();
  return language !== 'en' && prefix !== '' && fold(names[language]).startsWith(fold(prefix));
}

function subcommandsFrom(prefix: string, from: number): Completion[] {
  return Object.entries(SUBCOMMANDS)
    .filter(([name]) => name.startsWith(prefix.toLowerCase()))
    .map(([name, { usage, description }]) => ({
      insert: usage.includes('<') ? `${name} ` : name,
      from,
      label: usage,
      description: t(description),
    }));
}

function loraTags(begun: string, from: number, { loras = [] }: RequestLimits): Completion[] {
  const fitting = loras.filter(({ name }) => name.toLowerCase().startsWith(begun.toLowerCase()));
  return fitting.map(({ name }) => ({
    insert: loraTag({ name, weight: USUAL_WEIGHT }),
    ...{ from, label: name, description: t('A LoRA and its weight') },
  }));
}

function valuesOf(key: Key, value: string, head: string, from: number, limits: RequestLimits): Completion[] {
  return (key.choices?.(limits) ?? [])
    .filter((choice) => choice.toLowerCase().startsWith(value.toLowerCase()) && choice !== value)
    .map((choice) => ({ insert: `${head}${choice}`, from, label: choice, description: describeKey(key, limits) }));
}

function unusedKeys(earlier: readonly string[]): readonly Key[] {
  const used = new Set(
    earlier.flatMap((word) => {
      const name = USED.exec(word);
      return keyNamed(name?.[1] ?? name?.[2] ?? '')?.fields ?? [];
    }),
  );
  return KEYS.filter((key) => !key.fields.some((field) => used.has(field)));
}
