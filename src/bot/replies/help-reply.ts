import { currentLanguage } from '../../texts/language.ts';
import { t } from '../../texts/translate.ts';
import { describeKey, KEYS, type Key, type KeyName, keyNamed } from '../command/keys.ts';
import { SUBCOMMANDS } from '../command/subcommands.ts';
import { NOTICE, type Reply } from '../reply.ts';
import { examplePrompt, type RequestLimits } from '../request-limits.ts';

/** What can be typed, or everything about one setting. At most 25 fields, each value one short line. */
export function helpReply(limits: RequestLimits, topic: KeyName | null = null): Reply {
  const key = topic === null ? null : keyNamed(topic);
  const shown = key === null ? overview(limits) : explanation(key, limits);
  return { ...NOTICE, ...shown };
}

/** Something that can be typed, for help that is searched. */
export interface HelpTopic {
  readonly kind: 'command' | 'setting';
  /** How it is typed. */
  readonly usage: string;
  /** A sentence. */
  readonly about: string;
  /** Further sentences. */
  readonly details: readonly string[];
  /** What to begin with in the prompt. */
  readonly insert: string;
}

/** All settings and commands, with what `help` says of them all and of each. */
export function helpTopics(limits: RequestLimits): readonly HelpTopic[] {
  const settings = KEYS.map((key): HelpTopic => {
    const { lines = [], fields = [] } = explanation(key, limits);
    const [about = '', ...rules] = lines;
    const details = [...rules, ...fields.map(({ name, value }) => `${name}: ${value}.`)];
    return { kind: 'setting', usage: example(key, limits), about, details, insert: `${key.name}:` };
  });
  const commands = Object.entries(SUBCOMMANDS).map(([name, { usage, description }]): HelpTopic => {
    const insert = `/wuerst ${usage === name ? name : `${name} `}`;
    return { kind: 'command', usage: `/wuerst ${usage}`, about: `${t(description)}.`, details: [], insert };
  });
  return [...settings, ...commands];
}

/** How settings are written, whichever they are. */
export function writing(): readonly string[] {
  return [
    t('Write {form} without a space after the colon, or {option}. Quotes hold spaces: {quoted}.', {
      form: t('key:value'),
      option: t('--key value'),
      quoted: 'negative:"text, frame"',
    }),
    t('{example} makes one request for each, after asking. A backslash keeps a character as text: {brace} or {colon}', {
      example: '{red, grey} fox',
      brace: '\\{',
      colon: '\\:',
    }),
  ];
}

function overview(limits: RequestLimits): Partial<Reply> {
  return {
    title: t('Say what to paint, with settings anywhere in it'),
    lines: [
      ...writing(),
      ...Object.values(SUBCOMMANDS).map(({ usage, description }) => `/wuerst ${usage}: ${t(description)}.`),
    ],
    fields: KEYS.map((key) => ({ name: example(key, limits), value: `${describeKey(key, limits)}.` })),
    code: `/wuerst ${examplePrompt(limits)} ar:2:3 style:${limits.styles.at(-1) ?? 'interpolated'}`,
  };
}

function explanation(key: Key, limits: RequestLimits): Partial<Reply> {
  const field = (name: string, values: readonly string[] = []) =>
    values.length === 0 ? [] : [{ name, value: values.join(', ') }];
  return {
    title: key.name,
    lines: [`${describeKey(key, limits)}.`, key.expected(limits).rule],
    fields: [...field(t('For example'), key.choices?.(limits)), ...field(t('Also written'), otherNames(key))],
    code: `/wuerst ${examplePrompt(limits)} ${example(key, limits)}`,
  };
}

/** First what it is called in the reader's language. */
function otherNames({ name, names, aliases }: Key): readonly string[] {
  const language = currentLanguage();
  const local = language === 'en' || names[language] === name ? [] : [names[language]];
  return [...new Set([...local, ...aliases])];
}

function example(key: Key, limits: RequestLimits): string {
  return `${key.name}:${key.example(limits)}`;
}
