import { t } from '../../texts/translate.ts';
import { nearest } from './edit-distance.ts';
import { type Expectation, shortName } from './expectation.ts';
import { someOf } from './problem.ts';

/** Stands for what was typed in the text of a preset. */
export const PROMPT_PLACE = '{prompt}';
/** In place of a name. */
export const NO_PRESET = 'none';
const LONGEST_NAME = 40;

/** A saved style: words around a prompt, words to keep out, and settings. */
export interface Preset {
  /** With `{prompt}` where the typed prompt goes; without it, it goes behind the typed one. */
  readonly prompt: string;
  readonly negative: string;
  /** As they are typed, by the names of their keys. */
  readonly settings: Readonly<Record<string, string>>;
}

/** What holds for people, places or everyone, by name. */
export interface Presets {
  /** In the order of display. */
  readonly names: readonly string[];
  get(name: string): Preset | undefined;
}

export const NO_PRESETS: Presets = { names: [], get: () => undefined };

/**
 * The name as presets are kept under it: case, blanks, hyphens and underscores make no difference, since `My Style` has to
 * be typed as `preset:my-style`; nor does the colon of `save night: text`. `undefined` for what cannot be a name.
 */
export function presetName(typed: string): string | undefined {
  const name = typed
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s_-]+/gu, '-')
    .replace(/^-+|[-:]+$/g, '');
  return name !== '' && [...name].length <= LONGEST_NAME && !/[\p{C}"“”„,;{}]/u.test(name) ? name : undefined;
}

/** What a name has to be. */
export function expectedPresetName(): Expectation {
  return shortName(LONGEST_NAME, 'film-still');
}

/** `text` put into the text of a preset, as A1111's web UI does. */
export function withPreset(preset: string, text: string): string {
  if (preset.toLowerCase().includes(PROMPT_PLACE)) return preset.replace(/\{prompt\}/gi, () => text);
  return [text, preset.trim()].filter((part) => part.trim() !== '').join(', ');
}

const MOST_NAMED = 20;

/** What is said of the presets there are, where somebody asked for another one. */
export function presetsHere({ names }: Presets, typed: string): string {
  if (names.length === 0) return t('There are none here yet: save one with the button below a picture.');
  const meant = nearest(typed.slice(0, LONGEST_NAME), names, 2);
  if (meant !== null) return t('Did you mean {setting}?', { setting: `preset:${meant}` });
  return t('Presets here are {names}.', { names: someOf('conjunction', names, MOST_NAMED) });
}
