import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { completions } from '../../../src/bot/command/completion.ts';
import { foreignNamed } from '../../../src/bot/command/foreign-settings.ts';
import { fold, KEYS, keyInEnglish, keyNamed, spellings } from '../../../src/bot/command/keys.ts';
import { OPTION_NAMES } from '../../../src/bot/command/local-names.ts';
import { SUBCOMMANDS } from '../../../src/bot/command/subcommands.ts';
import { helpReply } from '../../../src/bot/replies/help-reply.ts';
import { DEFAULT_LIMITS } from '../../../src/bot/request-limits.ts';
import { inLanguage, LANGUAGES } from '../../../src/texts/language.ts';
import { imagine, refusal } from './parsing.ts';

const OTHERS = LANGUAGES.filter((language) => language !== 'en');

/** What prompts often have before a colon, also without a space behind it. */
const BEFORE_COLONS = new Set(
  `about accent action actor age alto angle animal artist aspect atmosphere author background body border brand breed
  brush camera caption caveat character city clothing cloud clouds color colors colour colours composition concept
  content context country cover date depth description design detail details direction director dream effect effects
  emotion environment era example exposure expression eyes face fashion feature features film filter finish focus font
  force form format frame genre hair hour image info inspiration item label landscape language layout lens level light
  lighting line list location logo look man material medium message mode mood motif movement music name nature note
  object outfit output palette panel part person perspective photo picture place portion pose position poster prompt
  proportion proportions quality quote reference render resolution result room rule sans scale scene season setting shade shadow
  shape shot sign sin site skin sky sound source space speed state story structure subject summary task technique text
  texture theme time title tone tones topic type value version view warning weather window woman words work world year`.split(
    /\s+/,
  ),
);

describe('names of keys in other languages', () => {
  for (const language of OTHERS) {
    it(`are ${language} names that stand for one key only, and no words of prompts`, () => {
      for (const key of KEYS) {
        const name = key.names[language];
        for (const spelling of spellings(fold(name))) {
          const english = keyInEnglish(spelling);
          assert.ok(english === null || english === key, `${name} is another key in English`);
          const others = KEYS.filter(
            (other) => other !== key && OTHERS.some((one) => spellings(fold(other.names[one])).includes(spelling)),
          );
          assert.deepEqual(others, [], `${name} is another key in some language`);
          if (english === key) continue;
          assert.equal(foreignNamed(spelling), null, `${name} is a setting of other programs`);
          assert.ok(!BEFORE_COLONS.has(spelling), `${name} is a word of prompts`);
          assert.ok(!Object.hasOwn(SUBCOMMANDS, spelling), `${name} is a subcommand`);
        }
      }
    });

    it(`are unique among the native options of a command in ${language}, in the form that Discord takes`, () => {
      const painting = [
        ...KEYS.map(({ names }) => names[language]),
        ...(['prompt', 'image', 'image-2', 'image-3', 'mask'] as const).map((name) => OPTION_NAMES[name][language]),
      ];
      assert.deepEqual(new Set(painting).size, painting.length, painting.join(' '));
      for (const name of [...painting, ...Object.values(OPTION_NAMES).map((names) => names[language])]) {
        assert.match(name, /^[-_'\p{L}\p{N}]{1,32}$/u);
        assert.equal(name, name.toLowerCase());
      }
    });

    it(`are read in ${language} as the keys are in English, whoever types`, () => {
      for (const key of KEYS) assert.equal(keyNamed(key.names[language].toUpperCase()), key);
      const { width, seed, steps, negative } = Object.fromEntries(
        KEYS.map(({ name, names }) => [name, names[language]]),
      );
      const typed = `a panda ${width}:768 on a green background --${seed} 7 ${steps}=9 ${steps}:9 ${negative}:"text, frame"`;
      const { request } = imagine(typed);
      const { prompt, width: sides, seed: wanted, steps: many, negative: without } = request;
      assert.deepEqual(
        { prompt, sides, wanted, many, without },
        {
          prompt: `a panda on a green background ${steps}=9`,
          ...{ sides: 768, wanted: 7n, many: 9, without: 'text, frame' },
        },
      );
    });
  }

  it('are read without accents, and beside what is glued to them', () => {
    assert.equal(imagine('a panda hohe:512 grosse:512').request.height, 512);
  });

  it('are words of the prompt where their values are not of the kind', () => {
    for (const text of ['ein Panda, Stil:Barock', '高さ:三 panda', 'le panda, taille:petite', 'Überschrift:rot']) {
      assert.equal(imagine(text).request.prompt, text);
    }
  });

  it('are told by the help, beside the names that programs have', () => {
    const told = (language: 'en' | 'es') =>
      inLanguage(language, () => helpReply(DEFAULT_LIMITS, 'width').fields.map(({ value }) => value));
    assert.ok(told('es').includes('ancho, w'), told('es').join('; '));
    assert.ok(told('en').includes('w'));
  });

  it('are mended and written back in English', () => {
    for (const typed of ['höhe:999999', '--höhe 999999', '高さ：９９９９９９']) {
      const { error, corrected } = refusal(`a panda ${typed}`);
      assert.match(error.message, /^Expected height to be a whole number/);
      assert.equal(corrected, '/wuerst a panda height:3072');
    }
    const [first] = inLanguage('de', () => completions('a panda brei', DEFAULT_LIMITS));
    assert.equal(first?.insert, 'width:');
    assert.deepEqual(completions('a panda brei', DEFAULT_LIMITS), []);
  });
});
