import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Runs the command that follows as process 1 of a namespace of its own, as a container does. */
export const AS_FIRST_PROCESS: readonly string[] = [
  'unshare',
  ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']),
  ...['--pid', '--fork', '--kill-child', '--mount-proc'],
];

/** The process below one that was started with `AS_FIRST_PROCESS`, as this namespace counts. */
export function firstProcess({ pid = 0 }: ChildProcess): number {
  const [first] = childrenOf(pid);
  if (first === undefined) throw new Error(`expected a child of process ${pid}`);
  return first.pid;
}

/** @returns each with its state, such as `Z` for one that has ended and that nobody has asked about */
export function childrenOf(parent: number): readonly { readonly pid: number; readonly state: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const [, state = '', ppid] = /^.*\) (\w) (\d+)/.exec(statOf(name)) ?? [];
      return Number(ppid) === parent ? [{ pid: Number(name), state }] : [];
    });
}

/** Empty when the process has gone meanwhile. */
function statOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return '';
  }
}
