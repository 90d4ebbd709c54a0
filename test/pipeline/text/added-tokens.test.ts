import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { ClipTokenizer } from '../../../src/pipeline/text/tokenizer.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const REFERENCE = join(import.meta.dirname, '../../fixtures/reference/tokenizer');

test('added_tokens.json and additional_special_tokens are read as transformers reads them', async (t) => {
  const dir = await temporaryFolder(t);
  for (const name of ['vocab.json', 'merges.txt']) {
    await writeFile(join(dir, name), gunzipSync(await readFile(join(REFERENCE, `${name}.gz`))));
  }
  await writeFile(join(dir, 'added_tokens.json'), '{"<thing>":49408,"plus":49409}');
  await writeFile(join(dir, 'tokenizer_config.json'), '{"additional_special_tokens":["<thing>","<Other>"]}');
  const tokenizer = await ClipTokenizer.load(dir);
  const { inputIds, attentionMask } = tokenizer.encode('a <thing> and <Other> plus surplus fox');
  // As transformers 5.18 gave them.
  const wanted = [49406, 320, 49408, 537, 49410, 49409, 7123, 49409, 3240, 49407];
  assert.deepEqual([...inputIds.slice(0, Number(attentionMask.reduce((a, b) => a + b)))].map(Number), wanted);
  assert.equal(tokenizer.vocabSize, 49411);
});
