import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { unescapeText } from '../../../src/bot/command/lexer.ts';
import { NO_SOURCES } from '../../../src/bot/command/prompt-sources.ts';
import { drawn, hasDraws, type Wildcards, withoutDraws } from '../../../src/bot/command/wildcards.ts';
import { UserError } from '../../../src/system/errors.ts';
import { imagine, parse } from './parsing.ts';

const LISTS: Readonly<Record<string, string>> = {
  colour: '\uFEFF# warm ones\r\n3::red  # the usual one\r\n\r\ngreen\r\n',
  pet: '__colour__ {cat|dog}\n',
  'eye_colour-2': 'blue',
  a: '__b__',
  b: 'x __a__',
  nothing: '# only a comment\n\n0::never\n',
  bomb: '__fuse__ '.repeat(60),
  fuse: '__colour__ '.repeat(60),
};
const wildcards: Wildcards = { names: Object.keys(LISTS), get: (name) => LISTS[name] };
const sources = { ...NO_SOURCES, wildcards };

const draw = (text: string, seed = 7n) => drawn(text, { wildcards, seed, of: 'prompt' });
const refused = (text: string) => {
  try {
    draw(text);
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    assert.match(error.message, /^[A-Z].*[.?]$/);
    return `${error.code}: ${error.message} ${error.hint}`;
  }
  return assert.fail(`drawn: ${text}`);
};

describe('words that are drawn', () => {
  it('are lines of a list, by their weights, and alternatives in braces; without comments', () => {
    const counts = new Map<string, number>();
    for (let seed = 0n; seed < 2000n; seed += 1n) {
      const word = draw('__colour__', seed);
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
    assert.deepEqual([...counts.keys()].sort(), ['green', 'red']);
    const share = (counts.get('red') ?? 0) / 2000;
    assert.ok(share > 0.7 && share < 0.8, `3 of 4 are red, not ${share}`);
    assert.match(draw('a __pet__ with __EYE_colour-2__ eyes'), /^a (red|green) (cat|dog) with blue eyes$/);
    assert.match(draw('{a {big|small} {cat|dog}|a lion} here'), /^(a (big|small) (cat|dog)|a lion) here$/);
    assert.equal(draw('{0::cat|dog}'), 'dog');
    assert.match(draw('{red dress, long|blue suit}'), /^(red dress, long|blue suit)$/);
  });

  it('are the same for the same seed, and others for others', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (seed) => {
        assert.equal(draw('__pet__ and __pet__', seed), draw('__pet__ and __pet__', seed));
      }),
    );
    const texts = new Set(Array.from({ length: 64 }, (_, seed) => draw('{1|2|3|4} {1|2|3|4} {1|2|3|4}', BigInt(seed))));
    assert.ok(texts.size > 20, `${texts.size} different texts of 64`);
  });

  it('leave alone what is escaped, in quotes or nothing of the kind', () => {
    for (const text of [
      '{a, b}',
      '{a}',
      '{a|b',
      'a|b',
      '____',
      '__ x __',
      '_x_',
      'snake__case',
      '"{a|b} __colour__"',
    ]) {
      assert.equal(draw(text), text);
    }
    assert.equal(unescapeText(draw('\\{a|b\\} \\__colour__')), '{a|b} __colour__');
  });

  it('say what is wrong: a missing list, a circle, a path, an empty list, too many of them', () => {
    assert.match(
      refused('a __colours__ cat'),
      /^wildcard_unknown: There is no wildcard "colours" here; did you mean "colour"\? Here are colour, /,
    );
    assert.match(refused('__a__'), /^wildcard_cycle: .*a → b → a\./);
    for (const path of ['../secret', '/etc/passwd', 'a/b', 'a\\b', 'colour.txt', 'C:x']) {
      assert.match(refused(`__${path}__`), /^wildcard_name: .*no path/, path);
    }
    assert.match(refused('__nothing__'), /^wildcard_empty: The wildcard "nothing" has no line to draw\./);
    assert.match(refused('__bomb__'), /^wildcards_too_many: /);
    assert.match(
      refused(`${'{a|'.repeat(2000)}b${'}'.repeat(2000)}`.replace('{a|', '{0::a|').replaceAll('{a|', '{0::a|')),
      /^wildcards_too_many: /,
    );
  });

  it('are read for one prompt so far and no further, however long the lines of a list are', () => {
    const lists: Record<string, string> = { long: `{b|0.0001::${'{c|d}'.repeat(19_000)}}`, short: 'a' };
    const wildcards = { names: Object.keys(lists), get: (name: string) => lists[name] };
    const draw = (text: string) => drawn(text, { wildcards, seed: 1n, of: 'prompt' });
    assert.throws(() => draw('__long__ '.repeat(190)), { code: 'wildcards_too_many' });
    assert.equal(draw('__long__ __short__'), 'b a');
  });

  it('are not drawn from a text that was made one without draws', () => {
    const piece = fc.constantFrom('{', '}', '|', '__', 'colour', '_', '\\', '"', ' ', 'a', '__colour__', '{a|b}', '“');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
        const text = pieces.join('');
        assert.ok(!hasDraws(withoutDraws(text)), text);
        assert.equal(unescapeText(draw(withoutDraws(text))), text);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a request with drawn words', () => {
  it('has them in its prompt, and what was typed as its original', () => {
    const { request } = imagine('a __pet__ negative:"a {big|small} __colour__ tree" seed:7', { sources });
    assert.match(request.prompt, /^a (red|green) (cat|dog)$/);
    assert.match(request.negative, /^a (big|small) (red|green) tree$/);
    assert.equal(request.original, 'a __pet__');
    assert.equal(request.originalNegative, 'a {big|small} __colour__ tree');
    assert.deepEqual(
      imagine('a __pet__ negative:"a {big|small} __colour__ tree" seed:7', { sources }).request,
      request,
    );
    assert.equal(imagine('a cat seed:7', { sources }).request.original, undefined);
  });

  it('draws for each of several requests, whose braces have commas', () => {
    const parsed = parse('a {{big|huge}, tiny} __colour__ cat seed:3', { sources });
    assert.ok(parsed.kind === 'permutations');
    assert.match(parsed.requests[0]?.prompt ?? '', /^a (big|huge) (red|green) cat$/);
    assert.match(parsed.requests[1]?.prompt ?? '', /^a tiny (red|green) cat$/);
    assert.match(imagine('a {big, red|small} cat seed:3', { sources }).request.prompt, /^a (big, red|small) cat$/);
  });

  it('takes a native option for text without escapes, with words drawn', () => {
    const options = { negative: 'a "__colour__" {a|b} C:\\x' };
    assert.match(imagine('a cat', { sources, options }).request.negative, /^a "__colour__" (a|b) C:\\x$/);
    assert.equal(imagine('a cat', { sources, options: { negative: 'a\\"b {c}' } }).request.negative, 'a\\"b {c}');
  });
});
