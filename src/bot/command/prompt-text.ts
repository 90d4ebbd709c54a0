import { alternationsIn, hasWeights, weightlessText } from '../../pipeline/images/prompt-weights.ts';
import { t } from '../../texts/translate.ts';
import type { ImagineRequest } from '../job.ts';
import { isVisible, normaliseText, unescapeText } from './lexer.ts';
import { withoutLoraTags } from './loras.ts';
import { type Preset, withPreset } from './presets.ts';
import { quoted } from './problem.ts';
import { drawn, hasDraws, type Wildcards } from './wildcards.ts';

/** The texts of a request as they were typed, with the escapes of the grammar. */
export interface PromptTemplates {
  readonly prompt: string;
  readonly negative: string;
}

export interface ResolveOptions {
  readonly preset: Preset | undefined;
  readonly wildcards: Wildcards;
  readonly seed: bigint;
}

type Texts = Pick<ImagineRequest, 'prompt' | 'negative' | 'weighted' | 'original' | 'originalNegative'>;

interface ResolvedTexts {
  readonly texts: Texts;
  /** Those in which words of the preset stand. */
  readonly styled: readonly (keyof PromptTemplates)[];
  /** Those whose tags were drawn, as `lora` takes them. */
  readonly drawnLoras: readonly string[];
  readonly notes: readonly string[];
}

/**
 * The texts to paint: put into a preset, with words drawn, without escapes. Texts whose weights are all 1 have none.
 * @throws UserError as `drawn` does
 */
export function resolvedTexts(typed: PromptTemplates, { preset, ...draw }: ResolveOptions): ResolvedTexts {
  const templates = {
    prompt: preset === undefined ? typed.prompt : withPreset(preset.prompt, typed.prompt),
    negative: preset === undefined ? typed.negative : withPreset(preset.negative, typed.negative),
  };
  const drawnLoras: string[] = [];
  const resolve = (of: 'prompt' | 'negative') => {
    const { text: words, loras } = withoutLoraTags(drawn(templates[of], { ...draw, of }));
    drawnLoras.push(...loras);
    const text = normaliseText(unescapeText(words));
    return isVisible(text) || of === 'prompt' ? text : '';
  };
  const texts = { prompt: resolve('prompt'), negative: resolve('negative') };
  const styled = (['prompt', 'negative'] as const).filter((of) => templates[of].trim() !== typed[of].trim());
  const isChanged = (of: 'prompt' | 'negative') => hasDraws(templates[of]) || styled.includes(of);
  return {
    texts: {
      ...withWeightsRead(texts),
      ...(isChanged('prompt') ? { original: normaliseText(typed.prompt) } : {}),
      ...(isChanged('negative') ? { originalNegative: normaliseText(typed.negative) } : {}),
    },
    styled,
    drawnLoras,
    notes: [...templateNotes(templates.prompt, preset), ...textNotes(texts.prompt), ...textNotes(texts.negative)],
  };
}

function withWeightsRead({ prompt, negative }: PromptTemplates): Texts {
  if (hasWeights(prompt) || hasWeights(negative)) return { prompt, negative, weighted: true };
  const plain = (text: string) => {
    const words = normaliseText(weightlessText(text));
    return isVisible(words) ? words : text;
  };
  return { prompt: plain(prompt), negative: plain(negative) };
}

/** What would be more requests or more words if it were typed, or in other programs. */
function templateNotes(template: string, preset: Preset | undefined): readonly string[] {
  const notes: string[] = [];
  const several = /\{\s*\d+(?:-\d+)?\$\$/.exec(template);
  if (several !== null) {
    const words = quoted(several[0].slice(1));
    notes.push(t('Read as text, since one alternative is drawn here and never several: {words}.', { words }));
  }
  const braces = /\{[^{}|]*,[^{}|]*\}/.exec(preset?.prompt ?? '');
  if (braces !== null) {
    notes.push(
      t('Read as text, since a preset makes no more requests: {words}; with bars, one of them is drawn.', {
        words: quoted(braces[0]),
      }),
    );
  }
  return notes;
}

/** What other programs would read in a text and this one does not. */
function textNotes(text: string): readonly string[] {
  const notes: string[] = [];
  const [open, close] = [...alternationsIn(text)].sort((a, b) => a - b);
  if (open !== undefined && close !== undefined) {
    const words = quoted(text.slice(open, close + 1));
    notes.push(t('Read as text, since nothing is painted in turns here: {words}.', { words }));
  }
  const edited = /\[[^[\]()|]*:\s*\d*\.?\d+\s*\]/.exec(text);
  if (edited !== null) {
    const words = quoted(edited[0]);
    notes.push(
      t('Prompts do not change between steps here: the words in {words} only count a little less.', { words }),
    );
  }
  // Not where all is in capitals.
  const word = /\p{Ll}/u.test(text) ? /(?<=^|\s)(?:AND|BREAK)(?=\s|$)/.exec(text) : null;
  if (word !== null) {
    notes.push(t('Read as text, since prompts are not joined here: {words}.', { words: quoted(word[0]) }));
  }
  return notes;
}
