import { isSchedule, type StageCSteps } from '../../pipeline/images/stage-c-steps.ts';
import { MAX_START_PICTURES, MAX_START_WEIGHT } from '../../pipeline/images/start-limits.ts';
import { t } from '../../texts/translate.ts';
import { nearest } from './edit-distance.ts';
import { quoted } from './problem.ts';

/** A value, with a sentence on how it was read where that is not plain; or the nearest one that is allowed, if one is near. */
export type Reading<T> = { readonly value: T; readonly note?: string } | { readonly instead: string | null };

const WHOLE = /^\+?\d{1,30}$/;
const DECIMAL = /^[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:e[+-]?\d{1,3})?$/i;
const LEADING_NUMBER = /^[+-]?\d{0,20}(?:\.\d{1,20})?(?:(?<=\d)e[+-]?\d{1,3})?/i;
export const MAX_SEED = 2n ** 64n - 1n;

export interface Range {
  readonly min: number;
  readonly max: number;
}

export function readWhole(text: string, { min, max }: Range, fallback: number): Reading<number> {
  const value = WHOLE.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max
    ? { value }
    : { instead: String(Math.round(clampedLead(text, min, max, fallback))) };
}

export function readDecimal(text: string, { min, max }: Range, fallback: number): Reading<number> {
  // A comma is the point of half the world.
  const pointed = text.replace(/^([+-]?\d{1,40}),(?=\d{1,40}$)/, '$1.');
  const value = DECIMAL.test(pointed) ? Number(pointed) : Number.NaN;
  // `+ 0` makes -0 an ordinary zero.
  return value >= min && value <= max
    ? { value: value + 0 }
    : { instead: String(clampedLead(pointed, min, max, fallback)) };
}

function clampedLead(text: string, min: number, max: number, fallback: number): number {
  // 1,024 and 1.024 where a whole thousand is meant.
  const plain = /^\d{1,3}(?:[,.'’]\d{3})+$/.test(text) ? text.replace(/\D/g, '') : numberWord(text);
  const lead = LEADING_NUMBER.exec(plain)?.[0] ?? '';
  const value = lead === '' ? Number.NaN : Number(lead);
  return Number.isNaN(value) ? fallback : Math.min(max, Math.max(min, value));
}

const NUMBER_WORDS: ReadonlyMap<string, number> = new Map([
  ...'zero one two three four five six seven eight nine ten eleven twelve'
    .split(' ')
    .map((word, i) => [word, i] as const),
  ...'twenty thirty forty fifty sixty seventy eighty ninety hundred'
    .split(' ')
    .map((word, i) => [word, 20 + 10 * i] as const),
]);

/** A number that is written as a word, in digits; any other text as it is. */
function numberWord(text: string): string {
  return String(NUMBER_WORDS.get(text.toLowerCase()) ?? text);
}

/** The usual schedule by name, and what else a request has instead of a number of equal steps. */
const USUAL_SCHEDULE = 'reference';

/** A number of equal steps, `reference`, or the timesteps themselves: `1,0.6,0.3,0`. */
export function readSteps(text: string, range: Range, fallback: number): Reading<StageCSteps> {
  if (text.toLowerCase() === USUAL_SCHEDULE) return { value: null };
  const timesteps = text.split(',');
  const value = timesteps.every((one) => DECIMAL.test(one)) ? timesteps.map(Number) : [];
  return isSchedule(value) ? { value } : readWhole(text, range, fallback);
}

/** The steps as `readSteps` reads them. */
export function formatSteps(steps: StageCSteps): string {
  return steps === null ? USUAL_SCHEDULE : String(steps);
}

/** `random`, or -1 as other programs write it, reads as `null`; words as a number that is always the same for them. */
export function readSeed(text: string): Reading<bigint | null> {
  if (/^(?:random|-1)$/i.test(text)) return { value: null };
  if (/^\d{1,40}$/.test(text) && BigInt(text) <= MAX_SEED) return { value: BigInt(text) };
  if (/^\p{L}/u.test(text)) {
    const value = seedOfWords(text);
    return { value, note: t('The seed {words} is read as the number {value}.', { words: quoted(text), value }) };
  }
  if (text.startsWith('-')) return { instead: 'random' };
  if (/^0x[\da-f]{1,16}$/i.test(text)) return { instead: String(BigInt(text)) };
  const lead = /\d{1,19}/.exec(text)?.[0];
  return { instead: lead === undefined ? 'random' : String(BigInt(lead)) };
}

/** 32 bits; the same in any case, since phones begin with a capital. */
function seedOfWords(words: string): bigint {
  const folded = words.normalize('NFKC').toLowerCase();
  // Loaded when it is needed: few commands have such a seed, and the first step would wait for it.
  const { createHash } = process.getBuiltinModule('node:crypto');
  return BigInt(createHash('sha256').update(folded).digest().readUInt32BE());
}

export function readSides(text: string): readonly [number, number] | null {
  const match = /^(\d{1,9})(?:\s*[x×✕*]\s*|\s+)(\d{1,9})$/i.exec(text);
  return match === null ? null : [Number(match[1]), Number(match[2])];
}

/** Width over height; `null` where it is not two numbers above 0. */
export function readRatio(text: string): number | null {
  const match = /^(\d{1,6}(?:\.\d{1,6})?)[:/x×](\d{1,6}(?:\.\d{1,6})?)$/i.exec(text);
  const ratio = match === null ? Number.NaN : Number(match[1]) / Number(match[2]);
  return ratio > 0 && Number.isFinite(ratio) ? ratio : null;
}

/** A name of `choices`, in any case; or, with `mixes`, a decimal from 0 to 1 in its shortest form. */
export function readStyle(text: string, choices: readonly string[], mixes: boolean): Reading<string> {
  const lower = text.toLowerCase();
  const named = choices.find((choice) => choice.toLowerCase() === lower);
  if (named !== undefined) return { value: named };
  const mixed = readDecimal(text, { min: 0, max: 1 }, Number.NaN);
  if (mixes && 'value' in mixed) return { value: String(mixed.value) };
  if (mixes && 'instead' in mixed && mixed.instead !== 'NaN') return mixed;
  const [first = 'interpolated'] = choices;
  const begun = lower === '' ? undefined : choices.find((choice) => choice.startsWith(lower));
  return { instead: lower === '' ? first : (begun ?? nearest(lower.slice(0, 64), choices, 2)) };
}

const YES = ['yes', 'on', 'true', '1'];
const NO = ['no', 'off', 'false', '0'];

export function readSwitch(text: string): Reading<boolean> {
  const lower = text.toLowerCase();
  if (YES.includes(lower)) return { value: true };
  if (NO.includes(lower)) return { value: false };
  return { instead: lower.startsWith('n') ? 'no' : 'yes' };
}

/** Weights of pictures: `2,1`. */
export function readWeights(text: string): Reading<readonly number[]> {
  const weights = text.split(',').map(Number);
  const fits = weights.every((weight) => weight > 0 && weight <= MAX_START_WEIGHT);
  return fits && weights.length <= MAX_START_PICTURES ? { value: weights } : { instead: '2,1' };
}
