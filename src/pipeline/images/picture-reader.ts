import { fork } from 'node:child_process';
import { open, stat } from 'node:fs/promises';
import { childEnvironment } from '../../system/child-environment.ts';
import { type Clock, systemClock } from '../../system/clock.ts';
import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import { checkBytes, HEAD_BYTES, MAX_PICTURE_PIXELS, MIN_PICTURE_SIDE, pictureKind } from './picture-kind.ts';
import { type Frame, type PictureFacts, READY, type ReadAnswer, type ReadRequest } from './picture-reading.ts';

export type { Frame, PictureFacts } from './picture-reading.ts';

/** A picture that takes longer is made to. In milliseconds, from when its process is ready. */
const PATIENCE_MS = 20_000;
/** For that process to start: on a busy machine, no picture is to blame. */
const START_MS = 60_000;

// Beside this file, in the sources as in the built package.
const ENTRY = new URL(
  import.meta.url.endsWith('.ts') ? './picture-reader-child.ts' : './picture-reader-child.js',
  import.meta.url,
);

/**
 * Reads pictures that people give, each in a process of its own, one at a time: a file that is made to take all memory, all time
 * or the decoder itself down, takes down that process alone.
 */
export class PictureReader {
  readonly #clock: Clock;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: { readonly clock?: Clock } = {}) {
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Reads a picture to its end.
   *
   * @throws UserError that says what is wrong with it: `picture_kind_unknown`, `picture_too_many_bytes`, `picture_too_large`,
   *   `picture_too_small`, `picture_damaged`, `picture_too_slow`
   */
  async inspect(file: string): Promise<PictureFacts> {
    return (await this.#read({ file, frames: [] })).facts;
  }

  /** The picture in sizes and forms, as rows of bytes. @throws as `inspect` */
  async frames(file: string, frames: readonly Frame[]): Promise<readonly Uint8Array[]> {
    return (await this.#read({ file, frames })).frames;
  }

  async #read(request: ReadRequest): Promise<Extract<ReadAnswer, { type: 'read' }>> {
    await checkFile(request.file);
    const mine = this.#turn.then(() => readInProcess(request, this.#clock));
    this.#turn = mine.catch(() => {});
    const answer = await mine;
    if (answer.type === 'read') return answer;
    throw refusal(answer);
  }
}

async function checkFile(file: string): Promise<void> {
  checkBytes((await stat(file)).size);
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    pictureKind(buffer.subarray(0, bytesRead));
  } finally {
    await handle.close();
  }
}

function readInProcess(request: ReadRequest, clock: Clock): Promise<ReadAnswer> {
  return new Promise((resolve) => {
    const child = fork(ENTRY, {
      serialization: 'advanced',
      env: childEnvironment(process.env),
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    let answer: ReadAnswer = { type: 'failed', message: 'its decoder ended' };
    const giveUp = () => {
      answer = { type: 'failed', message: SLOW };
      child.kill('SIGKILL');
    };
    let stop = clock.after(START_MS, giveUp);
    child.on('message', (message: ReadAnswer | typeof READY) => {
      if (message !== READY) {
        answer = message;
        return;
      }
      stop();
      stop = clock.after(PATIENCE_MS, giveUp);
      child.send(request, () => {});
    });
    child.once('error', ({ message }) => {
      answer = { type: 'failed', message };
    });
    child.once('close', () => {
      stop();
      resolve(answer);
    });
  });
}

const SLOW = 'it takes too long';

function refusal(answer: Exclude<ReadAnswer, { type: 'read' }>): UserError {
  const hint = t('Open it in a picture program and save it again, for example as a PNG of 1024 × 1024 pixels.');
  if (answer.type === 'too-large') {
    const most = Math.floor(MAX_PICTURE_PIXELS / 1e6);
    const { width, height } = answer;
    const message = t('Expected a picture of at most {most} million pixels, got {width} × {height}.', {
      ...{ most, width, height },
    });
    return new UserError('picture_too_large', message, { hint });
  }
  if (answer.type === 'too-small') {
    const { width, height } = answer;
    const message = t('Expected a picture of at least {least} × {least} pixels, got {width} × {height}.', {
      ...{ least: MIN_PICTURE_SIDE, width, height },
    });
    return new UserError('picture_too_small', message, { hint });
  }
  if (answer.message === SLOW) {
    return new UserError('picture_too_slow', t('Reading this picture takes too long.'), { hint });
  }
  const message = t('This picture cannot be read: its file is damaged or not complete.');
  return new UserError('picture_damaged', message, { hint, cause: answer.message });
}
