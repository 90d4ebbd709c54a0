import type { LoraUse } from '../../pipeline/images/imagine-request.ts';
import { MAX_LORA_WEIGHT, MAX_LORAS } from '../../pipeline/images/lora-tag.ts';
import { t } from '../../texts/translate.ts';
import type { KnownLora, RequestLimits } from '../request-limits.ts';
import { nearest } from './edit-distance.ts';
import { type LoraExpectation, lorasHere, noLora } from './expectation.ts';
import { CommandProblem, enumerated, quoted } from './problem.ts';
import type { Reading } from './values.ts';
import { partsDrawnIn } from './wildcards.ts';

/** Takes those of an older request away. */
export const NO_LORAS = 'none';
/** Far more than are allowed. */
const MOST_PARTS = 4 * MAX_LORAS;
const WEIGHT = /^(.*?)\s*:\s*([+-]?(?:\d{1,3}(?:[.,]\d{0,9})?|\.\d{1,9}))$/s;
/** Endings of files, which belong to no name. */
const ENDING = /\.(?:safetensors|ckpt|pt|bin)$/i;

const fold = (name: string) => name.normalize('NFKC').toLowerCase().trim();

function named(name: string, known: readonly KnownLora[]): KnownLora | undefined {
  return known.find((one) => one.name === name) ?? known.find((one) => fold(one.name) === fold(name));
}

/** One of `text`, with its weight; `undefined` where it is none that is known, or its weight is not allowed. */
function readOne(text: string, known: readonly KnownLora[]): LoraUse | undefined {
  const [, name = text, number = '1'] = WEIGHT.exec(text) ?? [];
  const weight = Number(number.replace(',', '.')) + 0;
  const lora = Math.abs(weight) <= MAX_LORA_WEIGHT ? named(name.trim(), known) : undefined;
  return lora && { ...lora, weight };
}

/** What may be meant by what is none: `sketsh:0.8`, `sketch:9`, `sketch.safetensors`, `sketch:50%`. */
function meantBy(text: string, known: readonly KnownLora[]): LoraUse | undefined {
  const [name = '', ...behind] = text.split(':');
  const lora = nearestTo(name.trim().replace(ENDING, ''), known);
  // Other programs have a weight for each network: that of the one that paints stands last.
  const weight = Number(behind.at(-1)?.replace(',', '.') ?? 1);
  const within = Math.min(MAX_LORA_WEIGHT, Math.max(-MAX_LORA_WEIGHT, weight)) + 0;
  return lora && { ...lora, weight: Number.isNaN(weight) || behind.at(-1)?.trim() === '' ? 1 : within };
}

/** `sketch:0.8`, also several with commas between; the weight is 1 unless given. */
export function readLoras(text: string, { loras: known = [] }: RequestLimits): Reading<readonly LoraUse[]> {
  const typed = text.replace(/^"(.*)"$/s, '$1');
  if (fold(typed) === NO_LORAS) return { value: [] };
  const found: LoraUse[] = [];
  let isRight = true;
  const parts = typed.split(',').slice(0, MOST_PARTS);
  for (let at = 0; at < parts.length; ) {
    // Names, and weights of half the world, may have commas.
    const ends = parts.map((_, i) => parts.length - i).filter((end) => end > at);
    const joined = (end: number) => parts.slice(at, end).join(',').trim();
    const end = ends.find((one) => readOne(joined(one), known) !== undefined) ?? at + 1;
    const lora = readOne(joined(end), known);
    const meant = lora ?? meantBy(joined(end), known);
    isRight &&= lora !== undefined;
    if (meant !== undefined) found.push(meant);
    at = end;
  }
  const distinct = withoutRepeats(found);
  if (isRight && distinct.length === found.length && found.length <= MAX_LORAS) return { value: found };
  return { instead: distinct.length > 0 ? `"${formatLoras(distinct.slice(0, MAX_LORAS))}"` : null };
}

/** What `readLoras` takes. */
export function expectedLoras({ loras = [] }: RequestLimits): LoraExpectation {
  const [first] = loras;
  if (first === undefined) return noLora();
  const example = `${first.name}:0.8`;
  return lorasHere(
    enumerated(
      loras.map(({ name }) => name),
      MOST_NAMED,
    ),
    /\s/.test(example) ? `"${example}"` : example,
  );
}

const MOST_NAMED = 10;

/** As `readLoras` reads them. */
export function formatLoras(loras: readonly Pick<LoraUse, 'name' | 'weight'>[]): string {
  return loras.map(({ name, weight }) => `${name}:${weight}`).join(', ');
}

export function withoutRepeats(loras: readonly LoraUse[]): LoraUse[] {
  return [...new Map(loras.map((lora) => [lora.name, lora])).values()];
}

const TAG = / ?(?<!\\)<\s?lora:([^<>]*)>/gi;
/** With what parts it from the words behind it, as a setting has it. */
const TAG_IN_LIST = new RegExp(`${TAG.source}(?:[,;.](?=\\s|$))?`, TAG.flags);
const DOUBLE_QUOTES = /["“”„]/g;

/**
 * A command whose tags of LoRAs, as in `<lora:sketch:0.8>`, are settings at its end, where they part nothing; those in
 * braces are settings of their alternative. Tags in `{a|b}` stay: which of them counts is drawn.
 *
 * @param leaveOut says by its name which one is not taken at all
 */
export function withLoraSettings(text: string, leaveOut: (name: string) => boolean = () => false): string {
  const behind: string[] = [];
  const isDrawn = partsDrawnIn(text);
  let quotes = 0;
  let braces = 0;
  let seen = 0;
  const within = text.replace(TAG_IN_LIST, (tag: string, inside: string, at: number) => {
    if (isDrawn(at)) return tag;
    const before = text.slice(seen, at);
    quotes += before.match(DOUBLE_QUOTES)?.length ?? 0;
    braces += (before.match(/\{/g)?.length ?? 0) - (before.match(/\}/g)?.length ?? 0);
    seen = at + tag.length;
    // A word that begins right behind it does not belong to what is before it.
    const gap = /[^\s,;.]/.test(text[seen] ?? '') ? ' ' : '';
    if (leaveOut(WEIGHT.exec(inside)?.[1] ?? inside)) return gap;
    const setting = ` lora:"${inside.replace(DOUBLE_QUOTES, '')}"`;
    if (braces > 0 && quotes % 2 === 0) return `${setting}${gap}`;
    behind.push(setting);
    return gap;
  });
  return seen === 0 ? text : `${within.trim()}${behind.join('')}`;
}

/** The text as one whose tags of LoRAs, unescaped, are the same again. */
export function tagsAsText(text: string): string {
  return text.replace(/<(?=lora:)/gi, '\\<');
}

interface WithoutTags {
  readonly text: string;
  /** As they are typed, with their weights. */
  readonly loras: readonly string[];
}

/** A text in which no settings stand, without its tags of LoRAs. */
export function withoutLoraTags(text: string): WithoutTags {
  const loras: string[] = [];
  const rest = text.replace(TAG, (_tag: string, inside: string) => {
    loras.push(inside.trim());
    return '';
  });
  return { text: rest, loras };
}

/** As `withoutLoraTags`, but for those of which one has still to be drawn. */
export function withoutSettledLoras(text: string): WithoutTags {
  const isDrawn = partsDrawnIn(text);
  const loras: string[] = [];
  const rest = text.replace(TAG, (tag: string, inside: string, at: number) => {
    if (isDrawn(at)) return tag;
    loras.push(inside.trim());
    return '';
  });
  return { text: rest, loras };
}

/**
 * Those that were chosen, and those whose tags were drawn. Of one name that which was chosen counts, else the last one.
 * @throws CommandProblem `bad_lora`, `loras_invalid`
 */
export function withDrawnLoras(
  chosen: readonly LoraUse[],
  drawn: readonly string[],
  limits: RequestLimits,
): readonly LoraUse[] {
  const read = drawn.flatMap((one) => {
    const reading = readLoras(one, limits);
    if ('value' in reading) return reading.value;
    throw new CommandProblem({
      code: 'bad_lora',
      message: expectedLoras(limits).drawn(quoted(one)),
    });
  });
  const all = withoutRepeats([...read, ...chosen]);
  if (all.length <= MAX_LORAS) return drawn.length === 0 ? chosen : all;
  throw tooManyLoras(all);
}

export function tooManyLoras(loras: readonly LoraUse[], edits?: CommandProblem['details']['edits']): CommandProblem {
  return new CommandProblem({
    code: 'loras_invalid',
    message: t('Expected up to {most} LoRAs, each once, got {loras}.', { most: MAX_LORAS, loras: formatLoras(loras) }),
    allowed: t('Their changes add up: fewer, with more weight, do as much.'),
    ...(edits === undefined ? {} : { edits }),
  });
}

/** As `withLoraSettings`, of a pasted command: LoRAs of other models may stand in it, which are left out with a note. */
export function withPastedLoras(text: string, { loras = [] }: RequestLimits) {
  const left = new Set<string>();
  const command = withLoraSettings(text, (name) => {
    const isHere = loras.some((lora) => fold(lora.name) === fold(name));
    if (!isHere) left.add(name);
    return !isHere;
  });
  const names = [...left].map((name) => quoted(name)).join(', ');
  return {
    command,
    notes: left.size === 0 ? [] : [t('Left out of what was pasted: LoRAs that are not here, {names}.', { names })],
  };
}

function nearestTo(name: string, known: readonly KnownLora[]): KnownLora | undefined {
  const folded = known.map((lora) => fold(lora.name));
  const near = nearest(fold(name).slice(0, 64), folded, 2);
  return near === null ? undefined : known[folded.indexOf(near)];
}
