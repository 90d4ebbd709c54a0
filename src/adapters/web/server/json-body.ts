import type { Context } from 'hono';
import type { z } from 'zod';
import { UserError } from '../../../system/errors.ts';
import { t } from '../../../texts/translate.ts';
import { expectedValue } from './expected-value.ts';

const MAX_BYTES = 64 * 1024;

/**
 * Reads a JSON body, and stops reading at the limit, in bytes, whatever the length header says.
 * Throws `UserError`: `body_not_json_type`, `body_too_large`, `body_not_json`, `body_invalid`.
 */
export async function readJson<T>(c: Context, schema: z.ZodType<T>, most = MAX_BYTES): Promise<T> {
  const type = c.req.header('content-type') ?? '';
  if (!/^application\/json\s*(?:;|$)/i.test(type)) {
    throw new UserError('body_not_json_type', `Expected Content-Type application/json, got "${type.slice(0, 100)}".`, {
      hint: 'Send the header Content-Type: application/json.',
    });
  }
  const parsed = schema.safeParse(parse(await readBytes(c, most)), { error: expectedValue });
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the body'}: ${issue.message}`);
  throw new UserError('body_invalid', `The body has the wrong form: ${faults.join('; ').slice(0, 500)}.`, {
    hint: 'For example { "text": "/wuerst a red fox seed:7", "user": "ann" } for a command.',
  });
}

/** Reads a body, and stops at the limit whatever the length header says. @throws UserError `body_too_large` */
export async function readBytes(c: Context, most: number): Promise<Uint8Array> {
  const { body } = c.req.raw;
  if (Number(c.req.header('content-length') ?? 0) > most) throw tooLarge(most);
  if (body === null) return new Uint8Array();
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks);
    size += value.byteLength;
    if (size > most) {
      // Not awaited: a client that never stops sending must not hold up the answer.
      void reader.cancel().catch(() => undefined);
      throw tooLarge(most);
    }
    chunks.push(value);
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new UserError('body_not_json', 'The body is not valid JSON in UTF-8.', {
      hint: 'For example { "text": "/wuerst a red fox", "user": "ann" }.',
      cause,
    });
  }
}

function tooLarge(most: number): UserError {
  const size = most < 2 ** 20 ? `${most / 1024} KiB` : `${Math.floor(most / 2 ** 20)} MiB`;
  return new UserError('body_too_large', t('The body is larger than {size}.', { size }), {
    hint: most < 2 ** 20 ? t('Shorten the text.') : t('Send smaller pictures.'),
  });
}
