/** Time as an argument, so that tests need not wait. */
export interface Clock {
  /** Milliseconds since 1970, to be stored and shown. It jumps when the machine's clock is set, so nothing waits by it. */
  now(): number;
  /** Milliseconds since some moment, for durations and deadlines of this process: it only ever goes on. */
  monotonic(): number;
  /** Calls `run` once after `ms`; returns a function that cancels it. */
  after(ms: number, run: () => void): () => void;
}

/** A pending timer keeps the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** Of a long wait in which the process stood still, this much counts, in milliseconds. */
const SLICE_MS = 1000;

/**
 * As `clock.after`, but only time counts in which this process ran. Hours in which the machine slept, or the process was
 * stopped, make nobody late.
 */
export function afterRunning(clock: Clock, ms: number, run: () => void): () => void {
  let left = ms;
  let callOff = () => {};
  const next = () => {
    const slice = Math.min(left, SLICE_MS);
    left -= slice;
    callOff = clock.after(slice, left > 0 ? next : run);
  };
  next();
  return () => callOff();
}

/** Resolves after `ms`, or as soon as `signal` is aborted. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const callOff = clock.after(ms, () => {
      signal?.removeEventListener('abort', end);
      resolve();
    });
    const end = () => {
      callOff();
      resolve();
    };
    signal?.addEventListener('abort', end, { once: true });
  });
}

/** Whether `work` was done within `ms` of real time. Rejects as `work` does. */
export async function doneWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
