import { MultiBar, type SingleBar } from 'cli-progress';
import { byteSize } from './byte-size.ts';
import type { PullEvent } from './pull.ts';

export interface PullProgress {
  show(event: PullEvent): void;
  /** A line above the bars: a retry, a warning. */
  note(line: string): void;
  stop(): void;
}

export interface ProgressStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
}

/** A bar per file on a terminal; elsewhere one line when a file starts and one when it is there. */
export function pullProgress(stream: ProgressStream): PullProgress {
  return stream.isTTY ? bars(stream) : lines(stream);
}

function lines(stream: ProgressStream): PullProgress {
  const note = (line: string) => void stream.write(`${line}\n`);
  let current = '';
  return {
    note,
    stop: () => {},
    show(event) {
      if (event.type === 'plan') note(planLine(event));
      if (event.type === 'twin') note(twinLine(event));
      if (event.type === 'progress' && event.path !== current) {
        current = event.path;
        const from = event.done > 0 ? ` from ${byteSize(event.done)} on` : '';
        note(`fetching ${event.path}, ${byteSize(event.size)}${from}`);
      }
      if (event.type === 'landed' && event.how !== 'kept') note(`${event.how} ${event.path}`);
    },
  };
}

function bars(stream: ProgressStream): PullProgress {
  const multi = new MultiBar(
    {
      stream,
      format: '{bar} {percentage}% {got} of {size} {state} {path}',
      barsize: 20,
      hideCursor: true,
      clearOnComplete: false,
      linewrap: false,
    },
    undefined,
  );
  const byPath = new Map<string, SingleBar>();
  const barOf = (path: string, size: number) => {
    const known = byPath.get(path);
    if (known) return known;
    const bar = multi.create(Math.max(1, size), 0, { path, size: byteSize(size), got: byteSize(0), state: '' });
    byPath.set(path, bar);
    return bar;
  };
  return {
    note: (line) => multi.log(`${line}\n`),
    stop: () => multi.stop(),
    show(event) {
      if (event.type === 'plan') return multi.log(`${planLine(event)}\n`);
      if (event.type === 'twin') return multi.log(`${twinLine(event)}\n`);
      const { path, size } = event;
      const done = event.type === 'progress' ? event.done : size;
      const state = event.type === 'landed' ? event.how : event.type;
      // An empty file has a bar of one step, so that it can be full.
      const shown = event.type === 'progress' ? done : Math.max(1, size);
      barOf(path, size).update(shown, { got: byteSize(done), state });
    },
  };
}

function planLine({ files, bytes, toFetch }: Extract<PullEvent, { type: 'plan' }>): string {
  const rest = toFetch === 0 ? 'all of it is here' : `${byteSize(toFetch)} to fetch`;
  return `${files} files, ${byteSize(bytes)}: ${rest}`;
}

function twinLine({ folder, twin, reason }: Extract<PullEvent, { type: 'twin' }>): string {
  return reason === undefined
    ? `${folder} is the same as ${twin}: not stored twice`
    : `${reason}: ${twin} serves instead`;
}
