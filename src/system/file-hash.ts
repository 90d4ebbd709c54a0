import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** Reads a file once. `gitOid` is the name git gives it: sha1 of `blob <size>\0` and the bytes. */
export async function hashFile(
  path: string,
  size: number,
  signal?: AbortSignal,
  onRead?: (bytes: number) => void,
): Promise<{ sha256: string; gitOid: string }> {
  const sha256 = createHash('sha256');
  // Only small files are kept in git itself, so that large ones need no second hash.
  const git = size <= 64 * 2 ** 20 ? createHash('sha1').update(`blob ${size}\0`) : undefined;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, signal })) {
    sha256.update(chunk as Buffer);
    git?.update(chunk as Buffer);
    onRead?.((chunk as Buffer).length);
  }
  return { sha256: sha256.digest('hex'), gitOid: git?.digest('hex') ?? '' };
}
