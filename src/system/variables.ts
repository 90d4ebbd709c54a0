import * as z from 'zod';
import { t } from '../texts/translate.ts';
import { onOrOff } from './on-off.ts';

/** An environment variable that sets one of the program's options. */
export interface Variable {
  /** E.g. `WUERST_WEB_PORT`. */
  readonly name: string;
  /** The option of `wuerst start`, e.g. `--web-port <port>`. Secrets have none: other users see command lines. */
  readonly option: string | undefined;
  /** One line, in the language of whoever reads it. */
  readonly help: string;
  /** What applies when it is not set, in words. */
  readonly otherwise: string;
}

/** The variables behind the fields of the schemas. */
export const variables = z.registry<Variable>();

/**
 * A field of a schema of options, set by a variable.
 *
 * @param usage the variable's name and a placeholder for its value, as in `WUERST_WEB_PORT <port>`; without a placeholder
 *   it is a secret
 * @param otherwise what applies when it is not set, in words. @default the schema's default
 */
export function variable<T extends z.ZodType>(
  usage: string,
  help: () => string,
  schema: T,
  otherwise?: () => string,
): T {
  const [name = '', value] = usage.split(' ');
  const flag = name
    .replace(/^WUERST_/, '')
    .replaceAll('_', '-')
    .toLowerCase();
  const usual = schema instanceof z.ZodPrefault ? String(schema.def.defaultValue) : undefined;
  variables.add(schema, {
    name,
    option: value === undefined ? undefined : `--${flag} ${value}`,
    get help() {
      return help();
    },
    get otherwise() {
      return otherwise?.() ?? usual ?? t('not set');
    },
  });
  return schema;
}

export const text = z.string();
export const secret = z.string().min(16, { error: () => t('expected at least 16 characters') });
export const address = z
  .string()
  .refine((url) => URL.canParse(url) && /^https?:/.test(url), { error: () => t('expected an http(s) address') });
export const wholeNumber = z
  .string()
  .regex(/^\d{1,9}$/, { error: () => t('expected a whole number') })
  .transform(Number);
export const port = z
  .string()
  .regex(/^\d{1,5}$/, { error: () => t('expected a port from 0 to 65535') })
  .transform(Number)
  .refine((number) => number <= 65_535, { error: () => t('expected a port from 0 to 65535') });
export const onOff = z
  .string()
  .refine((word) => onOrOff(word) !== undefined, { error: () => t('expected on or off') })
  .transform((word) => onOrOff(word) === true);
export const list = z.string().transform((value) =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);

export function oneOf<const T extends readonly string[]>(values: T) {
  return z.enum(values, { error: () => t('expected {values}', { values: values.join(', ') }) });
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };

/** `20GB`, `1.5 G`, `300`: decimal units. */
export const byteCount = z
  .string()
  .regex(/^\d+(?:\.\d+)?\s*[KMGT]?B?$/i, { error: () => t('expected a size such as 20GB') })
  .transform((size) => {
    const [, number = '', unit = ''] = /^([\d.]+)\s*([KMGT]?)B?$/i.exec(size) ?? [];
    return Math.round(Number(number) * (UNITS[unit.toUpperCase()] ?? 1));
  });

/** Has a rule about several fields checked even if one of them is wrong, so that all mistakes are listed at once. */
export const together = { when: () => true };
