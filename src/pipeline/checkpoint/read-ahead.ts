import { startThread } from '../../system/thread.ts';

// Beside this file, in the sources as in the built package.
const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? './read-ahead-thread.ts' : './read-ahead-thread.js',
  import.meta.url,
);

/**
 * Brings files into the system's cache, so that mapping them later does not wait for the disk.
 *
 * @param files a file that cannot be read is skipped: its user will report it
 * @returns a function that ends the reading early
 */
export function readAhead(files: readonly string[]): () => void {
  if (files.length === 0) return () => {};
  const thread = startThread(THREAD, [...files]);
  thread.on('error', () => {});
  thread.unref();
  return () => void thread.terminate();
}
