import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { sourcesIn } from '../../scripts/texts/sources.ts';
import { LANGUAGES } from '../../src/texts/language.ts';
import { translationsFor } from '../../src/texts/translate.ts';

const { sources, problems } = sourcesIn(join(import.meta.dirname, '../../src'));

/** The names in braces, each once. */
function placeholders(text: string): readonly string[] {
  return [...new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name))].sort();
}

it('finds every text in the code', () => {
  assert.deepEqual(problems, []);
  assert.ok(sources.length > 1000);
});

for (const language of LANGUAGES.filter((one) => one !== 'en')) {
  const translations = translationsFor(language);

  it(`has every text in ${language}, and no other`, () => {
    assert.deepEqual(Object.keys(translations).sort(), sources);
  });

  it(`has the same values in every text in ${language}, and a form for every number`, () => {
    const { pluralCategories } = new Intl.PluralRules(language).resolvedOptions();
    for (const [source, translated] of Object.entries(translations)) {
      if (typeof translated === 'string') {
        assert.deepEqual(placeholders(translated), placeholders(source), `${source}: ${translated}`);
        continue;
      }
      const [one = '', other = one] = source.split(' | ');
      assert.deepEqual(Object.keys(translated).sort(), [...pluralCategories].sort(), source);
      for (const [category, form] of Object.entries(translated)) {
        const wanted = [placeholders(other), ...(category === 'one' ? [placeholders(one)] : [])];
        const names = placeholders(form).join();
        assert.ok(
          wanted.some((some) => some.join() === names),
          `${source}: ${form}`,
        );
      }
    }
  });
}

it('breaks no line before the signs that French sets a space in front of', () => {
  const loose = Object.values(translationsFor('fr'))
    .flatMap((message) => (typeof message === 'string' ? [message] : Object.values(message)))
    .filter((text) => / [:;?!»]|« /.test(text));
  assert.deepEqual(loose, []);
});
