/** How the pipeline process ended, or was ended. */
export interface Ending {
  readonly reason: 'exit' | 'signal' | 'hung' | 'stopped' | 'not-started';
  readonly code: number | null;
  readonly signal: string | null;
  /** The blocking call it was in, as announced; `null` outside of one. */
  readonly call: string | null;
  /** The last that it wrote to its outputs. */
  readonly output: string;
}

/** The process that was working on this request ended: the request may be the cause, or was only there. */
export class PipelineCrashed extends Error {
  override readonly name = 'PipelineCrashed';
  readonly code = 'pipeline_crashed';
  readonly ending: Ending;

  constructor(ending: Ending) {
    const where = ending.call === null ? '' : ` during ${ending.call}`;
    super(`The pipeline process ${describeEnding(ending)}${where}.`, { cause: ending.output });
    this.ending = ending;
  }
}

/** The client was stopped before this request was done: it may be made again by the next one. */
export class PipelineStopped extends Error {
  override readonly name = 'PipelineStopped';
  readonly code = 'pipeline_stopped';
  /** Whether the request may have caused it: not where nobody has begun with it, or the operator has ended that. */
  readonly counts: boolean;

  constructor({ counts = true }: { readonly counts?: boolean } = {}) {
    super('The pipeline was stopped before the request was done.');
    this.counts = counts;
  }
}

/**
 * Whether a process ended because memory ran out, as far as can be told: the system kills whoever takes the last of
 * it, and libraries abort that get none.
 */
export function ranOutOfMemory({ reason, code, signal, output }: Ending): boolean {
  if (reason === 'signal' && signal === 'SIGKILL') return true;
  const aborted = (reason === 'signal' && signal === 'SIGABRT') || (reason === 'exit' && code === 134);
  return aborted && /bad_alloc|out of memory|allocation failed/i.test(output);
}

function describeEnding({ reason, code, signal }: Ending): string {
  if (reason === 'hung') return 'did not come back in time and was replaced';
  if (reason === 'stopped') return 'was stopped';
  if (reason === 'not-started') return 'could not be started';
  return signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
}
