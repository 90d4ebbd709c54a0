import { UserError } from '../system/errors.ts';
import { startThread } from '../system/thread.ts';
import { t } from '../texts/translate.ts';
import type { Verdict } from './verdict.ts';
import { hasWatermark } from './watermarked-file.ts';

export interface ToVerify {
  readonly file: Uint8Array;
  /** Certificates as PEM. */
  readonly trusted?: string | undefined;
}

export type Verified =
  | { readonly verdict: Verdict }
  | { readonly problem: { readonly code: string; readonly message: string } };

/** Milliseconds. A large picture takes less than one second. */
const LONGEST = 15_000;

// Beside this file, in the sources as in the built package.
const ENTRY = new URL(
  import.meta.url.endsWith('.ts') ? './verifying-thread.ts' : './verifying-thread.js',
  import.meta.url,
);

/**
 * What a file of unknown origin says of itself, and whether the watermark is in it. It is read in a thread and a process of their own:
 * whoever sent it can neither stop nor slow anything else.
 *
 * @throws UserError `not_an_image`, `picture_not_verifiable`
 */
export async function verify(request: ToVerify): Promise<Verdict> {
  const verdict = await verdictInThread(request);
  return { ...verdict, watermark: await hasWatermark(request.file) };
}

function verdictInThread(request: ToVerify): Promise<Verdict> {
  return new Promise((resolve, reject) => {
    const thread = startThread(ENTRY, request);
    const fail = (cause?: unknown) =>
      reject(
        new UserError('picture_not_verifiable', t('What this file says of its origin cannot be read.'), { cause }),
      );
    const timer = setTimeout(() => {
      fail();
      void thread.terminate();
    }, LONGEST);
    thread.once('message', (answer: Verified) => {
      if ('verdict' in answer) resolve(answer.verdict);
      else reject(new UserError(answer.problem.code, answer.problem.message));
    });
    thread.once('error', fail);
    thread.once('exit', () => {
      clearTimeout(timer);
      // After its message, this changes nothing.
      fail();
    });
  });
}
