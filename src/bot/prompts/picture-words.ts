import { UserError } from '../../system/errors.ts';
import { startThread } from '../../system/thread.ts';
import { t } from '../../texts/translate.ts';

// Beside this file, in the sources as in the built package.
const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? './picture-words-thread.ts' : './picture-words-thread.js',
  import.meta.url,
);

/** The texts in a picture's file, by keyword; read by a thread, since a few bytes can claim to be megabytes. @throws UserError `not_an_image` */
export function pictureWords(file: Uint8Array): Promise<Readonly<Record<string, string>>> {
  return new Promise((resolve, reject) => {
    const thread = startThread(THREAD, Uint8Array.from(file));
    const fail = (cause?: unknown) =>
      reject(new UserError('not_an_image', t('Expected a PNG, WebP or JPEG file, got something else.'), { cause }));
    thread.once('message', (texts: Record<string, string> | null) => (texts === null ? fail() : resolve(texts)));
    thread.once('error', fail);
    // After its message, this changes nothing.
    thread.once('exit', () => fail());
  });
}
