import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import { createWebAdapter } from '../../../src/adapters/web/server/adapter.ts';
import { createWebApp } from '../../../src/adapters/web/server/app.ts';
import { type WebAdapterOptions, type WebOptions, webOptions } from '../../../src/adapters/web/server/options.ts';
import { FakeCore } from './fake-core.ts';

export const SILENT = pino({ level: 'silent' });

/** The options that people would set so; by default on any free port. */
export function optionsFrom(typed: Parameters<typeof webOptions.parse>[0] & object = {}): WebOptions {
  const options = webOptions.parse({ port: '0', ...typed });
  assert.ok(options);
  return options;
}

/** All of these clean up after the test. */
export async function fakeCore(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'wuerst-web-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return { core: new FakeCore(folder) };
}

/** The app over a fake core, without a socket. */
export async function appOverFake(t: TestContext, options: Partial<WebAdapterOptions> = {}) {
  const { core } = await fakeCore(t);
  const { app, close } = createWebApp(core, { ...optionsFrom(), logger: SILENT, ...options });
  t.after(close);
  return { core, app };
}

/** The same on a real port. */
export async function serveFake(t: TestContext, options: Partial<WebAdapterOptions> = {}) {
  const { core } = await fakeCore(t);
  const adapter = createWebAdapter({ ...optionsFrom(), logger: SILENT, ...options });
  await adapter.start(core);
  t.after(() => adapter.stop(200));
  return { core, adapter, url: adapter.url };
}
