import { SingleBar } from 'cli-progress';
import type { PullEvent } from '../pipeline/hub/pull.ts';
import { byteSize } from '../system/byte-size.ts';
import { printableLine } from '../system/printable.ts';

const FORMAT = '{bar} {percentage}% {got} of {size} {path} {state}';

export interface PullProgress {
  show(event: PullEvent): void;
  /** A line above the bars: a retry, a warning. */
  note(line: string): void;
  stop(): void;
}

export interface ProgressStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
}

/** A bar for each file on a terminal; elsewhere one line when a file starts and one when it is complete. */
export function pullProgress(stream: ProgressStream): PullProgress {
  return stream.isTTY ? bars(stream) : lines(stream);
}

function lines(stream: ProgressStream): PullProgress {
  const note = (line: string) => void stream.write(`${printableLine(line)}\n`);
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

/** Files come one after the other. A full bar stays above the next one, however many lines the terminal has. */
function bars(stream: ProgressStream): PullProgress {
  let current: { readonly path: string; readonly bar: SingleBar } | undefined;
  const stop = () => {
    current?.bar.stop();
    current = undefined;
  };
  const barOf = (path: string, size: number) => {
    if (current?.path === path) return current.bar;
    stop();
    const bar = new SingleBar({ stream, format: FORMAT, barsize: 20, hideCursor: true, linewrap: false });
    // An empty file has a bar of one step, so that it can be full.
    bar.start(Math.max(1, size), 0, { path: printableLine(path), size: byteSize(size), got: byteSize(0), state: '' });
    current = { path, bar };
    return bar;
  };
  const note = (line: string) => {
    stop();
    stream.write(`${printableLine(line)}\n`);
  };
  return {
    note,
    stop,
    show(event) {
      if (event.type === 'plan') return note(planLine(event));
      if (event.type === 'twin') return note(twinLine(event));
      const { path, size } = event;
      const done = event.type === 'progress' ? event.done : size;
      const state = event.type === 'landed' ? event.how : event.type === 'progress' ? '' : event.type;
      barOf(path, size).update(event.type === 'progress' ? done : Math.max(1, size), { got: byteSize(done), state });
      if (event.type === 'landed') stop();
    },
  };
}

function planLine({ files, bytes, toFetch }: Extract<PullEvent, { type: 'plan' }>): string {
  const rest = toFetch === 0 ? 'nothing to fetch' : `${byteSize(toFetch)} to fetch`;
  return `${files} files, ${byteSize(bytes)}: ${rest}`;
}

function twinLine({ folder, twin, reason }: Extract<PullEvent, { type: 'twin' }>): string {
  return reason === undefined
    ? `${folder} is the same as ${twin}: not stored twice`
    : `${reason} ${twin} is used instead.`;
}
