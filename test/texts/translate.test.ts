import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inLanguage } from '../../src/texts/language.ts';
import { formatted } from '../../src/texts/message.js';
import { listedAs, t } from '../../src/texts/translate.ts';

describe('t', () => {
  it('fills in values and leaves those from people alone', () => {
    const prompt = '{seed} $& {0}';
    assert.equal(
      t('{prompt} with seed {seed}', { prompt, seed: 18446744073709551615n }),
      `${prompt} with seed 18446744073709551615`,
    );
  });

  it('chooses the form for one and for more', () => {
    const said = [0, 1, 2].map((count) => t('{count} picture | {count} pictures', { count }));
    assert.deepEqual(said, ['0 pictures', '1 picture', '2 pictures']);
  });

  it('gives the source where there is no translation', () => {
    assert.equal(
      inLanguage('ja', () => t('no such source')),
      'no such source',
    );
  });
});

describe('formatted', () => {
  it('writes numbers as the language does', () => {
    assert.equal(formatted('{value}', 'de', { value: 1234.5 }), '1234,5');
    assert.equal(formatted('{value}', 'en', { value: 1234.5 }), '1234.5');
    assert.equal(formatted('{value}', 'de', { value: '1234.5' }), '1234.5');
  });

  it('takes the plural category of the language', () => {
    const text = { one: '{count} image', many: '{count} d’images', other: '{count} images' };
    const said = [0, 1, 2, 1_000_000].map((count) => formatted(text, 'fr', { count }));
    assert.deepEqual(said, ['0 image', '1 image', '2 images', '1000000 d’images']);
    assert.equal(formatted({ other: '{count}枚' }, 'ja', { count: 1 }), '1枚');
  });

  it('leaves braces that have no value', () => {
    assert.equal(formatted('{a} {b}', 'en', { a: 'x' }), 'x {b}');
  });
});

describe('listedAs', () => {
  it('joins words as the language does', () => {
    assert.equal(listedAs('disjunction', ['a', 'b', 'c']), 'a, b or c');
    assert.equal(
      inLanguage('de', () => listedAs('conjunction', ['a', 'b'])),
      'a und b',
    );
    assert.equal(listedAs('conjunction', []), '');
  });
});
