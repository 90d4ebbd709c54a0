import { constants } from 'node:os';

/** Ctrl-C within this time after the first signal is the same one: npm passes on what the terminal has sent to all. */
const SAME_MS = 1000;
const LAUNCHER_POLL_MS = 200;
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/**
 * Calls `stop` once, when this process is asked to end: by SIGTERM, Ctrl-C, a closed terminal, or the end of the npm or
 * npx that it was started with. Further signals are ignored, except that a later Ctrl-C ends the process at once.
 *
 * @returns a function that ends this
 */
export function onStopSignal(stop: (reason: string) => void): () => void {
  let since: number | undefined;
  const onSignal = (reason: string) => {
    if (since === undefined) {
      since = performance.now();
      stop(reason);
    } else if (reason === 'SIGINT' && performance.now() - since > SAME_MS) process.exit(130);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const leave = watchLauncher(() => onSignal('the end of npm'));
  return () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    leave();
  };
}

/**
 * Gives signals back their usual meaning in process 1 of a container, for which the kernel drops every signal that it does not
 * handle: without other listeners they end the process.
 */
export function endOnSignalsAsFirstProcess(): void {
  if (process.pid !== 1) return;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit(128 + constants.signals[signal]);
    });
  }
}

/** npm and npx pass SIGTERM on to their shell, which ends without telling this process. */
function watchLauncher(ended: () => void): () => void {
  if (!['start', 'imagine', 'npx'].includes(process.env.npm_lifecycle_event ?? '')) return () => {};
  const launcher = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid !== launcher) ended();
  }, LAUNCHER_POLL_MS).unref();
  return () => clearInterval(timer);
}
