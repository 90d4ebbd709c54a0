export interface WuerstErrorOptions {
  /** What is allowed and a corrected example, in one or two sentences. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * `code` is stable and machine-readable (snake_case, e.g. `width_out_of_range`); the message says what was expected and
 * what came.
 */
abstract class WuerstError extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, { hint, cause }: WuerstErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.hint = hint;
  }
}

/** Something the person asking can fix: its message and hint are safe and useful to show. */
export class UserError extends WuerstError {
  override readonly name = 'UserError';
}

/** A UserError that says `Expected ${wanted}, got ${got}.` */
export function expected(code: string, wanted: string, got: unknown, hint?: string): UserError {
  return new UserError(code, `Expected ${wanted}, got ${got}.`, hint === undefined ? {} : { hint });
}

/** Something only the operator can fix: logged with its cause, shown to users as "something went wrong here". */
export class OperatorError extends WuerstError {
  override readonly name = 'OperatorError';
}
