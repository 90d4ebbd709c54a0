import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { acceptedLanguages, currentLanguage, inLanguage, languageOf } from '../../src/texts/language.ts';

describe('languageOf', () => {
  for (const [tags, language] of [
    [['de'], 'de'],
    [['de-AT'], 'de'],
    [['de_DE.UTF-8'], 'de'],
    [['ca_ES@valencia', 'fr_FR'], 'fr'],
    [['es-419'], 'es'],
    [['pt'], 'pt-BR'],
    [['pt_PT'], 'pt-BR'],
    [['ja-JP'], 'ja'],
    [['C.UTF-8', 'de'], 'en'],
    [['POSIX'], 'en'],
    [['en-US', 'de'], 'en'],
    [['xx', 'ko'], 'en'],
    [[''], 'en'],
    [[], 'en'],
  ] as const) {
    it(`speaks ${language} for ${tags.join(', ') || 'nothing'}`, () => {
      assert.equal(languageOf(tags), language);
    });
  }
});

describe('acceptedLanguages', () => {
  it('orders by quality and leaves out what is refused', () => {
    assert.deepEqual(acceptedLanguages('fr;q=0.4, de-CH;q=0.9, *;q=0.1, ja;q=0, es'), ['es', 'de-CH', 'fr']);
  });

  it('takes what is no header for nothing', () => {
    assert.deepEqual(acceptedLanguages(';;,,q=1;q=x'), []);
    assert.deepEqual(acceptedLanguages(''), []);
  });
});

describe('inLanguage', () => {
  it('holds across awaits and for its own reader only', async () => {
    const seen = async () => {
      await setImmediate();
      return currentLanguage();
    };
    const all = await Promise.all([inLanguage('de', seen), seen(), inLanguage('ja', () => inLanguage('fr', seen))]);
    assert.deepEqual(all, ['de', 'en', 'fr']);
  });
});
