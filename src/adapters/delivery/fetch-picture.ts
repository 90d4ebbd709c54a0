import { PICTURE_BOUNDS } from '../../bot/picture-bounds.ts';
import { UserError } from '../../system/errors.ts';

/** In milliseconds, for one file. */
const PATIENCE_MS = 30_000;

export interface FetchPictureOptions {
  /** Origins of the platform's own file servers, such as `https://cdn.discordapp.com`. Nothing is asked of any other. */
  readonly origins: readonly string[];
  /** What the platform needs to know who asks. It goes to these origins alone. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes, as the platform says. @default unknown */
  readonly size?: number | undefined;
}

/**
 * The file of a picture that a platform has named, read within bounds. No address that a person typed ever comes here, and no
 * redirection leads elsewhere.
 *
 * @throws UserError `picture_elsewhere`, `picture_too_many_bytes`, `picture_unreachable`
 */
export async function fetchPicture(url: string, options: FetchPictureOptions): Promise<Uint8Array> {
  const { origins, headers = {}, size = 0 } = options;
  if (!URL.canParse(url) || !origins.includes(new URL(url).origin)) {
    throw new UserError(
      'picture_elsewhere',
      'This picture lies on another server, and only files sent here are taken.',
      {
        hint: 'Save it, and send the file itself.',
      },
    );
  }
  if (size > PICTURE_BOUNDS.bytes) throw tooLarge();
  try {
    const answer = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok || answer.body === null) throw new Error(`the server answered ${answer.status}`);
    return await readWithin(answer.body, PICTURE_BOUNDS.bytes);
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError('picture_unreachable', 'The picture could not be fetched.', { hint: 'Send it again.', cause });
  }
}

async function readWithin(body: ReadableStream<Uint8Array>, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    // Leaving the loop cancels the stream.
    if (bytes > most) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(): UserError {
  const most = PICTURE_BOUNDS.bytes / 2 ** 20;
  return new UserError('picture_too_many_bytes', `Expected a picture of at most ${most} MB, got a larger one.`, {
    hint: 'A JPEG of 2048 × 2048 pixels is large enough for every picture that is made here.',
  });
}
