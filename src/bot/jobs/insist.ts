import { type Clock, pause } from '../../system/clock.ts';

export interface InsistOptions {
  readonly clock: Clock;
  /** Aborted when the bot stops: what fails then is not tried again. */
  readonly stopping: AbortSignal;
  /** Tells the operator what went wrong with what. */
  readonly onProblem: (error: unknown, what: string) => void;
  /** What is to be stored. */
  readonly what: string;
  /** Whether another try may succeed. @default always */
  readonly mayPass?: (error: unknown) => boolean;
}

export const FIRST_RETRY_MS = 1000;
export const MAX_RETRY_MS = 30_000;

/** Repeats `work` at growing intervals until it succeeds, its error is not one that `mayPass`, or the bot stops. */
export async function insist<T>(options: InsistOptions, work: () => T | Promise<T>): Promise<T> {
  const { clock, stopping, onProblem, what, mayPass = () => true } = options;
  for (let wait = FIRST_RETRY_MS; ; wait = Math.min(MAX_RETRY_MS, wait * 2)) {
    try {
      return await work();
    } catch (error) {
      if (!mayPass(error) || stopping.aborted) throw error;
      onProblem(error, `${what} cannot be stored yet`);
      await pause(clock, wait, stopping);
    }
  }
}
