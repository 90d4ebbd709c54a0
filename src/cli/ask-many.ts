import type { ImagineRequest } from '../bot/job.ts';
import { DEFAULT_LIMITS } from '../bot/request-limits.ts';
import { UserError } from '../system/errors.ts';
import { t } from '../texts/translate.ts';
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
  const made = { requests: requests.length, pictures };
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    const message = t(
      'The braces make {requests} requests, {pictures} pictures in all, which needs a yes when more than {unasked} are made.',
      { ...made, unasked: UNASKED },
    );
    throw new UserError('many_pictures', message, {
      hint: t('Write {brace} for a brace that is text. To paint them, try: {command}', {
        brace: '\\{',
        command: `${typedCommand()} --yes`,
      }),
    });
  }
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const question = t('The braces make {requests} requests, {pictures} pictures in all. Paint them? [y/N]', made);
    const answer = await terminal.question(`${question} `, { signal });
    if (!isYes(answer.trim())) throw new UserError('many_pictures', t('Nothing was painted.'));
  } finally {
    terminal.close();
  }
}

/** The English answer is understood in every language. */
function isYes(answer: string): boolean {
  const own = t('y, yes').split(/,\s*/);
  return ['y', 'yes', ...own].includes(answer.toLowerCase());
}
