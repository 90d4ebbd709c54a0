import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A child process, by the lines that it prints. */
export class ChildLines {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** Called with each line. */
  onLine: (line: string) => void = () => {};
  readonly #waiting = new Set<() => void>();
  #isOver = false;

  /** @param command a program with its arguments */
  constructor(
    t: { after(end: () => unknown): void },
    [program = '', ...args]: readonly string[],
    env: Readonly<Record<string, string>>,
  ) {
    this.child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(() => {
      this.child.kill('SIGKILL');
    });
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        this.#isOver = true;
        for (const wake of this.#waiting) wake();
        resolve({ code, signal });
      });
    });
    const { stdout } = this.child;
    if (stdout === null) throw new Error('expected the output of the child');
    createInterface(stdout).on('line', (line) => {
      this.lines.push(line);
      this.onLine(line);
      for (const wake of this.#waiting) wake();
    });
  }

  /** Resolves with the next line, or with `false` at the end of the process. */
  async next(): Promise<boolean> {
    const before = this.lines.length;
    while (this.lines.length === before) {
      if (this.#isOver) return false;
      await this.#change();
    }
    return true;
  }

  /** The first line, printed now or later, that contains this; `undefined` when the process ends without it. */
  async line(part: string, from = 0): Promise<string | undefined> {
    for (;;) {
      const found = this.lines.slice(from).find((line) => line.includes(part));
      if (found !== undefined || this.#isOver) return found;
      await this.#change();
    }
  }

  #change(): Promise<void> {
    return new Promise<void>((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
    });
  }
}
