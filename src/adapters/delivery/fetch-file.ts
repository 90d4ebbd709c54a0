import { PICTURE_BOUNDS } from '../../bot/picture-bounds.ts';
import { PRESET_FILE_BYTES } from '../../bot/prompts/preset-files.ts';
import { UserError } from '../../system/errors.ts';
import { t, translatable } from '../../texts/translate.ts';

/** In milliseconds, for one file. */
const PATIENCE_MS = 30_000;

/** What people send, and the most bytes that are read of one. */
const BYTES = { picture: PICTURE_BOUNDS.bytes, file: PRESET_FILE_BYTES } as const;
export type FileKind = keyof typeof BYTES;

const ELSEWHERE: Readonly<Record<FileKind, string>> = {
  picture: translatable('This picture lies on another server, and only files sent here are taken.'),
  file: translatable('This file lies on another server, and only files sent here are taken.'),
};
const UNREACHABLE: Readonly<Record<FileKind, string>> = {
  picture: translatable('The picture could not be fetched.'),
  file: translatable('The file could not be fetched.'),
};
const TOO_LARGE = {
  picture: translatable('Expected a picture of at most {most} MB, got a larger one.'),
  file: translatable('Expected a file of at most {most} MB, got a larger one.'),
} as const satisfies Record<FileKind, string>;

export interface FetchFileOptions {
  /** Origins of the platform's own file servers, such as `https://cdn.discordapp.com`. Nothing is asked of any other. */
  readonly origins: readonly string[];
  /** What the platform needs to know who asks. It goes to these origins alone. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes, as the platform says. @default unknown */
  readonly size?: number | undefined;
  /** @default 'picture' */
  readonly kind?: FileKind;
}

/**
 * A file that a platform has named, read within bounds. No address that a person typed ever comes here, and no
 * redirection leads elsewhere.
 *
 * @throws UserError `picture_elsewhere`, `picture_too_many_bytes`, `picture_unreachable`, and the same of a `file`
 */
export async function fetchFile(url: string, options: FetchFileOptions): Promise<Uint8Array> {
  const { origins, headers = {}, size = 0, kind = 'picture' } = options;
  if (!URL.canParse(url) || !origins.includes(new URL(url).origin)) {
    throw new UserError(`${kind}_elsewhere`, t(ELSEWHERE[kind]), { hint: t('Save it, and send the file itself.') });
  }
  if (size > BYTES[kind]) throw tooLarge(kind);
  try {
    const answer = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok || answer.body === null) throw new Error(`the server answered ${answer.status}`);
    return await readWithin(answer.body, kind);
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError(`${kind}_unreachable`, t(UNREACHABLE[kind]), { hint: t('Send it again.'), cause });
  }
}

async function readWithin(body: ReadableStream<Uint8Array>, kind: FileKind): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    // Leaving the loop cancels the stream.
    if (bytes > BYTES[kind]) throw tooLarge(kind);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(kind: FileKind): UserError {
  const most = BYTES[kind] / 2 ** 20;
  const hint =
    kind === 'picture'
      ? t('A JPEG of 2048 × 2048 pixels is large enough for every picture that is made here.')
      : t('Send its presets in several files.');
  return new UserError(`${kind}_too_many_bytes`, t(TOO_LARGE[kind], { most }), { hint });
}
