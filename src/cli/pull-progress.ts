import { SingleBar } from 'cli-progress';
import type { PullEvent } from '../pipeline/hub/pull.ts';
import { byteSize } from '../system/byte-size.ts';
import { printableLine } from '../system/printable.ts';
import { t, translatable } from '../texts/translate.ts';

const FORMAT = '{bar} {percentage}% {amount} {path} {state}';

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
        const { path, done } = event;
        const size = byteSize(event.size);
        note(
          done > 0
            ? t('fetching {path}, {size} from {done} on', { path, size, done: byteSize(done) })
            : t('fetching {path}, {size}', { path, size }),
        );
      }
      if (event.type === 'landed' && event.how !== 'kept') note(landedLine(event));
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
    bar.start(Math.max(1, size), 0, { path: printableLine(path), amount: amountOf(0, size), state: '' });
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
      const state = event.type === 'progress' ? '' : t(STATES[event.type === 'landed' ? event.how : event.type]);
      barOf(path, size).update(event.type === 'progress' ? done : Math.max(1, size), {
        amount: amountOf(done, size),
        state,
      });
      if (event.type === 'landed') stop();
    },
  };
}

function planLine({ files, bytes, toFetch }: Extract<PullEvent, { type: 'plan' }>): string {
  const values = { count: files, size: byteSize(bytes) };
  if (toFetch === 0) {
    return t('{count} file, {size}: nothing to fetch | {count} files, {size}: nothing to fetch', values);
  }
  return t('{count} file, {size}: {rest} to fetch | {count} files, {size}: {rest} to fetch', {
    ...values,
    rest: byteSize(toFetch),
  });
}

function twinLine({ folder, twin, reason }: Extract<PullEvent, { type: 'twin' }>): string {
  return reason === undefined
    ? t('{folder} is the same as {twin}: not stored twice', { folder, twin })
    : t('{reason} {twin} is used instead.', { reason, twin });
}

const STATES = {
  fetched: translatable('fetched'),
  copied: translatable('copied'),
  kept: translatable('kept'),
  checking: translatable('checking'),
} as const;

function landedLine({ how, path }: Extract<PullEvent, { type: 'landed' }>): string {
  return how === 'copied' ? t('copied {path}', { path }) : t('fetched {path}', { path });
}

function amountOf(done: number, size: number): string {
  return t('{done} of {size}', { done: byteSize(done), size: byteSize(size) });
}
