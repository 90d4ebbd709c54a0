import type * as z from 'zod';

/** Of JSON and of forms, as people call them. */
const NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
  Uint8Array: 'a file',
};
const LONGEST = 40;

/**
 * What is wrong with a value, in the words of every other error: `schema.safeParse(value, { error: expectedValue })`.
 * `undefined` where the schema says it itself.
 */
export function expectedValue(issue: z.core.$ZodRawIssue): string | undefined {
  const expected = expectation(issue);
  return expected === undefined ? undefined : `expected ${expected}, got ${shown(issue.input)}`;
}

function expectation(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return NAMES[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values.map(String).join(' or ');
    case 'too_small':
      return `at least ${issue.minimum}${UNITS[issue.origin] ?? ''}`;
    case 'too_big':
      return `at most ${issue.maximum}${UNITS[issue.origin] ?? ''}`;
    case 'invalid_union':
      return unionOf(issue.errors);
    default:
      return undefined;
  }
}

const UNITS: Readonly<Record<string, string>> = { string: ' characters', array: ' entries' };

/** The kinds of value that would do, where it is none of them. */
function unionOf(errors: readonly (readonly z.core.$ZodIssue[])[]): string | undefined {
  const firsts = errors.map(([first]) => first);
  const kinds = firsts.flatMap((first) =>
    first?.code === 'invalid_type' && first.path.length === 0 ? [NAMES[first.expected] ?? first.expected] : [],
  );
  return kinds.length === firsts.length ? [...new Set(kinds)].join(' or ') : undefined;
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value instanceof Uint8Array) return 'a file';
  if (Array.isArray(value)) return value.length === 1 ? 'a list of one' : `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value !== 'string') return String(value);
  return value.length > LONGEST ? `${value.length} characters` : JSON.stringify(value);
}
