import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LoraFolder } from '../../../src/pipeline/lora/lora-folder.ts';

test('what is no file, or cannot be read, hides no LoRA beside it', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'wuerst-loras-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const folder = new LoraFolder(dir);
  await folder.refresh();
  assert.deepEqual(folder.known, []);
  for (const name of ['ink.safetensors', 'OLD.SAFETENSORS', 'film, grain.safetensors'])
    writeFileSync(join(dir, name), name);
  for (const name of ['a:b.safetensors', '.safetensors', '._ink.safetensors', 'notes.txt'])
    writeFileSync(join(dir, name), name);
  mkdirSync(join(dir, 'folder.safetensors'));
  symlinkSync(join(dir, 'loop.safetensors'), join(dir, 'loop.safetensors'));
  symlinkSync(join(dir, 'gone'), join(dir, 'broken.safetensors'));
  await folder.refresh();
  assert.deepEqual(
    folder.known.map(({ name }) => name),
    ['OLD', 'film, grain', 'ink'],
  );
  const hash = createHash('sha256').update('ink.safetensors').digest('hex');
  assert.equal((await folder.fileOf({ name: 'another name', hash, weight: 1 })).name, 'ink');
});
