import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { literalPrompt, weightedPrompt } from '../../../src/adapters/api/serving/prompt-words.ts';
import { parseCommand } from '../../../src/bot/command/parse.ts';
import { DEFAULT_LIMITS } from '../../../src/bot/request-limits.ts';

const PIECES = [
  ...['a panda', 'help', 'erase', '--seed', '7', 'n:4', 'size:512x512', '{', '}', ',', '|', '(', ')', '[', ']', ':1.3'],
  ...[
    '"',
    '“',
    '”',
    '„',
    '«',
    "'",
    '\\',
    '—',
    '-',
    '__',
    'colour',
    '/wuerst',
    'wuerst imagine',
    '\n',
    '\t',
    ' ',
    '<',
    '>',
  ],
  ...[
    'Negative prompt: x',
    'Steps: 20, Sampler: Euler, Seed: 5, Size: 512x512',
    'preset:x',
    '<lora:sketch:0.8>',
    'lora:',
    'confirm',
    'é',
    '🦊',
    '\u202e',
  ],
];

const options = { limits: DEFAULT_LIMITS, randomSeed: () => 1n, options: { n: 1 } } as const;

function requestOf(text: string) {
  const parsed = parseCommand(text, options);
  assert.equal(parsed.kind, 'imagine');
  return parsed.kind === 'imagine' ? parsed.request : assert.fail();
}

test('whatever a text holds, it is one picture of words, with no settings of its own', () => {
  const texts = fc.array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: 'binary', maxLength: 5 })), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(texts, texts, (pieces, negatives) => {
      const text = `a ${pieces.join('')}`;
      const negative = negatives.join('');
      const usual = requestOf('"x"');
      const words = [literalPrompt(text), ...(negative.trim() === '' ? [] : [`negative:${literalPrompt(negative)}`])];
      const { prompt, negative: kept, original: _, originalNegative: __, ...others } = requestOf(words.join(' '));
      const { prompt: ___, negative: ____, ...expected } = usual;
      assert.deepEqual(others, expected);
      assert.ok(prompt.startsWith('a'));
      assert.equal(typeof kept, 'string');
    }),
    { numRuns: 2000 },
  );
});

test('brackets are weights only where a program writes them so', () => {
  assert.equal(requestOf(literalPrompt('a (panda:1.3)')).weighted, undefined);
  assert.equal(requestOf(literalPrompt('a (panda:1.3)')).prompt, 'a (panda:1.3)');
  assert.equal(requestOf(weightedPrompt('a (panda:1.3)')).weighted, true);
});
