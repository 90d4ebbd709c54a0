/**
 * Takes what can wait and runs one piece per turn of the event loop, in order, so that what came in from outside is
 * never behind all of it.
 */
export function createTurns(): (run: () => void) => void {
  const waiting: (() => void)[] = [];

  function next(): void {
    const run = waiting.shift();
    if (waiting.length > 0) setImmediate(next);
    run?.();
  }

  return (run) => {
    waiting.push(run);
    if (waiting.length === 1) setImmediate(next);
  };
}
