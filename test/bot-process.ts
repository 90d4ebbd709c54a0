import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ChildLines } from './child-lines.ts';
import { running } from './program.ts';

const CHILD = new URL('./bot-child.ts', import.meta.url);

export function temporaryFolder(t: { after(end: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'wuerst-bot-'));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  return folder;
}

/** The bot as a process of its own over a data folder, with an engine that paints pixels. */
export class BotProcess extends ChildLines {
  /** @param launcher a command that runs the one that follows it */
  constructor(
    t: TestContext,
    folder: string,
    env: Readonly<Record<string, string>> = {},
    launcher: readonly string[] = [],
  ) {
    const own = { WUERST_DATA: folder, WUERST_WEB_PORT: '0', WUERST_DRAIN_SECONDS: '1' };
    super(t, [...launcher, process.execPath, ...running(CHILD)], { ...own, ...env });
  }

  async url(): Promise<string> {
    const line = await this.line('ready ');
    if (line === undefined) throw new Error(`the bot ended before it was ready: ${this.lines.join('\n')}`);
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
