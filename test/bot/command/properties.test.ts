import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { editDistance } from '../../../src/bot/command/edit-distance.ts';
import { formatPrompt, formatRequest } from '../../../src/bot/command/format.ts';
import { KEYS } from '../../../src/bot/command/keys.ts';
import { isVisible, lengthOf, normaliseText, wordsOf } from '../../../src/bot/command/lexer.ts';
import { readWords, typedWord } from '../../../src/bot/command/listed-words.ts';
import { parseCommand } from '../../../src/bot/command/parse.ts';
import { permutationsOf } from '../../../src/bot/command/permutations.ts';
import type { ImagineRequest } from '../../../src/bot/job.ts';
import {
  DEFAULT_LIMITS,
  defaultSize,
  fits,
  type RequestLimits,
  sizeForRatio,
} from '../../../src/bot/request-limits.ts';
import { UserError } from '../../../src/system/errors.ts';
import { correctedIn, imagine, LIMITS, parse } from './parsing.ts';

const RUNS = { numRuns: 1000, seed: 20240229 };

/** Pieces that the grammar gives a meaning to, or nearly. */
const NASTY = [
  ...[
    '"',
    '“',
    '”',
    '„',
    "'",
    '‘',
    '’',
    '\\',
    '\\\\',
    '\\"',
    '{',
    '}',
    ',',
    '{a, b}',
    '\\{',
    ':',
    '：',
    '=',
    '-',
    '--',
    '—',
    '–',
  ],
  ...[
    ' ',
    '  ',
    '\n',
    '\r\n',
    '\t',
    '\u0000',
    '\u0007',
    '\u00a0',
    '\u3000',
    '\u2028',
    '\u200f',
    '\u202e',
    '\u200d',
    '\ud83e',
    '🦊',
  ],
  ...[
    '(',
    ')',
    '[',
    ']',
    '(a:1.2)',
    ':1.3)',
    '__',
    '__colour__',
    '{a|b}',
    '|',
    '\\(',
    'preset:none',
    'presets',
    'defaults',
  ],
  ...['help', 'show', 'settings', 'cancel', 'erase', 'confirm', '12ab', '/wuerst', 'fox', 'a', 'étoile', '狐'],
  ...[
    'width:5',
    'width:512',
    'height:768',
    'size:',
    'size:512x512',
    'ar:2:3',
    '--ar',
    '2:3',
    '--no',
    '—no',
    'seed:7',
    '--seed=7',
  ],
  ...[
    'poster:red',
    'widht:',
    '--foo',
    'http://x.y',
    ':smile:',
    '10:30',
    'negative:"',
    'n:99',
    'style:base',
    'spoiler:',
    'steps:{1,2}',
  ],
  ...['guidance:NaN', 'seed:-1', 'seed:99999999999999999999999', 'yes', 'no'],
];

const typedText = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...NASTY) },
      fc.string({ maxLength: 6 }),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    {
      maxLength: 12,
    },
  )
  .chain((pieces) => fc.constantFrom(pieces.join(''), pieces.join(' ')));

const storedText = typedText.map(normaliseText).filter((text) => lengthOf(text) <= 2000);

const scale = fc.double({ min: 0, max: 20, noNaN: true }).map((value) => value + 0);
const style = fc.oneof(
  fc.constantFrom(...DEFAULT_LIMITS.styles),
  fc.double({ min: 0, max: 1, noNaN: true }).map((value) => String(value + 0)),
);

const request: fc.Arbitrary<ImagineRequest> = fc.record(
  {
    prompt: storedText.filter(isVisible),
    negative: storedText.map((text) => (isVisible(text) ? text : '')),
    width: fc.integer({ min: 128, max: 2048 }),
    height: fc.integer({ min: 128, max: 2048 }),
    n: fc.integer({ min: 1, max: 10 }),
    style,
    seed: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    steps: fc.option(fc.integer({ min: 1, max: 200 })),
    decoderSteps: fc.integer({ min: 1, max: 200 }),
    guidance: scale,
    decoderGuidance: scale,
    spoiler: fc.boolean(),
  },
  { noNullPrototype: true },
);

const limitsOfAnyGuild: fc.Arbitrary<RequestLimits> = fc
  .record({
    maxPixels: fc.integer({ min: 256 * 256, max: 4096 * 4096 }),
    maxImages: fc.integer({ min: 1, max: 10 }),
    maxSteps: fc.integer({ min: 12, max: 200 }),
    defaultWidth: fc.constantFrom(256, 512, 1024, 1536),
    defaultHeight: fc.constantFrom(256, 512, 1024, 1536),
    gridStep: fc.constantFrom(32, 64, 128),
    styles: fc.constantFrom<readonly string[]>(['interpolated'], ['interpolated', 'base', 'aesthetic']),
    mixesStyles: fc.boolean(),
  })
  .map((some) => ({ ...LIMITS, ...some }));

describe('any text', () => {
  it('is understood, or answered with a corrected command that is accepted', () => {
    fc.assert(
      fc.property(typedText, limitsOfAnyGuild, (text, limits) => {
        try {
          const parsed = parse(text, { limits });
          const requests =
            parsed.kind === 'imagine' ? [parsed.request] : parsed.kind === 'permutations' ? parsed.requests : [];
          for (const one of requests) {
            assert.ok(fits(one, limits) && isVisible(one.prompt) && one.n >= 1 && one.n <= limits.maxImages);
            assert.equal(normaliseText(one.prompt), one.prompt);
            assert.ok(one.seed >= 0n && one.seed < 2n ** 64n);
          }
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          correctedIn(error, { limits });
        }
      }),
      { ...RUNS, numRuns: 3000 },
    );
  });

  it('gives requests that can be written down and read back', () => {
    fc.assert(
      fc.property(typedText, (text) => {
        let parsed: ReturnType<typeof parse>;
        try {
          parsed = parse(text);
        } catch {
          return;
        }
        const requests =
          parsed.kind === 'imagine' ? [parsed.request] : parsed.kind === 'permutations' ? parsed.requests : [];
        // How it was typed is no part of what is painted.
        for (const { original: _original, originalNegative: _negative, ...one } of requests) {
          assert.deepEqual(imagine(formatRequest(one)).request, one);
        }
      }),
      RUNS,
    );
  });

  it('gives the same with /wuerst before it', () => {
    const outcome = (text: string) => {
      try {
        return parse(text);
      } catch (error) {
        return String(error);
      }
    };
    fc.assert(
      fc.property(
        typedText.filter((text) => !/^\s*\/wuerst/.test(text)),
        (text) => assert.deepEqual(outcome(`/wuerst ${text}`), outcome(text)),
      ),
      RUNS,
    );
  });
});

describe('a request', () => {
  it('written down and read back is the same request, without notes', () => {
    fc.assert(
      fc.property(request, (one) => {
        assert.deepEqual(imagine(formatRequest(one)), { kind: 'imagine', request: one, notes: [] });
      }),
      { ...RUNS, numRuns: 2000 },
    );
  });

  it('keeps its prompt alone and with other settings typed behind it', () => {
    fc.assert(
      fc.property(storedText.filter(isVisible), (prompt) => {
        assert.equal(imagine(`${formatPrompt(prompt)} --ar 1:1 seed:3`).request.prompt, prompt);
        assert.equal(imagine(formatPrompt(prompt)).request.prompt, prompt);
      }),
      RUNS,
    );
  });

  it('takes every legal value of every key, and the example that each key shows', () => {
    fc.assert(
      fc.property(limitsOfAnyGuild, (limits) => {
        for (const key of KEYS) {
          for (const value of [key.example(limits), ...(key.choices?.(limits) ?? [])]) {
            const reading = key.read(value.replaceAll('"', ''), limits);
            assert.ok('value' in reading, `${key.name}:${value}`);
            assert.deepEqual(Object.keys(reading.value).sort(), [...key.fields].sort());
          }
          for (const bound of Object.values(key.range?.(limits) ?? {})) {
            assert.ok('value' in key.read(String(bound), limits), `${key.name}:${bound}`);
          }
        }
      }),
      { ...RUNS, numRuns: 100 },
    );
  });
});

describe('a misspelt key', () => {
  it('is always noticed within two edits of a key of four letters or more', () => {
    // Too many words and names are as near to `lora`: logo, look, Nora.
    const long = KEYS.map((key) => key.name).filter((name) => name.length >= 4 && name !== 'lora');
    const names = new Set(KEYS.flatMap((key) => [key.name, ...key.aliases]));
    const letters = fc.string({ unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz'), minLength: 1, maxLength: 2 });
    fc.assert(
      fc.property(fc.constantFrom(...long), fc.nat(), fc.nat({ max: 2 }), letters, (name, where, cut, put) => {
        const at = where % name.length;
        const word = name.slice(0, at) + put + name.slice(at + cut);
        fc.pre(editDistance(word, name) <= 2 && !names.has(word as never));
        fc.pre(!KEYS.some((key) => key.name.replace('-', '') === word));
        assert.throws(() => parse(`a fox ${word}:512`), { code: 'unknown_setting' });
      }),
      RUNS,
    );
  });

  it('is never seen in a word that is further away', () => {
    const words = fc.string({ unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz'), minLength: 3, maxLength: 12 });
    const names = KEYS.flatMap((key) => [key.name, ...key.aliases]);
    fc.assert(
      fc.property(words, (word) => {
        fc.pre(names.every((name) => editDistance(word, name) > 2));
        const { request: one, notes } = imagine(`a fox ${word}:red`);
        assert.equal(one.prompt, `a fox ${word}:red`);
        assert.equal(notes.length, 1);
      }),
      RUNS,
    );
  });
});

describe('a size', () => {
  it('chosen for a ratio is on the grid, within the limits and as near as the grid allows', () => {
    fc.assert(
      fc.property(
        limitsOfAnyGuild,
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        (limits, a, b) => {
          const size = sizeForRatio(a / b, limits);
          if (size === null) return;
          const native = Math.min(limits.defaultWidth * limits.defaultHeight, limits.maxPixels);
          const share = (size.width * size.height) / native;
          assert.ok(fits(size, limits) && size.width % limits.gridStep === 0 && size.height % limits.gridStep === 0);
          assert.ok(share >= 0.75 && share <= 1.25, `share ${share}`);
          const turned = sizeForRatio(b / a, limits);
          assert.deepEqual(turned, { width: size.height, height: size.width });
        },
      ),
      RUNS,
    );
  });

  it('of a request that names none is allowed everywhere', () => {
    fc.assert(
      fc.property(limitsOfAnyGuild, (limits) => assert.ok(fits(defaultSize(limits), limits))),
      RUNS,
    );
  });
});

describe('the work', () => {
  const hostile = [
    '{',
    '}',
    '{a,',
    '"',
    '„ ',
    '“',
    '\\',
    ':',
    '-',
    '--a ',
    'a:b ',
    '—no ',
    ' ',
    "no:'",
    '{a,b}',
    'negative:"',
    'width:',
    '(',
    '1',
  ];

  /** Reads of single characters that `work` makes of a text. */
  function readsOf(text: string, work: (text: string) => void): number {
    let reads = 0;
    const boxed: object = Object(text);
    const counted: unknown = new Proxy(boxed, {
      get(target, property) {
        if (typeof property === 'string' && /^\d+$/.test(property)) reads += 1;
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === 'function' ? value.bind(text) : value;
      },
    });
    work(counted as string);
    assert.ok(reads >= text.length, 'the work went past the counter');
    return reads;
  }

  it('of finding words and braces grows with the length of the text, not its square', () => {
    for (const piece of hostile) {
      const text = piece.repeat(2000);
      assert.ok(readsOf(text, wordsOf) <= 40 * text.length, `words of ${piece}`);
      const braces = (one: string): void => {
        try {
          permutationsOf(one, { maxPermutations: 40 });
        } catch {
          // Too many is an answer, too.
        }
      };
      assert.ok(readsOf(text, braces) <= 40 * text.length, `braces of ${piece}`);
    }
  });

  it('is refused before it starts for texts that no request can be as long as', () => {
    for (const piece of hostile) {
      const text = piece.repeat(100_000);
      assert.throws(() => parseCommand(text, { limits: DEFAULT_LIMITS, randomSeed: () => 0n }), {
        code: 'prompt_too_long',
      });
    }
  });
});

it('any list of words, typed as it is shown, is read as the same list', () => {
  const word = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    .map((text) => text.replace(/\s+/g, ' ').trim())
    .filter((text) => text !== '');
  const odd = fc.constantFrom(
    'a, b',
    '+',
    '-x',
    '"',
    '""',
    '“a”',
    '„b“',
    'none',
    'off',
    'default',
    '- a',
    '"a" b',
    "'a'",
  );
  fc.assert(
    fc.property(fc.uniqueArray(fc.oneof(word, odd), { minLength: 1, maxLength: 6 }), (words) => {
      const typed = words.map(typedWord);
      for (const between of [', ', ',', '\n']) {
        const read = readWords(typed.join(between));
        assert.deepEqual(
          read.map(({ sign, word: one }) => [sign, one]),
          words.map((one) => ['', one]),
        );
      }
      for (const sign of ['+', '-'] as const) {
        const read = readWords(typed.map((one) => sign + one).join(', '));
        assert.deepEqual(
          read.map((one) => [one.sign, one.word]),
          words.map((one) => [sign, one]),
        );
      }
    }),
  );
});
