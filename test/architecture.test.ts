import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

const SRC = join(import.meta.dirname, '../src');

/** From the roof down. A file may import from its own folder and from what stands below it here. */
const FLOORS = [
  'cli.ts',
  'cli/bench',
  'cli',
  'main.ts',
  'compose.ts',
  'operations.ts',
  'config.ts',
  'metrics.ts',
  'workers/bot',
  'workers/worker',
  'adapters/api',
  'adapters/api/openai',
  'adapters/api/a1111',
  'adapters/api/webhooks',
  'adapters/api/mcp',
  'adapters/api/serving',
  'adapters/web/server',
  'adapters/discord',
  'adapters/discord/connection',
  'adapters/discord/interactions',
  'adapters/discord/messages',
  'adapters/discord/rest',
  'adapters/discord/commands',
  'adapters/slack',
  'adapters/slack/connection',
  'adapters/slack/interactions',
  'adapters/slack/messages',
  'adapters/slack/web-api',
  'adapters/delivery',
  'adapters',
  'bot/studio',
  'bot/replies',
  'bot/jobs',
  'bot/rules',
  'bot/prompts',
  'bot/history',
  'bot/queue',
  'bot/keys',
  'bot/command',
  'bot',
  'marking',
  'workers',
  'models',
  'models/classifier',
  'pipeline',
  'pipeline/engine',
  'pipeline/pipelines',
  'pipeline/hub',
  'pipeline/text',
  'pipeline/networks',
  'pipeline/lora',
  'pipeline/derived-weights',
  'pipeline/runtime',
  'pipeline/graph',
  'pipeline/checkpoint',
  'pipeline/process',
  'pipeline/images',
  'pipeline/math',
  'system',
  'texts',
];

interface Import {
  readonly from: string;
  readonly to: string;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

const imports: readonly Import[] = files.flatMap((from) =>
  [...readFileSync(join(SRC, from), 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, target = '']) => ({
    from,
    to: relative(SRC, join(SRC, dirname(from), target)),
  })),
);

/** The folder that a file is in; files beside `cli.ts` stand for themselves, and routes belong to their server. */
function folderOf(file: string): string {
  const folder = dirname(file);
  if (folder === '.') return file;
  return folder === 'adapters/web/server/routes' ? 'adapters/web/server' : folder;
}

test('every folder has its floor', () => {
  assert.ok(imports.length > 500);
  const folders = new Set(files.map(folderOf));
  assert.deepEqual([...folders].sort(), [...FLOORS].sort());
});

test('no folder imports upward', () => {
  const upward = imports.filter(({ from, to }) => FLOORS.indexOf(folderOf(to)) < FLOORS.indexOf(folderOf(from)));
  assert.deepEqual(upward, []);
});

test('the two chat platforms do not know each other, nor the web chat', () => {
  const platforms = ['discord', 'slack', 'web'];
  const platformOf = (file: string) => platforms.find((name) => file.startsWith(`adapters/${name}/`));
  const across = imports.filter(
    ({ from, to }) => platformOf(from) && platformOf(to) && platformOf(from) !== platformOf(to),
  );
  assert.deepEqual(across, []);
});

test('the bot knows of the pipeline only its process and numbers, adapters know nothing of it', () => {
  const known = /^pipeline\/(process|math|images)\//;
  const wrong = imports.filter(({ from, to }) => {
    if (!to.startsWith('pipeline/')) return false;
    return from.startsWith('adapters/') || (from.startsWith('bot/') && !known.test(to));
  });
  assert.deepEqual(wrong, []);
});

test('SQLite is opened in one place, where nothing of it becomes garbage: Node 24 ends a process that collects it', () => {
  const importers = files.filter((file) => /better-sqlite3'/.test(readFileSync(join(SRC, file), 'utf8')));
  assert.deepEqual(importers, ['system/sqlite.ts']);
});

test('no files import each other in a circle', () => {
  const targets = new Map(files.map((file) => [file, imports.filter(({ from }) => from === file).map(({ to }) => to)]));
  const done = new Set<string>();
  const circles: string[][] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file]);
    else if (!done.has(file)) {
      for (const target of targets.get(file) ?? []) visit(target, [...path, file]);
      done.add(file);
    }
  };
  for (const file of files) visit(file, []);
  assert.deepEqual(circles, []);
});
