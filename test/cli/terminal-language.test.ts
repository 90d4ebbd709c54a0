import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { Command } from 'commander';
import { columns } from '../../src/cli/columns.ts';
import { commanderWords, helpInLanguage } from '../../src/cli/commander-words.ts';
import { byteSize } from '../../src/system/byte-size.ts';
import { displayWidth } from '../../src/system/display-width.ts';
import { OperatorError } from '../../src/system/errors.ts';
import { inLanguage, setStandardLanguage, terminalLanguage } from '../../src/texts/language.ts';
import { translationsFor } from '../../src/texts/translate.ts';

describe('terminalLanguage', () => {
  for (const [env, language] of [
    [{ LANG: 'de_DE.UTF-8' }, 'de'],
    [{ LANG: 'de_DE.UTF-8', LC_MESSAGES: 'fr_FR' }, 'fr'],
    [{ LANG: 'de_DE.UTF-8', LC_MESSAGES: 'fr_FR', LC_ALL: 'ja_JP' }, 'ja'],
    [{ LANG: 'de_DE.UTF-8', LC_ALL: '' }, 'de'],
    [{ LANG: 'de_DE.UTF-8', LANGUAGE: 'ko:es:fr' }, 'es'],
    [{ LANG: 'de_DE.UTF-8', LANGUAGE: '' }, 'de'],
    [{ LANG: 'C', LANGUAGE: 'es' }, 'en'],
    [{ LANG: 'de_DE.UTF-8', LANGUAGE: 'es', LC_ALL: 'C.UTF-8' }, 'en'],
    [{ LANG: 'ca_ES.UTF-8' }, 'en'],
    [{ LANGUAGE: 'es' }, 'en'],
    [{}, 'en'],
  ] as const) {
    it(`speaks ${language} for ${JSON.stringify(env)}`, () => assert.equal(terminalLanguage(env), language));
  }
});

test("commander's own sentences have a translation, and what was typed stays as it is", () => {
  const table: Record<string, unknown> = translationsFor('ja');
  const kept = { ...table };
  const say = (text: string) => inLanguage('ja', () => commanderWords(text));
  for (const source of ["unknown option '{flag}'", "option '{flags}' argument missing", '(Did you mean {name}?)']) {
    table[source] = `«${source}»`;
  }
  table.folder = '«folder»';
  assert.equal(
    say("error: unknown option '--colour'\n(Did you mean --color?)"),
    "«unknown option '--colour'»\n«(Did you mean --color?)»",
  );
  assert.equal(
    say("error: option '-o, --out <folder>' argument missing"),
    "«option '-o, --out <«folder»>' argument missing»",
  );
  assert.equal(say('error: something new'), 'something new');
  assert.equal(
    commanderWords('error: too many arguments. Expected 1 argument but got 3.'),
    'too many arguments. Expected 1 argument but got 3.',
  );
  for (const source of Object.keys(table)) delete table[source];
  Object.assign(table, kept);
});

test('an argument has one name in the whole help of a command, small as those of values are', () => {
  const command = new Command('verify')
    .argument('<files...>', 'what is looked at')
    .option('--redis <address>', 'where')
    .configureHelp(helpInLanguage);
  const help = inLanguage('de', () => command.helpInformation());
  assert.match(help, /verify \[optionen\] <dateien\.\.\.>\n/);
  assert.match(help, /\n {2}dateien +what is looked at\n/);
  assert.match(help, /--redis <adresse>/);
});

test('tables align where characters are wide', () => {
  assert.deepEqual(
    [displayWidth('ステージ C'), displayWidth('ｱｲｳ'), displayWidth('é'), displayWidth('e\u0301')],
    [10, 3, 1, 1],
  );
  assert.deepEqual(
    columns([
      ['名前', 'x'],
      ['name', 'y'],
    ]),
    ['名前  x', 'name  y'],
  );
});

test('sizes have the decimal point of the language', () => {
  assert.deepEqual([byteSize(67_300_000), inLanguage('de', () => byteSize(67_300_000))], ['67.3 MB', '67,3 MB']);
});

test('an error of the operator is in the language of the program, and is told again in that of the terminal', () => {
  const error = inLanguage(
    'de',
    () => new OperatorError('sizes', () => byteSize(1500), { hint: () => byteSize(2500) }),
  );
  assert.deepEqual([error.message, error.hint], ['1.5 kB', '2.5 kB']);
  setStandardLanguage('de');
  const again = error.again();
  setStandardLanguage('en');
  assert.deepEqual([again.message, again.hint, again.code], ['1,5 kB', '2,5 kB', 'sizes']);
});
