import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { ClipTokenizer } from '../../../src/pipeline/text/tokenizer.ts';
import { OperatorError } from '../../../src/system/errors.ts';
import { REFERENCE } from '../reference.ts';

const FOLDER = join(REFERENCE, 'tokenizer');

interface Prompt {
  readonly prompt: string;
  readonly input_ids_unpadded: number[];
  readonly input_ids_unpadded_if_pad_token_is_bang?: number[];
  readonly removed_text: string[] | null;
}
interface Prompts {
  readonly vocab_size: number;
  readonly bos: number;
  readonly eos: number;
  readonly pad: number;
  readonly model_max_length: number;
  readonly prompts: Prompt[];
  readonly batches: {
    prompts: string[];
    input_ids: number[][];
    attention_mask: number[][];
    removed_text: string[] | null;
  }[];
  readonly decodes: { ids: number[]; decode: string }[];
}

const reference = JSON.parse(await readFile(join(FOLDER, 'prompts.json'), 'utf8')) as Prompts;

const temporary = await mkdtemp(join(tmpdir(), 'wuerst-tokenizer-'));
after(() => rm(temporary, { recursive: true }));
let folders = 0;

/** A tokenizer folder of the files given; objects are written as JSON. */
async function folder(files: Readonly<Record<string, string | object>>): Promise<string> {
  const dir = join(temporary, String(folders++));
  await mkdir(dir);
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return dir;
}

async function unzipped(name: string): Promise<string> {
  return gunzipSync(await readFile(join(FOLDER, `${name}.gz`))).toString('utf8');
}

const clip = {
  'vocab.json': await unzipped('vocab.json'),
  'merges.txt': await unzipped('merges.txt'),
  'tokenizer_config.json': await readFile(join(FOLDER, 'tokenizer_config.json'), 'utf8'),
  'special_tokens_map.json': await readFile(join(FOLDER, 'special_tokens_map.json'), 'utf8'),
};
const tokenizer = await ClipTokenizer.load(await folder(clip));

function promptIds(of: ClipTokenizer, text: string): number[] {
  const { inputIds, attentionMask } = of.encode(text);
  return [...inputIds].slice(0, attentionMask.filter((bit) => bit === 1n).length).map(Number);
}

test('the reference set has prompts and batches to compare with', () => {
  assert.ok(reference.prompts.length > 0 && reference.batches.length > 0 && reference.decodes.length > 0);
});

test('sizes come from the files', () => {
  assert.equal(tokenizer.maxLength, reference.model_max_length);
  assert.equal(tokenizer.vocabSize, reference.vocab_size);
});

for (const { prompt, input_ids_unpadded: ids, removed_text: removed } of reference.prompts) {
  test(`tokens of ${JSON.stringify(prompt.slice(0, 40))} (${prompt.length} characters)`, () => {
    assert.deepEqual(promptIds(tokenizer, prompt), ids);
    const { inputIds, truncated } = tokenizer.encode(prompt);
    assert.ok(inputIds.subarray(ids.length).every((id) => id === BigInt(reference.pad)));
    assert.equal(truncated, removed?.[0] ?? '');
    assert.deepEqual(tokenizer.removedText([prompt]), removed ?? []);
  });
}

for (const [i, batch] of reference.batches.entries()) {
  test(`batch ${i}: ids, masks and the warning's text`, () => {
    const encoded = batch.prompts.map((prompt) => tokenizer.encode(prompt));
    assert.deepEqual(
      encoded.map(({ inputIds }) => [...inputIds].map(Number)),
      batch.input_ids,
    );
    assert.deepEqual(
      encoded.map(({ attentionMask }) => [...attentionMask].map(Number)),
      batch.attention_mask,
    );
    assert.deepEqual(tokenizer.removedText(batch.prompts), batch.removed_text ?? []);
  });
}

for (const { ids, decode } of reference.decodes) {
  test(`decoding [${ids}] gives ${JSON.stringify(decode)}`, () => assert.equal(tokenizer.decode(ids), decode));
}

test('a padding token of "!" changes what "!" in a prompt becomes', async () => {
  const specials = { ...JSON.parse(clip['special_tokens_map.json']), pad_token: '!' };
  const { pad_token: _, ...config } = JSON.parse(clip['tokenizer_config.json']);
  const other = await ClipTokenizer.load(
    await folder({ ...clip, 'tokenizer_config.json': config, 'special_tokens_map.json': specials }),
  );
  for (const { prompt, input_ids_unpadded_if_pad_token_is_bang: ids } of reference.prompts) {
    if (ids) assert.deepEqual(promptIds(other, prompt), ids, prompt);
  }
  assert.equal(promptIds(other, 'a!!')[2], 0);
  assert.equal(other.encode('a').inputIds.at(-1), 0n);
});

const VOCAB = JSON.parse(clip['vocab.json']) as Record<string, number>;
const special = (content: string) => ({ content, lstrip: false, rstrip: false, normalized: false, special: true });

test('the same tokens come out of every layout the files are published in', async () => {
  const [, ...lines] = clip['merges.txt'].trimEnd().split('\n');
  const addedTokens = [
    { id: reference.bos, ...special('<|startoftext|>') },
    { id: reference.eos, ...special('<|endoftext|>') },
  ];
  const model = (merges: unknown) => ({
    added_tokens: addedTokens,
    model: { type: 'BPE', vocab: VOCAB, merges },
  });
  const objects = {
    bos_token: special('<|startoftext|>'),
    eos_token: special('<|endoftext|>'),
    unk_token: special('<|endoftext|>'),
  };
  const decoder = Object.fromEntries(addedTokens.map(({ id, ...token }) => [id, token]));
  const layouts = [
    { 'vocab.json': clip['vocab.json'], 'merges.txt': lines.join('\r\n') },
    { ...clip, 'tokenizer_config.json': { ...objects, model_max_length: 77, pad_token: '<|endoftext|>' } },
    { 'tokenizer.json': model(lines) },
    {
      'tokenizer.json': model(lines.map((line) => line.split(' '))),
      'tokenizer_config.json': { model_max_length: 1e30 },
    },
    { ...clip, 'tokenizer_config.json': { added_tokens_decoder: decoder, pad_token: '<|endoftext|>' } },
  ];
  for (const layout of layouts) {
    const other = await ClipTokenizer.load(await folder(layout));
    assert.equal(other.maxLength, 77);
    assert.equal(other.vocabSize, tokenizer.vocabSize);
    for (const { prompt } of reference.prompts)
      assert.deepEqual(other.encode(prompt), tokenizer.encode(prompt), prompt);
  }
});

test('a shorter model_max_length is honoured, end token included', async () => {
  const short = await ClipTokenizer.load(await folder({ ...clip, 'tokenizer_config.json': { model_max_length: 5 } }));
  const { inputIds, attentionMask, truncated } = short.encode('a cat a cat a cat');
  assert.deepEqual([...inputIds], [...tokenizer.encode('a cat a').inputIds.subarray(0, 5)]);
  assert.deepEqual([...attentionMask], [1n, 1n, 1n, 1n, 1n]);
  assert.equal(truncated, 'cat a cat');
});

test('any string has an encoding that starts, ends and pads as it must', () => {
  const max = BigInt(reference.vocab_size);
  const lone = fc.constantFrom('\ud800', '\udc00x', 'a\ud83d');
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.string(), lone), (text) => {
      const { inputIds, attentionMask } = tokenizer.encode(text);
      const used = attentionMask.lastIndexOf(1n) + 1;
      assert.equal(inputIds.length, 77);
      assert.equal(attentionMask.length, 77);
      assert.ok(attentionMask.subarray(0, used).every((bit) => bit === 1n));
      assert.equal(inputIds[0], BigInt(reference.bos));
      assert.equal(inputIds[used - 1], BigInt(reference.eos));
      assert.ok(inputIds.subarray(used).every((id) => id === BigInt(reference.pad)));
      assert.ok(inputIds.every((id) => id >= 0n && id < max));
    }),
    { numRuns: 300, seed: 1 },
  );
});

test('letter case, and how much whitespace stands where, make no difference', () => {
  const word = fc.string({ unit: fc.constantFrom(...'abcxyzäöé17'), minLength: 1, maxLength: 8 });
  const space = fc.constantFrom(' ', '  ', '\n', '\t ', '\u3000', '\u0085');
  fc.assert(
    fc.property(fc.array(fc.tuple(word, space), { maxLength: 8 }), (pairs) => {
      const plain = pairs.map(([text]) => text).join(' ');
      const spaced = pairs.map(([text, gap]) => text.toUpperCase() + gap).join('');
      assert.deepEqual(promptIds(tokenizer, spaced), promptIds(tokenizer, plain));
    }),
    { numRuns: 200, seed: 2 },
  );
});

test('a byte order mark among signs does not split them', () => {
  assert.equal(promptIds(tokenizer, '!\ufeff!')[1], VOCAB['!']);
  assert.equal(promptIds(tokenizer, '! !')[1], VOCAB['!</w>']);
});

test('ten thousand characters of anything are cut to 77 tokens and reported', () => {
  for (const text of ['a'.repeat(10_000), 'cat '.repeat(2500), '🙂'.repeat(5000), '猫'.repeat(10_000)]) {
    const { attentionMask, truncated } = tokenizer.encode(text);
    assert.ok(attentionMask.every((bit) => bit === 1n));
    assert.ok(truncated.length > 0);
  }
});

test('names that objects carry by themselves are ordinary words', () => {
  for (const word of ['__proto__', 'constructor', 'toString hasOwnProperty']) {
    assert.equal(
      tokenizer.decode(promptIds(tokenizer, word).slice(1, -1)).replaceAll(' ', ''),
      word.toLowerCase().replaceAll(' ', ''),
    );
  }
});

test('missing and broken files are named, with what was wanted and found', async () => {
  const { 'vocab.json': vocab, 'merges.txt': merges } = clip;
  const rows: [Readonly<Record<string, string | object>>, string, RegExp][] = [
    [{}, 'tokenizer_missing', /vocab\.json is missing/],
    [{ 'vocab.json': vocab }, 'tokenizer_missing', /merges\.txt is missing/],
    [{ 'merges.txt': merges }, 'tokenizer_missing', /vocab\.json is missing/],
    [
      { 'vocab.json': vocab.slice(0, 5000), 'merges.txt': merges },
      'tokenizer_corrupt',
      /^The tokenizer file .*vocab\.json cannot be used: it is not JSON: ".*"\.$/,
    ],
    [
      { 'vocab.json': '[]', 'merges.txt': merges },
      'tokenizer_corrupt',
      /vocab\.json cannot be used: it is no JSON object \(found \[\]\)/,
    ],
    [{ 'vocab.json': { a: 'b' }, 'merges.txt': merges }, 'tokenizer_corrupt', /number for the token "a" \(found "b"\)/],
    [{ 'vocab.json': { a: 0 }, 'merges.txt': '' }, 'tokenizer_corrupt', /bos_token "<\|startoftext\|>"\./],
    [
      { 'vocab.json': vocab, 'merges.txt': 'i n\nthe' },
      'tokenizer_corrupt',
      /merges\.txt cannot be used: merge 2 .*found "the"/,
    ],
    [
      { 'tokenizer.json': { model: { type: 'WordPiece' } } },
      'tokenizer_corrupt',
      /not of the kind BPE \(found "WordPiece"\)/,
    ],
    [{ 'tokenizer.json': {} }, 'tokenizer_corrupt', /tokenizer\.json cannot be used: its "model" is no object\.$/],
    [
      { ...clip, 'tokenizer_config.json': { model_max_length: 1 } },
      'tokenizer_corrupt',
      /no number from 2 on \(found 1\)/,
    ],
    [
      { ...clip, 'tokenizer_config.json': '{"pad' },
      'tokenizer_corrupt',
      /tokenizer_config\.json cannot be used: it is not JSON: ".*"\.$/,
    ],
  ];
  for (const [files, code, message] of rows) {
    await assert.rejects(ClipTokenizer.load(await folder(files)), (error) => {
      assert.ok(error instanceof OperatorError, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    });
  }
});

test('a folder that is not there, or is a file, is named', async () => {
  const file = join(await folder({ file: '' }), 'file');
  for (const dir of [join(temporary, 'nowhere'), file]) {
    await assert.rejects(
      ClipTokenizer.load(dir),
      (error) => error instanceof OperatorError && error.message.includes(dir),
    );
  }
});
