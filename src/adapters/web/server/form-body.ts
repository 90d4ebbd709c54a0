import type { Context } from 'hono';
import { PICTURE_BOUNDS } from '../../../bot/picture-bounds.ts';
import { UserError } from '../../../system/errors.ts';
import { startThread } from '../../../system/thread.ts';
import { readBytes } from './json-body.ts';

/** What the thread is given. */
export interface FormRequest {
  readonly body: Uint8Array<ArrayBuffer>;
  /** Content-Type, with the boundary. */
  readonly type: string;
}

export type FormPart =
  | { readonly name: string; readonly text: string }
  | { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> };

/** A command with pictures: the fields of the JSON body, files `image` and a file `mask`. */
export interface CommandForm {
  readonly text: string;
  readonly user: string | undefined;
  readonly images: readonly Uint8Array[];
  readonly mask: Uint8Array | undefined;
}

/** Texts and the boundaries of the parts. */
const OVERHEAD = 256 * 1024;

// Beside this file, in the sources as in the built package.
const THREAD = new URL(import.meta.url.endsWith('.ts') ? './form-thread.ts' : './form-thread.js', import.meta.url);

export function isForm(c: Context): boolean {
  return /^multipart\/form-data\s*;/i.test(c.req.header('content-type') ?? '');
}

/**
 * The parts of a form, which is taken to pieces by a thread.
 * @param most bytes of its pictures together
 * @throws UserError `body_too_large`, `body_not_form`
 */
export async function readFormParts(c: Context, most: number = PICTURE_BOUNDS.allBytes): Promise<readonly FormPart[]> {
  const type = c.req.header('content-type') ?? '';
  const body = await readBytes(c, most + OVERHEAD);
  return partsOf({ body: Uint8Array.from(body), type });
}

/** @throws UserError `body_too_large`, `body_not_form`, `body_invalid` */
export async function readCommandForm(c: Context): Promise<CommandForm> {
  const parts = await readFormParts(c);
  const images: Uint8Array[] = [];
  const masks: Uint8Array[] = [];
  const texts = new Map<string, string>();
  for (const part of parts) {
    if ('text' in part && ['text', 'user'].includes(part.name)) texts.set(part.name, part.text);
    else if ('bytes' in part && part.name === 'image') images.push(part.bytes);
    else if ('bytes' in part && part.name === 'mask') masks.push(part.bytes);
    else throw invalid(`there is no ${'text' in part ? 'field' : 'file'} "${part.name.slice(0, 40)}"`);
  }
  if (images.length > PICTURE_BOUNDS.pictures) throw invalid(`expected at most ${PICTURE_BOUNDS.pictures} files image`);
  if (masks.length > 1) throw invalid('expected one file mask at most');
  if (masks.length > 0 && images.length === 0) throw invalid('expected a file image beside mask');
  return { text: texts.get('text') ?? '', user: texts.get('user'), images, mask: masks[0] };
}

function partsOf(request: FormRequest): Promise<readonly FormPart[]> {
  return new Promise((resolve, reject) => {
    const thread = startThread(THREAD, request, [request.body.buffer]);
    const fail = (cause?: unknown) => reject(notForm(cause));
    thread.once('message', (parts: readonly FormPart[] | null) => (parts === null ? fail() : resolve(parts)));
    thread.once('error', fail);
    // After its message, this changes nothing.
    thread.once('exit', () => fail());
  });
}

function notForm(cause: unknown): UserError {
  return new UserError('body_not_form', 'The body is not a form of several parts.', {
    hint: 'For example curl -F text="a panda" -F image=@photo.jpg',
    cause,
  });
}

function invalid(why: string): UserError {
  return new UserError('body_invalid', `The form has the wrong parts: ${why}.`, {
    hint: 'A command has text and user, up to three files image, and with one of them a file mask.',
  });
}
