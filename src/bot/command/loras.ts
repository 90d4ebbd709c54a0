import type { LoraUse } from '../../pipeline/images/imagine-request.ts';
import { MAX_LORA_WEIGHT, MAX_LORAS } from '../../pipeline/images/lora-tag.ts';
import type { KnownLora, RequestLimits } from '../request-limits.ts';
import { nearest } from './edit-distance.ts';
import { CommandProblem, quoted } from './problem.ts';
import type { Reading } from './values.ts';
import { partsDrawnIn } from './wildcards.ts';

/** Takes those of an older request away. */
export const NO_LORAS = 'none';
const ONE = /^(.*?)(?::\s*([+-]?(?:\d{1,3}(?:\.\d{0,9})?|\.\d{1,9})))?$/s;

const fold = (name: string) => name.normalize('NFKC').toLowerCase().trim();

/** `sketch:0.8`, also several with commas between; the weight is 1 unless given. */
export function readLoras(text: string, { loras: known = [] }: RequestLimits): Reading<readonly LoraUse[]> {
  const typed = text.replace(/^"(.*)"$/s, '$1');
  if (fold(typed) === NO_LORAS) return { value: [] };
  const found: LoraUse[] = [];
  let isRight = true;
  for (const part of typed.split(',')) {
    const [, name = '', number = '1'] = ONE.exec(part.trim()) ?? [];
    const lora = known.find((one) => one.name === name) ?? known.find((one) => fold(one.name) === fold(name));
    const meant = lora ?? nearestTo(name, known);
    const weight = Math.min(MAX_LORA_WEIGHT, Math.max(-MAX_LORA_WEIGHT, Number(number))) + 0;
    isRight &&= lora !== undefined && weight === Number(number);
    if (meant !== undefined) found.push({ ...meant, weight });
  }
  const distinct = withoutRepeats(found);
  if (isRight && distinct.length === found.length && found.length <= MAX_LORAS) return { value: found };
  return { instead: distinct.length > 0 ? `"${formatLoras(distinct.slice(0, MAX_LORAS))}"` : null };
}

/** What `readLoras` takes. */
export function expectedLoras({ loras = [] }: RequestLimits): string {
  if (loras.length === 0) return 'the name of a LoRA, of which there are none here';
  const names = loras.slice(0, 10).map(({ name }) => name);
  const more = loras.length > names.length ? ` and ${loras.length - names.length} more` : '';
  const example = `${names[0]}:0.8`;
  return `up to ${MAX_LORAS} LoRAs of those here (${names.join(', ')}${more}), each with a weight from -${MAX_LORA_WEIGHT} to ${MAX_LORA_WEIGHT} such as ${/\s/.test(example) ? `"${example}"` : example}`;
}

/** As `readLoras` reads them. */
export function formatLoras(loras: readonly Pick<LoraUse, 'name' | 'weight'>[]): string {
  return loras.map(({ name, weight }) => `${name}:${weight}`).join(', ');
}

export function withoutRepeats(loras: readonly LoraUse[]): LoraUse[] {
  return [...new Map(loras.map((lora) => [lora.name, lora])).values()];
}

const TAG = / ?(?<!\\)<lora:([^<>]*)>/gi;
const DOUBLE_QUOTES = /["“”„]/g;

/**
 * A command whose tags of LoRAs, as in `<lora:sketch:0.8>`, are settings. A tag inside quotes is taken out of them and
 * stands at the end. Those in `{a|b}` stay: which of them counts is drawn.
 *
 * @param leaveOut says by its name which one is not taken at all
 */
export function withLoraSettings(text: string, leaveOut: (name: string) => boolean = () => false): string {
  const behind: string[] = [];
  const isDrawn = partsDrawnIn(text);
  let quotes = 0;
  let seen = 0;
  const within = text.replace(TAG, (tag: string, inside: string, at: number) => {
    if (isDrawn(at)) return tag;
    quotes += text.slice(seen, at).match(DOUBLE_QUOTES)?.length ?? 0;
    seen = at + tag.length;
    if (leaveOut(ONE.exec(inside)?.[1] ?? '')) return '';
    const setting = ` lora:"${inside.replace(DOUBLE_QUOTES, '')}"`;
    // A word that begins right behind it does not belong to it.
    if (quotes % 2 === 0) return /[^\s,;.]/.test(text[seen] ?? '') ? `${setting} ` : setting;
    behind.push(setting);
    return '';
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
      message: `Expected LoRAs that are drawn to be ${expectedLoras(limits)}, got ${quoted(one)}.`,
    });
  });
  const all = withoutRepeats([...read, ...chosen]);
  if (all.length <= MAX_LORAS) return drawn.length === 0 ? chosen : all;
  throw tooManyLoras(all);
}

export function tooManyLoras(loras: readonly LoraUse[], edits?: CommandProblem['details']['edits']): CommandProblem {
  return new CommandProblem({
    code: 'loras_invalid',
    message: `Expected up to ${MAX_LORAS} LoRAs, each once, got ${formatLoras(loras)}.`,
    allowed: 'Their changes add up: fewer, with more weight, do as much.',
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
  return { command, notes: left.size === 0 ? [] : [`Left out of what was pasted: LoRAs that are not here, ${names}.`] };
}

function nearestTo(name: string, known: readonly KnownLora[]): KnownLora | undefined {
  const folded = known.map((lora) => fold(lora.name));
  const near = nearest(fold(name).slice(0, 64), folded, 2);
  return near === null ? undefined : known[folded.indexOf(near)];
}
