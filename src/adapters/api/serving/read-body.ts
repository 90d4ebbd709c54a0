import * as z from 'zod';
import { PICTURE_BOUNDS } from '../../../bot/picture-bounds.ts';
import { UserError } from '../../../system/errors.ts';
import { startThread } from '../../../system/thread.ts';
import { expectedValue } from '../../web/server/expected-value.ts';
import { isForm, readFormParts } from '../../web/server/form-body.ts';
import { readBytes } from '../../web/server/json-body.ts';
import type { WebRequest } from '../../web/server/web-context.ts';
import { takeRate } from './admission.ts';
import type { ApiCall } from './api-context.ts';

/** A field with the wrong value. */
export class WrongField extends UserError {
  /** Its path, such as `images.0`. */
  readonly field: string;

  constructor(field: string, message: string, hint?: string) {
    super('body_invalid', message, hint === undefined ? {} : { hint });
    this.field = field;
  }
}

/** A picture in JSON: base64 or a `data:` URL. Long ones are bytes already when they come here. */
export const picture = z
  .union([z.string(), z.instanceof(Uint8Array)])
  .transform((value, { addIssue }) => {
    const bytes = typeof value === 'string' ? bytesOf(value) : value;
    if (bytes !== null) return bytes;
    addIssue('expected a picture in base64, or as a data: URL');
    return z.NEVER;
  })
  .meta({ override: { type: 'string', description: 'A picture in base64, or as a data: URL.' } });

/** A file of a form. */
export const file = z
  .instanceof(Uint8Array)
  // `meta` would make a copy that does not say what it expects.
  .register(z.globalRegistry, { override: { type: 'string', contentMediaType: 'application/octet-stream' } });

/** Base64 makes a third more of it. */
const MOST = Math.ceil((PICTURE_BOUNDS.allBytes * 4) / 3) + 256 * 1024;
/** Longer bodies are taken to pieces by a thread, so that they hold up nobody. */
const SHORT = 64 * 1024;
/** What a long body costs beyond a request. */
const LONG_COST = 3;

// Beside this file, in the sources as in the built package.
const THREAD = new URL(import.meta.url.endsWith('.ts') ? './json-thread.ts' : './json-thread.js', import.meta.url);

/**
 * Reads a body of JSON or, where the program sends one, a form with the same fields.
 *
 * @throws WrongField `body_invalid`; UserError `body_too_large`, `body_not_json`, `body_not_form`; TooOften `too_many_requests`,
 *   `too_many_forms`
 */
export async function readBody<T>(
  call: ApiCall,
  { schema, isLax = false }: { readonly schema: z.ZodType<T>; readonly isLax?: boolean | undefined },
): Promise<T> {
  const given = await givenIn(call, schema);
  const result = schema.safeParse(isLax ? loosened(given, schema) : given, { error: expectedValue });
  if (result.success) return result.data;
  throw wrongField(result.error);
}

export function wrongField({ issues }: z.ZodError): WrongField {
  const [issue] = issues;
  const field = issue?.path.join('.') ?? '';
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  return new WrongField(field, `${field === '' ? 'The body' : field}: ${issue?.message ?? 'wrong'}${more}.`);
}

async function givenIn(call: ApiCall, schema: z.ZodType): Promise<unknown> {
  const { api, c, key } = call;
  const turn = <T>(read: () => Promise<T>) => {
    takeRate(api, key, LONG_COST);
    return api.web.forms.take(`key ${key.id}`, read);
  };
  if (isForm(c)) return turn(() => formValue(c, schema));
  const length = Number(c.req.header('content-length') ?? Number.POSITIVE_INFINITY);
  if (length <= SHORT) return parsed(await readBytes(c, SHORT));
  return turn(async () => {
    const bytes = await readBytes(c, MOST);
    return bytes.byteLength <= SHORT ? parsed(bytes) : parsedApart(bytes);
  });
}

function parsed(bytes: Uint8Array): unknown {
  // A POST that has nothing to say, such as A1111's interrupt.
  if (bytes.byteLength === 0) return {};
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw notJson(cause);
  }
}

function parsedApart(bytes: Uint8Array): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const thread = startThread(THREAD, Uint8Array.from(bytes));
    const fail = (cause?: unknown) => reject(notJson(cause));
    thread.once('message', (answer: { readonly value?: unknown }) =>
      'value' in answer ? resolve(answer.value) : fail(),
    );
    thread.once('error', fail);
    // After its message, this changes nothing.
    thread.once('exit', () => fail());
  });
}

function notJson(cause: unknown): UserError {
  return new UserError('body_not_json', 'The body is not valid JSON in UTF-8.', { cause });
}

/** Fields by name; those that come several times, or as `name[]`, are lists. */
async function formValue(c: WebRequest, schema: z.ZodType): Promise<Record<string, unknown>> {
  const types = fieldTypes(schema);
  const found = new Map<string, unknown[]>();
  for (const part of await readFormParts(c)) {
    const name = part.name.replace(/\[\d*\]$/, '');
    const value = 'bytes' in part ? part.bytes : typed(part.text, types.get(name) ?? []);
    found.set(name, [...(found.get(name) ?? []), value]);
  }
  return Object.fromEntries([...found].map(([name, values]) => [name, values.length > 1 ? values : values[0]]));
}

/** The fields of a JSON object, where texts may stand for numbers. */
function loosened(given: unknown, schema: z.ZodType): unknown {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given;
  const types = fieldTypes(schema);
  const fields = Object.entries(given).map(([name, value]) => [
    name,
    typeof value === 'string' ? typed(value, types.get(name) ?? []) : value,
  ]);
  return Object.fromEntries(fields);
}

/** Forms hold texts alone: what a text is to be, the schema says. */
function typed(text: string, types: readonly string[]): unknown {
  if (types.includes('boolean') && /^(?:true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  const isNumber = types.includes('integer') || types.includes('number');
  return isNumber && text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

function fieldTypes(schema: z.ZodType): ReadonlyMap<string, readonly string[]> {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const typesOf = (one: unknown): string[] => {
    if (typeof one !== 'object' || one === null) return [];
    const nested = 'anyOf' in one && Array.isArray(one.anyOf) ? one.anyOf.flatMap(typesOf) : [];
    return [...('type' in one ? [one.type].flat().map(String) : []), ...nested];
  };
  return new Map(Object.entries(properties).map(([name, property]) => [name, typesOf(property)]));
}

function bytesOf(text: string): Uint8Array | null {
  const base64 = text.replace(/^data:[^,]*;base64,/, '').trim();
  if (base64 === '' || !/^[A-Za-z0-9+/_=\s-]*$/.test(base64)) return null;
  return Buffer.from(base64, 'base64');
}
