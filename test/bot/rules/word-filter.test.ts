import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { NSFW_WORDS } from '../../../src/bot/rules/moderation.ts';
import { heldPhrase } from '../../../src/bot/rules/word-filter.ts';
import { ClipTokenizer } from '../../../src/pipeline/index.ts';

const TOKENIZER = join(import.meta.dirname, '../../../data/models/cocktail/wuerstchen-prior/tokenizer');
const BLOCKED = ['nude', 'gremlin', 'bad word', 'party', 'box', 'f16', 'nackt'];
const UNSEEN = ['\u200b', '\u00ad', '\u200d', '\u2060', '\ufeff', '\u0332', '\u034f', '\ufe0f', '\u3164'];

test('what the tokenizer reads as a blocked word is found', async () => {
  const tokenizer = await ClipTokenizer.load(TOKENIZER);
  const tokens = (text: string) => String(tokenizer.encode(text).inputIds);
  const blocked = new Map(BLOCKED.map((word) => [tokens(word), word]));
  const piece = fc.oneof(
    fc.constantFrom(...BLOCKED.flatMap((word) => [...word, word, word.toUpperCase()])),
    fc.constantFrom(' ', '\n', '\t', '  ', '\u00a0', '\u3000'),
  );
  const disguised = fc
    .constantFrom(...BLOCKED)
    .chain((word) =>
      fc
        .tuple(...[...word].map((letter) => fc.constantFrom(letter, letter.toUpperCase())))
        .chain((letters) =>
          fc
            .tuple(fc.constantFrom('', ' ', '\n '), fc.constantFrom('', ' ', '\t'))
            .map(([before, after]) => before + letters.join('').replace(' ', ' \n') + after),
        ),
    );
  let met = 0;
  fc.assert(
    fc.property(
      fc.oneof(
        disguised,
        fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join('')),
      ),
      (text) => {
        const word = blocked.get(tokens(text));
        if (word === undefined) return;
        met += 1;
        assert.equal(heldPhrase([text], [word]), word, JSON.stringify(text));
      },
    ),
    { numRuns: 2000 },
  );
  assert.ok(met > 500, `only ${met} texts were blocked words`);
});

test('a blocked word is found beside digits and signs, with anything unseen in it, and in its plural', () => {
  const disguise = (word: string) =>
    fc
      .tuple(
        fc.array(fc.constantFrom('', '', ...UNSEEN), { minLength: word.length + 1, maxLength: word.length + 1 }),
        fc.constantFrom('', '2', '²', '7', '.', '!', '_', 's'),
        fc.constantFrom('', 'a ', '3', '"', '(', 'x\u200b'),
      )
      .map(
        ([unseen, after, before]) =>
          before + [...word].map((letter, at) => unseen[at] + letter).join('') + unseen.at(-1) + after,
      );
  fc.assert(
    fc.property(
      fc.constantFrom('nude', 'gremlin', 'nackt').chain((word) => fc.tuple(fc.constant(word), disguise(word))),
      ([word, text]) => {
        assert.equal(heldPhrase([text], [word]), word, JSON.stringify(text));
      },
    ),
    { numRuns: 2000 },
  );
  for (const [text, word] of [
    ['two parties', 'party'],
    ['boxes', 'box'],
    ['bad words', 'bad word'],
  ] as const) {
    assert.equal(heldPhrase([text], [word]), word, text);
  }
});

test('a blocked word is found in letters that look alike', () => {
  const texts = [
    'nudе',
    'ｎｕｄｅ',
    '𝐧𝐮𝐝𝐞',
    'ⓝⓤⓓⓔ',
    '🅽🆄🅳🅴',
    'ᴺᵁᴰᴱ',
    'nüdé',
    'NUDΕ',
    'nud3',
    'ոude',
    'n-u-d-e',
    'n u d e',
    'пude',
    'ᶰᵘᵈᵉ',
    'ŋʊðə',
    'nud€',
    'ɴᴜᴅᴇs',
  ];
  for (const text of texts) assert.equal(heldPhrase([`a ${text} fox`], ['nude']), 'nude', text);
  assert.equal(
    heldPhrase(['ᴛʜᴇ ǫᴜɪᴄᴋ ʙʀᴏᴡɴ ꜰᴏx ᴊᴜᴍᴘꜱ ᴏᴠᴇʀ ᴀ ʟᴀᴢʏ ᴅᴏɢ'], ['brown fox jumps over a lazy dog']) !== null,
    true,
  );
});

/** Names that Unicode has in five languages: of places, languages, scripts and currencies. */
function harmlessNames(): string[] {
  const codes = (length: number): string[] =>
    length === 0 ? [''] : [...'abcdefghijklmnopqrstuvwxyz'].flatMap((a) => codes(length - 1).map((rest) => a + rest));
  const kinds = { region: codes(2), language: codes(2), currency: codes(3) };
  const names = ['en', 'de', 'fr', 'es', 'pt'].flatMap((locale) =>
    Object.entries(kinds).flatMap(([type, all]) => {
      const display = new Intl.DisplayNames(locale, { type: type as keyof typeof kinds, fallback: 'none' });
      return all.flatMap((code) => display.of(type === 'language' ? code : code.toUpperCase()) ?? []);
    }),
  );
  return [...new Set(names)];
}

test('2,000 harmless words and names in five languages pass', () => {
  const tricky =
    'Scunthorpe Essex Sussex Middlesex Penistone sextant sextet sextuplets Dickens Hancock cockpit cocktail peacock assassin ' +
    'classic grass bass analysis analyst therapist Arsenal shuttle Saxony hexagon unisex nudge denude nuthatch nudeln ' +
    'Nacktschnecke popcorn modem modern pom corn rear pear organism résumé fiancée Köln Ängstlich süß naïve Señor São ' +
    'Čapek Łódź Ørsted Åse ñandú maïs Eros gorge story allegory category';
  const harmless = [...tricky.split(' '), ...harmlessNames()];
  assert.ok(harmless.length >= 2000, String(harmless.length));
  assert.deepEqual(
    harmless.filter((word) => heldPhrase([word, `a ${word} in the snow`], NSFW_WORDS) !== null),
    [],
  );
});
