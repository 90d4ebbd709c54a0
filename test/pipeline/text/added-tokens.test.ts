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

/**
 * What transformers 5.18's CLIPTokenizer makes of these texts over the same vocabulary, between start and end, with the tokens
 * below in `added_tokens_decoder`.
 */
const SINGLE_WORDS: readonly (readonly [string, readonly number[]])[] = [
  ['a sks fox', [320, 49408, 3240]],
  ['a masks fox', [320, 19055, 3240]],
  ['sks, sks-fox sks_fox sks1 \u{e9}sks', [49408, 267, 49408, 268, 3240, 48136, 318, 3240, 48136, 272, 3459, 48136]],
  ['skss sks', [909, 632, 49408]],
  ['a PLUS plus surplus Plus! pluses', [320, 49409, 335, 49411, 1090, 335, 49411, 335, 49411, 256, 335, 49411, 542]],
  ['a <x> fox a<x> <x>b  <x>  c', [320, 49410, 3240, 320, 283, 343, 285, 283, 343, 285, 321, 49410, 322]],
  ['sks dog sks dogs', [49412, 48136, 3255]],
  ['the \u{8d64}sks \u{8d64} sks', [518, 164, 113, 97, 48136, 164, 113, 353, 49408]],
  ['plus<x>plus', [335, 49411, 283, 343, 285, 335, 49411]],
  ['asks dog', [7953, 1929]],
  ['a  sks\u{301} fox', [320, 909, 129, 505, 3240]],
  ['sks\u{200d}x', [48136, 728, 491, 343]],
  ['sks\u{1f43c}', [49408, 46234]],
  ['\u{1d538}sks', [6874, 242, 116, 48136]],
  ['<x>\u{a0}sks\u{3000}<x>\u{feff}a', [49410, 49408, 49410, 171, 119, 379, 320]],
  ['SKS \u{3a3}KS', [48136, 139, 225, 662]],
  ['A PLUS<|endoftext|>PLUS', [320, 49409, 49407, 49409]],
  ['  <x>  <x>  ', [49410, 49410]],
  ['sks\u{85}<x>', [49408, 49410]],
];

test('a token that has to be a word of its own counts only as such, as in transformers', async (t) => {
  const dir = await temporaryFolder(t);
  for (const name of ['vocab.json', 'merges.txt']) {
    await writeFile(join(dir, name), gunzipSync(await readFile(join(REFERENCE, `${name}.gz`))));
  }
  const token = (content: string, flags: object = { single_word: true }) => ({ content, normalized: false, ...flags });
  const decoder = {
    49406: token('<|startoftext|>', { special: true }),
    49407: token('<|endoftext|>', { special: true }),
    49408: token('sks'),
    49409: token('Plus', { single_word: true, normalized: true }),
    49410: token('<x>', { single_word: true, lstrip: true, rstrip: true }),
    49411: token('lus', {}),
    49412: token('sks dog'),
  };
  await writeFile(join(dir, 'tokenizer_config.json'), JSON.stringify({ added_tokens_decoder: decoder }));
  const tokenizer = await ClipTokenizer.load(dir);
  for (const [text, wanted] of SINGLE_WORDS) {
    const { inputIds, attentionMask } = tokenizer.encode(text);
    const count = Number(attentionMask.reduce((a, b) => a + b));
    assert.deepEqual([...inputIds.slice(1, count - 1)].map(Number), wanted, JSON.stringify(text));
  }
});
