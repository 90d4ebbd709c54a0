export interface WuerstErrorOptions {
  /** What is allowed and a corrected example, in one or two sentences. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * Something the person asking can mend: its message and hint are safe and useful to show.
 *
 * `code` is stable and machine-readable (snake_case, e.g. `width_out_of_range`); the message says what was
 * expected and what came.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: WuerstErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}

/** Something only the operator can mend: logged with its cause, shown to users as "something went wrong here". */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: WuerstErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}
