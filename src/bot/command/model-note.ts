import { listedAs, t } from '../../texts/translate.ts';
import type { ImagineRequest } from '../job.ts';
import { nativeSizes, type RequestLimits, type Size } from '../request-limits.ts';
import { quoted, someOf } from './problem.ts';

/** Words without a picture of their own: to say that a model does not know them would help nobody. */
const UNPAINTABLE = new Set(
  (
    'and or but not no is are was be been being it its this that these those there here my your his her our their i you we ' +
    'they he she as from for into onto off out up down about around through very some any all one which who while'
  ).split(' '),
);

/** What the model in use is not good at, of what was asked for: one sentence, or nothing. */
export function modelNotes(requests: readonly ImagineRequest[], limits: RequestLimits): readonly string[] {
  const sizes = [...new Set(requests.flatMap((request) => betterSize(request, limits) ?? []))];
  const words = [...new Set(requests.flatMap(({ prompt }) => unknownWords(prompt, limits)))].map(quoted);
  const model = `${limits.model.charAt(0).toUpperCase()}${limits.model.slice(1)}`;
  const best = listedAs('disjunction', sizes);
  const unknown = someOf('disjunction', words);
  if (sizes.length > 0 && words.length > 0) {
    return [t('{model} paints best at {best}; it does not know {unknown}.', { model, best, unknown })];
  }
  if (sizes.length > 0) return [t('{model} paints best at {best}.', { model, best })];
  return words.length > 0 ? [t('{model} does not know {unknown}.', { model, unknown })] : [];
}

/** Of the sizes that the model was trained on, the one most like this one, unless it is one of them. */
function betterSize({ width, height }: Size, limits: RequestLimits): string | undefined {
  const unlike = (size: Size) =>
    Math.abs(Math.log((size.width * height) / (size.height * width))) * 10 +
    Math.abs(Math.log((size.width * size.height) / (width * height)));
  const [best] = nativeSizes(limits).toSorted((a, b) => unlike(a) - unlike(b));
  return best === undefined || unlike(best) === 0 ? undefined : `${best.width}×${best.height}`;
}

function unknownWords(prompt: string, { recommended: { words } }: RequestLimits): readonly string[] {
  if (words === undefined) return [];
  const typed = prompt.normalize('NFKC').toLowerCase().replaceAll('’', "'");
  // What begins with a digit is a number, such as 3d or 1990s.
  const found = typed.match(isPlain(typed) ? /[a-z\d]+(?:'[a-z]+)*/g : /[\p{L}\p{M}\p{N}]+(?:'[\p{L}\p{M}]+)*/gu) ?? [];
  return found.filter(
    (word) =>
      !startsWithNumber(word) &&
      !UNPAINTABLE.has(word) &&
      !words.has(word) &&
      !forms(word).some((form) => words.has(form)),
  );
}

/** To compile an expression over all of Unicode takes longer than everything else here. */
function isPlain(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}

function startsWithNumber(word: string): boolean {
  return isPlain(word) ? /^\d/.test(word) : /^\p{N}/u.test(word);
}

/** A word, and what it may be the plural or the possessive of; or its plural. */
function forms(word: string): readonly string[] {
  const bare = word.replace(/'s?$/, '').replace(/'.*$/, '');
  const singulars = [
    [/ies$/, 'y'],
    [/ves$/, 'f'],
    [/ves$/, 'fe'],
    [/men$/, 'man'],
    [/es$/, ''],
    [/s$/, ''],
  ] as const;
  return [
    word,
    bare,
    ...singulars.map(([ending, singular]) => bare.replace(ending, singular)),
    `${bare}s`,
    `${bare}es`,
    bare.replace(/y$/, 'ies'),
  ];
}
