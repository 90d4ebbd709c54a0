import { MAX_LORA_WEIGHT, MAX_LORAS } from '../../pipeline/images/lora-tag.ts';
import { listedAs, t } from '../../texts/translate.ts';
import type { Range } from './values.ts';

/** What a setting's value has to be, as a whole sentence for each occasion on which it is said. */
export interface Expectation {
  /** `Write a whole number from 1 to 10.` */
  readonly rule: string;
  /** @param value as it is quoted */
  wrong(name: string, value: string): string;
  /** @param option as it was typed, without a value */
  missing(option: string): string;
}

export function wholeNumber({ min, max }: Range): Expectation {
  return {
    rule: t('Write a whole number from {min} to {max}.', { min, max }),
    wrong: (name, value) =>
      t('Expected {name} to be a whole number from {min} to {max}, got {value}.', { name, min, max, value }),
    missing: (option) =>
      t('Expected a whole number from {min} to {max} after {option}, got nothing.', { min, max, option }),
  };
}

export function decimalNumber({ min, max }: Range): Expectation {
  return {
    rule: t('Write a number from {min} to {max}.', { min, max }),
    wrong: (name, value) =>
      t('Expected {name} to be a number from {min} to {max}, got {value}.', { name, min, max, value }),
    missing: (option) => t('Expected a number from {min} to {max} after {option}, got nothing.', { min, max, option }),
  };
}

/** @param example such as `1024x1536` */
export function sides({ min, max }: Range, example: string): Expectation {
  const given = { example, min, max };
  return {
    rule: t('Write width×height such as {example}, each side from {min} to {max}.', given),
    wrong: (name, value) =>
      t('Expected {name} to be width×height such as {example}, each side from {min} to {max}, got {value}.', {
        ...given,
        name,
        value,
      }),
    missing: (option) =>
      t('Expected width×height such as {example}, each side from {min} to {max}, after {option}, got nothing.', {
        ...given,
        option,
      }),
  };
}

/** @param widest of the longer side to the shorter one */
export function ratio(widest: number): Expectation {
  const given = { example: '2:3', narrow: `1:${widest}`, wide: `${widest}:1` };
  return {
    rule: t('Write a ratio of width to height such as {example}, from {narrow} to {wide}.', given),
    wrong: (name, value) =>
      t('Expected {name} to be a ratio of width to height such as {example}, from {narrow} to {wide}, got {value}.', {
        ...given,
        name,
        value,
      }),
    missing: (option) =>
      t(
        'Expected a ratio of width to height such as {example}, from {narrow} to {wide}, after {option}, got nothing.',
        {
          ...given,
          option,
        },
      ),
  };
}

export function yesOrNo(): Expectation {
  const choices = listedAs('disjunction', ['yes', 'no']);
  return {
    rule: t('Write {choices}.', { choices }),
    wrong: (name, value) => t('Expected {name} to be {choices}, got {value}.', { name, choices, value }),
    missing: (option) => t('Expected {choices} after {option}, got nothing.', { choices, option }),
  };
}

/** One of the styles, where no others can be had without the operator. */
export function presentStyle(styles: readonly string[]): Expectation {
  const given = { choices: listedAs('disjunction', styles), command: '"wuerst models pull --style all"' };
  return {
    rule: t('Write {choices} (the operator gets the others with {command}).', given),
    wrong: (name, value) =>
      t('Expected {name} to be {choices} (the operator gets the others with {command}), got {value}.', {
        ...given,
        name,
        value,
      }),
    missing: (option) =>
      t('Expected {choices} (the operator gets the others with {command}) after {option}, got nothing.', {
        ...given,
        option,
      }),
  };
}

/** One of the styles, or a mixture. */
export function styleOrMixture(styles: readonly string[]): Expectation {
  const given = { styles: styles.join(', '), base: 'base', aesthetic: 'aesthetic' };
  return {
    rule: t('Write {styles} or a number from 0 ({base}) to 1 ({aesthetic}).', given),
    wrong: (name, value) =>
      t('Expected {name} to be {styles} or a number from 0 ({base}) to 1 ({aesthetic}), got {value}.', {
        ...given,
        name,
        value,
      }),
    missing: (option) =>
      t('Expected {styles} or a number from 0 ({base}) to 1 ({aesthetic}) after {option}, got nothing.', {
        ...given,
        option,
      }),
  };
}

export function seedOrRandom(max: bigint): Expectation {
  const given = { max, random: 'random' };
  return {
    rule: t('Write a whole number from 0 to {max}, a word, or {random}.', given),
    wrong: (name, value) =>
      t('Expected {name} to be a whole number from 0 to {max}, a word, or {random}, got {value}.', {
        ...given,
        name,
        value,
      }),
    missing: (option) =>
      t('Expected a whole number from 0 to {max}, a word, or {random} after {option}, got nothing.', {
        ...given,
        option,
      }),
  };
}

/** @param most characters */
export function freeText(most: number): Expectation {
  return {
    rule: t('Write text of at most {most} characters, in quotes if it has spaces.', { most }),
    wrong: (name, value) =>
      t('Expected {name} to be text of at most {most} characters, in quotes if it has spaces, got {value}.', {
        name,
        most,
        value,
      }),
    missing: (option) =>
      t('Expected text of at most {most} characters, in quotes if it has spaces, after {option}, got nothing.', {
        most,
        option,
      }),
  };
}

/** @param most pictures */
export function weightsOfPictures(most: number, example: string): Expectation {
  const given = { most, example };
  return {
    rule: t('Write up to {most} numbers above 0 with commas, such as {example}.', given),
    wrong: (name, value) =>
      t('Expected {name} to be up to {most} numbers above 0 with commas, such as {example}, got {value}.', {
        ...given,
        name,
        value,
      }),
    missing: (option) =>
      t('Expected up to {most} numbers above 0 with commas, such as {example}, after {option}, got nothing.', {
        ...given,
        option,
      }),
  };
}

/** @param most characters */
export function shortName(most: number, example: string): Expectation {
  const given = { most, example };
  return {
    rule: t('Write a name of up to {most} letters, digits and hyphens, such as {example}.', given),
    wrong: (name, value) =>
      t('Expected {name} to be a name of up to {most} letters, digits and hyphens, such as {example}, got {value}.', {
        ...given,
        name,
        value,
      }),
    missing: (option) =>
      t(
        'Expected a name of up to {most} letters, digits and hyphens, such as {example}, after {option}, got nothing.',
        {
          ...given,
          option,
        },
      ),
  };
}

export interface LoraExpectation extends Expectation {
  /** Of LoRAs that words were drawn for. @param value as it is quoted */
  drawn(value: string): string;
}

export function noLora(): LoraExpectation {
  return {
    rule: t('Write the name of a LoRA, of which there are none here.'),
    wrong: (name, value) =>
      t('Expected {name} to be the name of a LoRA, of which there are none here, got {value}.', { name, value }),
    missing: (option) =>
      t('Expected the name of a LoRA, of which there are none here, after {option}, got nothing.', { option }),
    drawn: (value) =>
      t('Expected LoRAs that are drawn to be the name of a LoRA, of which there are none here, got {value}.', {
        value,
      }),
  };
}

export function lorasHere(names: string, example: string): LoraExpectation {
  const given = { most: MAX_LORAS, names, least: -MAX_LORA_WEIGHT, bound: MAX_LORA_WEIGHT, example };
  return {
    rule: t(
      'Write up to {most} LoRAs of those here ({names}), each with a weight from {least} to {bound} such as {example}.',
      given,
    ),
    wrong: (name, value) =>
      t(
        'Expected {name} to be up to {most} LoRAs of those here ({names}), each with a weight from {least} to {bound} such as {example}, got {value}.',
        { ...given, name, value },
      ),
    missing: (option) =>
      t(
        'Expected up to {most} LoRAs of those here ({names}), each with a weight from {least} to {bound} such as {example}, after {option}, got nothing.',
        { ...given, option },
      ),
    drawn: (value) =>
      t(
        'Expected LoRAs that are drawn to be up to {most} LoRAs of those here ({names}), each with a weight from {least} to {bound} such as {example}, got {value}.',
        { ...given, value },
      ),
  };
}
