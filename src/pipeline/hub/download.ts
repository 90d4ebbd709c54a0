import { open } from 'node:fs/promises';
import type { Response } from 'undici';
import { OperatorError } from '../../system/errors.ts';
import { writeAll } from '../../system/write-all.ts';
import { t } from '../../texts/translate.ts';
import { codeOf, type Hub, type HubFile } from './hub.ts';

const otherHub = () => t('Run the command again. If that does not help, use another HF_ENDPOINT.');

export interface Download {
  readonly repo: string;
  readonly commit: string;
  readonly file: HubFile;
  /** The file to write to; the bytes of an earlier attempt are kept. */
  readonly part: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Fetches one file into its part, however often the connection is cut, as long as one of every few attempts brings new bytes.
 * Yields the number of bytes that are there so far. Does not check them.
 *
 * @throws OperatorError if the hub refuses or several attempts bring no byte; file system errors as they are
 */
export async function* download(hub: Hub, { repo, commit, file, part, signal }: Download): AsyncGenerator<number> {
  const { path, size } = file;
  const handle = await open(part, 'a+').then(async (created) => {
    await created.close();
    return open(part, 'r+');
  });
  try {
    let have = (await handle.stat()).size;
    if (have > size) {
      await handle.truncate(0);
      have = 0;
    }
    let best = have;
    let failures = 0;
    let version: string | null = null;
    while (have < size) {
      signal?.throwIfAborted();
      let reason = () => t('the connection was closed early');
      const response = await hub.open(repo, commit, path, have, signal);
      const start = startOf(response, have, file, repo);
      const etag = response.headers.get('etag');
      if (start > 0 && version !== null && etag !== version) {
        await response.body?.cancel();
        await handle.truncate(0);
        hub.onRetry(
          t('The file {file} has changed at the hub: it is fetched from its first byte.', { file: `${repo}/${path}` }),
        );
        have = 0;
        continue;
      }
      version = etag;
      if (start < have) await handle.truncate(0);
      have = start;
      try {
        for await (const chunk of bodyOf(response)) {
          if (have + chunk.length > size) {
            await handle.truncate(0);
            throw wrongLength(repo, file, true);
          }
          await writeAll(handle, chunk, have);
          have += chunk.length;
          yield have;
        }
      } catch (error) {
        if (!(error instanceof BrokenBody)) throw error;
        signal?.throwIfAborted();
        const { cause } = error;
        reason = () => codeOf(cause);
      }
      if (have === size) break;
      failures = have > best ? 0 : failures + 1;
      best = Math.max(best, have);
      const values = { file: `${repo}/${path}`, have, size, reason };
      const message = () =>
        t('The download of {file} broke off at {have} of {size} bytes: {reason}.', {
          ...values,
          reason: values.reason(),
        });
      if (failures > hub.retries) {
        throw new OperatorError('hub_unreachable', message, {
          hint: () => t('Run the command again later: it goes on where it stopped.'),
        });
      }
      hub.onRetry(message());
      await hub.sleep(hub.minRetryMs * 2 ** failures, signal);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Distinguishes a broken connection from an error of the disk. */
class BrokenBody extends Error {}

async function* bodyOf(response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw new BrokenBody('the connection broke', { cause });
      });
      if (done) return;
      yield value as Uint8Array;
    }
  } finally {
    // If the consumer stops early too, so that the rest is not fetched in vain.
    await reader.cancel().catch(() => {});
  }
}

/** @returns the offset of the answer's first byte: the one asked for, or 0 from a server that ignores ranges. */
function startOf({ status, headers }: Response, asked: number, file: HubFile, repo: string): number {
  const { path, size } = file;
  if (status !== 206) {
    const length = headers.has('content-encoding') ? null : headers.get('content-length');
    if (length !== null && Number(length) !== size) throw wrongLength(repo, file, Number(length) > size);
    return 0;
  }
  const range = headers.get('content-range') ?? '';
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range) ?? [];
  if (Number(from) === asked && (total === '*' || Number(total) === size)) return asked;
  const message = () =>
    t('Expected bytes {asked}- of {size} of {file}, but the hub sent "{range}".', {
      ...{ asked, size, range },
      file: `${repo}/${path}`,
    });
  throw new OperatorError('hub_wrong_answer', message, { hint: otherHub });
}

function wrongLength(repo: string, { path, size }: HubFile, longer: boolean): OperatorError {
  const values = { file: `${repo}/${path}`, size };
  const message = () =>
    longer
      ? t('The file {file} is longer than the {size} bytes that the hub lists.', values)
      : t('The file {file} is shorter than the {size} bytes that the hub lists.', values);
  return new OperatorError('hub_wrong_bytes', message, { hint: otherHub });
}
