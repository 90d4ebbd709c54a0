import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

const SRC = join(import.meta.dirname, '../src');

function* imports(): Generator<{ from: string; to: string }> {
  for (const entry of readdirSync(SRC, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
    const file = join(entry.parentPath, entry.name);
    for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
      yield { from: relative(SRC, file), to: relative(SRC, join(dirname(file), target)) };
    }
  }
}

test('imports point one way: adapters → bot → pipeline client and protocol', () => {
  const all = [...imports()];
  assert.ok(all.length > 100);
  /** All that the bot knows of the pipeline: data and the handle on its process, never the networks. */
  const pipelineForBot = /^pipeline\/(client|protocol|pipeline-errors|preview|image-file|parameters|scheduler)\.ts$/;
  const wrong = all.filter(({ from, to }) => {
    if (from.startsWith('pipeline/')) return /^(bot|adapters|models)\//.test(to);
    if (from.startsWith('bot/'))
      return to.startsWith('adapters/')
        ? to !== 'adapters/adapter.ts'
        : to.startsWith('pipeline/') && !pipelineForBot.test(to);
    if (from.startsWith('adapters/')) return to.startsWith('pipeline/');
    return false;
  });
  assert.deepEqual(wrong, []);
});
