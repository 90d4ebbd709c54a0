import type { RequestLimits } from '../request-limits.ts';
import { type Key, keyNamed } from './keys.ts';
import { NAME } from './lexer.ts';

/** A setting that runs into the value of another one: `1024height:512`, `16:9--seed`. */
export interface SettingWithin {
  /** What is left for the first setting. */
  readonly value: string;
  /** Where the second one begins. */
  readonly at: number;
  readonly key: Key;
  /** Its value, if that is glued to it, too; else empty. */
  readonly keyValue: string;
}

const DASHED_NAME = new RegExp(`^(?:--|[—–]{1,2})(${NAME})[:：=]?(.*)$`, 'is');
const NAME_WITH_COLON = new RegExp(`^(${NAME})[:：=](.+)$`, 'is');
const NUMERIC = /^[+-]?[\d.]+(?:[x×*:/][\d.]+)?$/i;
/** Values with another setting in them are not longer. */
const LONGEST = 200;

/** The first setting inside of a value that `key` does not take as a whole; `null` if there is none. */
export function settingWithin(key: Key, text: string, limits: RequestLimits): SettingWithin | null {
  if (text.length > LONGEST) return null;
  for (let at = 1; at < text.length; at += 1) {
    const [, name = '', keyValue = ''] = DASHED_NAME.exec(text.slice(at)) ?? NAME_WITH_COLON.exec(text.slice(at)) ?? [];
    const found = keyNamed(name);
    const value = text.slice(0, at).replace(/[,;.]+$/, '');
    if (found !== null && isValue(key, value, limits)) return { value, at, key: found, keyValue };
  }
  return null;
}

/** Of the kind of `key`; a number outside of its range is mended by itself. */
function isValue(key: Key, value: string, limits: RequestLimits): boolean {
  return value !== '' && ('value' in key.read(value, limits) || NUMERIC.test(value));
}
