import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openPromptFolder } from '../../../src/bot/prompts/prompt-folder.ts';
import { temporaryFolder } from '../history/history-fixture.ts';

test('a file that cannot be read takes none of the others away, and is told of', (t) => {
  const data = temporaryFolder(t);
  for (const folder of ['presets', 'wildcards']) {
    mkdirSync(join(data, folder));
    symlinkSync(join(data, folder, 'loop'), join(data, folder, 'loop'));
    for (const name of ['loop.csv', 'loop.txt']) symlinkSync(join(data, folder, 'loop'), join(data, folder, name));
    for (const name of ['folder.csv', 'folder.txt']) mkdirSync(join(data, folder, name));
  }
  writeFileSync(join(data, 'presets/styles.csv'), 'name;prompt\nnight;{prompt} at night\n', 'utf16le');
  writeFileSync(join(data, 'presets/marked.csv'), '\uFEFFname;prompt\r\nday;{prompt} by day\r\n', 'utf16le');
  writeFileSync(join(data, 'presets/damaged.json'), '{');
  writeFileSync(join(data, 'wildcards/colour.txt'), '\uFEFFred\r\nblue', 'utf16le');
  const problems: string[] = [];
  const { presets, wildcards } = openPromptFolder(data, (_, file) => problems.push(file));
  assert.deepEqual(presets.names, ['day']);
  assert.equal(presets.get('day')?.prompt, '{prompt} by day');
  assert.match(wildcards.get('colour') ?? '', /^\uFEFF?red\r\nblue$/);
  assert.equal(wildcards.get('folder'), undefined);
  assert.equal(wildcards.get('loop'), undefined);
  assert.deepEqual(
    [...new Set(problems)].map((file) => file.slice(data.length + 1)).sort(),
    ['damaged.json', 'folder.csv', 'loop.csv', 'styles.csv']
      .map((name) => `presets/${name}`)
      .concat('wildcards/folder.txt', 'wildcards/loop.txt'),
  );
});
