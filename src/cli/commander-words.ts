import type { HelpConfiguration, Option } from 'commander';
import { displayWidth } from '../system/display-width.ts';
import { t, translatable } from '../texts/translate.ts';

/** What stands for values and arguments in help and errors. */
const PLACEHOLDERS: ReadonlyMap<string, string> = new Map(
  [
    translatable('address'),
    translatable('addresses'),
    translatable('chain'),
    translatable('command'),
    translatable('count'),
    translatable('days'),
    translatable('file'),
    translatable('files'),
    translatable('folder'),
    translatable('format'),
    translatable('hosts'),
    translatable('key'),
    translatable('kind'),
    translatable('level'),
    translatable('limits'),
    translatable('list'),
    translatable('model'),
    translatable('name'),
    translatable('names'),
    translatable('number'),
    translatable('numbers'),
    translatable('options'),
    translatable('place'),
    translatable('port'),
    translatable('precision'),
    translatable('prompt'),
    translatable('repository'),
    translatable('revision'),
    translatable('room'),
    translatable('rooms'),
    translatable('seconds'),
    translatable('server'),
    translatable('size'),
    translatable('sizes'),
    translatable('styles'),
    translatable('url'),
    translatable('value'),
    translatable('workspace'),
  ].map((word) => [word, word]),
);

/** Words in brackets. */
const PLACEHOLDER = /(?<=[<[])[a-z]+(?=(?:\.\.\.)?[\]>])/g;

function placeholders(text: string): string {
  return text.replace(PLACEHOLDER, placeholder);
}

/** Small, as all of them are, also where the word is a title elsewhere. */
function placeholder(word: string): string {
  const source = PLACEHOLDERS.get(word);
  return source === undefined ? word : t(source).toLowerCase();
}

const TITLES: Readonly<Record<string, string>> = {
  'Usage:': translatable('Usage:'),
  'Arguments:': translatable('Arguments:'),
  'Options:': translatable('Options:'),
  'Commands:': translatable('Commands:'),
};

/** Commander's help in the reader's language. */
export const helpInLanguage: HelpConfiguration = {
  displayWidth,
  styleTitle: (title) => t(TITLES[title] ?? title),
  styleOptionText: placeholders,
  styleArgumentText: placeholders,
  styleArgumentTerm: placeholder,
  styleSubcommandText: placeholders,
  optionDescription: ({ description, argChoices, defaultValue, envVar, ...option }) => {
    const isShown = defaultValue !== undefined && (option.required || option.optional);
    return withFacts(description, [
      ...(argChoices ? [t('choices: {values}', { values: argChoices.map(asJson).join(', ') })] : []),
      ...(isShown ? [t('default: {value}', { value: option.defaultValueDescription ?? asJson(defaultValue) })] : []),
      ...(envVar === undefined ? [] : [t('env: {name}', { name: envVar })]),
    ]);
  },
  argumentDescription: ({ description, defaultValue }) =>
    withFacts(description, defaultValue === undefined ? [] : [t('default: {value}', { value: asJson(defaultValue) })]),
};

function asJson(value: Option['defaultValue']): string {
  return JSON.stringify(value);
}

function withFacts(description: string, facts: readonly string[]): string {
  return [description, ...(facts.length > 0 ? [`(${facts.join(', ')})`] : [])].filter(Boolean).join(' ');
}

type Words = Readonly<Record<string, string>>;

/** Commander's sentences, with what gives them in the reader's language. Of commander 14. */
const SENTENCES: readonly (readonly [RegExp, (words: Words) => string])[] = [
  [/^missing required argument '(?<name>.*)'$/, ({ name = '' }) => t("missing required argument '{name}'", { name })],
  [/^option '(?<flags>.*)' argument missing$/, ({ flags = '' }) => t("option '{flags}' argument missing", { flags })],
  [
    /^required option '(?<flags>.*)' not specified$/,
    ({ flags = '' }) => t("required option '{flags}' not specified", { flags }),
  ],
  [/^unknown option '(?<flag>.*)'$/, ({ flag = '' }) => t("unknown option '{flag}'", { flag })],
  [/^unknown command '(?<name>.*)'$/, ({ name = '' }) => t("unknown command '{name}'", { name })],
  [
    /^too many arguments. Expected (?<count>\d+) arguments? but got (?<got>\d+)\.$/,
    ({ count, got }) =>
      t(
        'too many arguments. Expected {count} argument but got {got}. | too many arguments. Expected {count} arguments but got {got}.',
        { count: Number(count), got: Number(got) },
      ),
  ],
  [
    /^too many arguments for '(?<name>.*)'. Expected (?<count>\d+) arguments? but got (?<got>\d+)\.$/,
    ({ name = '', count, got }) =>
      t(
        "too many arguments for '{name}'. Expected {count} argument but got {got}. | too many arguments for '{name}'. Expected {count} arguments but got {got}.",
        { name, count: Number(count), got: Number(got) },
      ),
  ],
  [/^\(Did you mean one of (?<names>.*)\?\)$/, ({ names = '' }) => t('(Did you mean one of {names}?)', { names })],
  [/^\(Did you mean (?<name>.*)\?\)$/, ({ name = '' }) => t('(Did you mean {name}?)', { name })],
];

/** What commander says against a command line, in the reader's language. */
export function commanderWords(text: string): string {
  return text
    .replace(/^error: /, '')
    .split('\n')
    .map((line) => {
      const found = SENTENCES.find(([sentence]) => sentence.test(line));
      return found ? found[1](placed(found[0].exec(line)?.groups)) : line;
    })
    .join('\n');
}

function placed(words: Words = {}): Words {
  return { ...words, ...(words.flags === undefined ? {} : { flags: placeholders(words.flags) }) };
}
