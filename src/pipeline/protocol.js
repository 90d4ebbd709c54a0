import { OperatorError, UserError } from '../errors.js';
/** To be thrown by an engine whose provider is gone for good (a lost device): the process ends and is replaced. */
export class EngineLost extends Error {
  name = 'EngineLost';
}
export function reportError(error, cancelled) {
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  if (cancelled) return { kind: 'cancelled', code: 'cancelled', message, hint: null, stack };
  if (error instanceof UserError || error instanceof OperatorError) {
    const kind = error instanceof UserError ? 'user' : 'operator';
    return { kind, code: error.code, message, hint: error.hint ?? null, stack };
  }
  return { kind: 'unexpected', code: 'pipeline_failed', message, hint: null, stack };
}
/** The error that `reportError` described, with the stack of the other process as its cause. */
export function errorFrom({ kind, code, message, hint, stack }) {
  const options = { cause: stack, ...(hint === null ? {} : { hint }) };
  return kind === 'user' ? new UserError(code, message, options) : new OperatorError(code, message, options);
}
