import { inStandardLanguage } from '../texts/language.ts';

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

export interface UserErrorOptions extends WuerstErrorOptions {
  /** Whole seconds after which the same may be asked for again; the hint says so, too. @default waiting helps nothing, or nobody knows how long */
  readonly retryAfter?: number | undefined;
}

/** Something the person asking can fix: its message and hint are safe and useful to show. */
export class UserError extends WuerstError {
  override readonly name = 'UserError';
  readonly retryAfter: number | undefined;

  constructor(code: string, message: string, { retryAfter, ...options }: UserErrorOptions = {}) {
    super(code, message, options);
    this.retryAfter = retryAfter;
  }
}

/** A UserError that says `Expected ${wanted}, got ${got}.` */
export function expected(code: string, wanted: string, got: unknown, hint?: string): UserError {
  return new UserError(code, `Expected ${wanted}, got ${got}.`, hint === undefined ? {} : { hint });
}

/** Calls `t`: the operator reads the program's own language, whoever asked for what failed. */
export type OperatorText = () => string;

/** An engine written in JavaScript may give plain words, which no compiler refuses. */
function asText(text: OperatorText): OperatorText {
  return typeof text === 'function' ? text : () => String(text);
}

export interface OperatorErrorOptions {
  /** What is allowed and a corrected example, in one or two sentences. */
  readonly hint?: OperatorText | undefined;
  readonly cause?: unknown;
}

/** Something only the operator can fix: logged with its cause, shown to users as "something went wrong here". */
export class OperatorError extends WuerstError {
  override readonly name = 'OperatorError';
  readonly texts: { readonly message: OperatorText; readonly hint: OperatorText | undefined };

  constructor(code: string, message: OperatorText, { hint, cause }: OperatorErrorOptions = {}) {
    const texts = { message: asText(message), hint: hint === undefined ? undefined : asText(hint) };
    super(code, inStandardLanguage(texts.message), {
      cause,
      ...(texts.hint === undefined ? {} : { hint: inStandardLanguage(texts.hint) }),
    });
    this.texts = texts;
  }

  /** The same, in the language that the program speaks now. */
  again(): OperatorError {
    const { message, hint } = this.texts;
    return new OperatorError(this.code, message, { hint, cause: this.cause });
  }

  /** The same, in the language of whoever reads it now. */
  get told(): { readonly message: string; readonly hint: string | undefined } {
    const { message, hint } = this.texts;
    return { message: message(), hint: hint?.() };
  }
}
