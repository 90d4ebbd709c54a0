import { OperatorError, UserError } from '../../system/errors.ts';
import { reasonOf } from '../../system/foreign-words.ts';
import { SqliteError } from '../../system/sqlite.ts';
import { t } from '../../texts/translate.ts';

interface Explanation {
  readonly code: string;
  readonly message: (path: string) => string;
  readonly hint: () => string;
}

const EXPLANATIONS: readonly (readonly [pattern: RegExp, explanation: Explanation])[] = [
  [
    /^SQLITE_(BUSY|LOCKED)/,
    {
      code: 'database_locked',
      message: (path) => t('The database {path} is locked by another program.', { path }),
      hint: () => t('Stop the other program (a second bot, a database browser), then try again.'),
    },
  ],
  [
    /^(SQLITE_(READONLY|CANTOPEN|PERM|AUTH)|EACCES|EPERM|EROFS|EISDIR|ENOTDIR|EEXIST)/,
    {
      code: 'database_unwritable',
      message: (path) => t('The database {path} cannot be opened for writing.', { path }),
      hint: () =>
        t(
          'Give the user that runs the bot the right to write this file and its folder, or choose another folder with WUERST_DATA.',
        ),
    },
  ],
  [
    /^SQLITE_(CORRUPT|NOTADB|FORMAT)/,
    {
      code: 'database_corrupt',
      message: (path) => t('The database {path} is damaged or not a database.', { path }),
      hint: () => t('Restore the newest backup (`wuerst backup` makes them), or move the file away to start empty.'),
    },
  ],
  [
    /^(SQLITE_FULL|ENOSPC|EDQUOT)/,
    {
      code: 'disk_full',
      message: (path) => t('The database {path} cannot grow: the disk is full.', { path }),
      hint: () => t('Free some space; what was stored before is safe.'),
    },
  ],
  [
    /^SQLITE_IOERR|^EIO/,
    {
      code: 'database_io',
      message: (path) => t('The database {path} cannot be read or written.', { path }),
      hint: () => t('Check the disk and its free space, then start again.'),
    },
  ],
];

/** An `OperatorError` for a failure of SQLite or of the file system under it; other errors are returned as they are. */
export function explainDatabaseError(error: unknown, path: string): unknown {
  if (error instanceof OperatorError || error instanceof UserError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known = EXPLANATIONS.find(([pattern]) => pattern.test(code))?.[1];
  if (known !== undefined) {
    return new OperatorError(known.code, () => known.message(path), { hint: known.hint, cause: error });
  }
  if (!(error instanceof SqliteError)) return error;
  return new OperatorError(
    'database_failed',
    () => t('The database {path} refused a statement: {reason}.', { path, reason: reasonOf(error) }),
    { hint: () => t('This is a bug in the program: please report it with the log.'), cause: error },
  );
}
