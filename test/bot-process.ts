import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('./bot-child.ts', import.meta.url));

export function temporaryFolder(t: { after(end: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'wuerst-bot-'));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  return folder;
}

/** The bot as a process of its own over a data folder, with an engine that paints pixels. */
export class BotProcess {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** Called with each line that it prints. */
  onLine: (line: string) => void = () => {};
  readonly #waiting = new Set<() => void>();
  #isOver = false;

  /** @param launcher a command that runs the one that follows it */
  constructor(
    t: TestContext,
    folder: string,
    env: Readonly<Record<string, string>> = {},
    launcher: readonly string[] = [],
  ) {
    const [file = '', ...args] = [...launcher, process.execPath, '--import', 'tsx', CHILD];
    this.child = spawn(file, args, {
      env: { ...process.env, WUERST_DATA: folder, WUERST_WEB_PORT: '0', WUERST_DRAIN_SECONDS: '1', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => this.child.kill('SIGKILL'));
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        this.#isOver = true;
        for (const wake of this.#waiting) wake();
        resolve({ code, signal });
      });
    });
    const { stdout } = this.child;
    if (stdout === null) throw new Error('expected the output of the bot');
    createInterface(stdout).on('line', (line) => {
      this.lines.push(line);
      this.onLine(line);
      for (const wake of this.#waiting) wake();
    });
  }

  /** The first line, printed now or later, that starts so; `null` when the process ends without it. */
  async line(start: string): Promise<string | null> {
    for (;;) {
      const found = this.lines.find((line) => line.startsWith(start));
      if (found !== undefined) return found;
      if (this.#isOver) return null;
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  async url(): Promise<string> {
    const line = await this.line('ready ');
    if (line === null) throw new Error(`the bot ended before it was ready: ${this.lines.join('\n')}`);
    return line.slice('ready '.length);
  }
}

export async function post(url: string, path: string, body: unknown, key?: string): Promise<unknown> {
  const response = await fetch(new URL(path, url), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...(key === undefined ? {} : { 'Idempotency-Key': key }) },
    body: JSON.stringify(body),
  });
  return response.json();
}
