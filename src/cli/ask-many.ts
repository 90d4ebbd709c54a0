import type { ImagineRequest } from '../bot/job.ts';
import { DEFAULT_LIMITS } from '../bot/request-limits.ts';
import { UserError } from '../system/errors.ts';
import { typedCommand } from './own-command.ts';

/** Braces that make more pictures than one request may have are asked about. */
const UNASKED = DEFAULT_LIMITS.maxImages;

/**
 * Asks before braces make many pictures.
 *
 * @throws UserError `many_pictures` where the answer is no, and where nobody can answer
 */
export async function askBeforeMany(
  requests: readonly ImagineRequest[],
  yes: boolean,
  signal: AbortSignal,
): Promise<void> {
  const pictures = requests.reduce((sum, { n }) => sum + n, 0);
  if (yes || requests.length === 1 || pictures <= UNASKED) return;
  const made = `The braces make ${requests.length} requests, ${pictures} pictures in all`;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new UserError('many_pictures', `${made}, which needs a yes when more than ${UNASKED} are made.`, {
      hint: `Write \\{ for a brace that is text. To paint them, try: ${typedCommand()} --yes`,
    });
  }
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${made}. Paint them? [y/N] `, { signal });
    if (!/^y(?:es)?$/i.test(answer.trim())) throw new UserError('many_pictures', 'Nothing was painted.');
  } finally {
    terminal.close();
  }
}
