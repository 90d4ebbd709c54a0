import { OperatorError, UserError } from '../../system/errors.ts';
import { t, translatable } from '../../texts/translate.ts';
import { EMPTY_REPLY, NOTICE, type Reply } from '../reply.ts';

/** What people are told of an operator's trouble: whether and when to try again. */
const TROUBLES: Readonly<Record<string, readonly [title: string, line: string]>> = {
  database_locked: [translatable('The bot is busy right now.'), translatable('Try again in a moment.')],
  disk_full: [
    translatable('The bot has no room left on its disk, so nothing was done.'),
    translatable('Try again later: whoever runs the bot has to free some space. Earlier requests are kept.'),
  ],
};
const UNKNOWN_TROUBLE = [
  translatable('Something went wrong.'),
  translatable('It has been logged for whoever runs this bot. Trying again may help.'),
] as const;

/** An error as people may see it: only a `UserError` speaks for itself. */
export function errorReply(error: unknown): Reply {
  if (error instanceof UserError) {
    return { ...NOTICE, tone: 'error', title: error.message, lines: error.hint === undefined ? [] : [error.hint] };
  }
  const [title, line] = troubleOf(error);
  return { ...NOTICE, tone: 'error', title, lines: [line] };
}

/** The message of a job that its place no longer allows: nothing of the prompt or the pictures, but the ways to get rid of it. */
export function withheldReply(shown: Reply, refusal: UserError): Reply {
  const { title, lines } = errorReply(refusal);
  const buttons = shown.buttons
    .map((row) => row.filter(({ action }) => /^(?:cancel|delete):/.test(action)))
    .filter((row) => row.length > 0);
  return {
    ...EMPTY_REPLY,
    tone: 'error',
    title: t('This is not shown here any more'),
    lines: [title, ...lines],
    buttons,
  };
}

/** What is told of an error that does not speak for itself. */
export function troubleOf(error: unknown): readonly [title: string, line: string] {
  const [title, line] = (error instanceof OperatorError && TROUBLES[error.code]) || UNKNOWN_TROUBLE;
  return [t(title), t(line)];
}
