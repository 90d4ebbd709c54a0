import type { KeyName, SettingKey } from '../command/key.ts';
import { KEYS, keyNamed } from '../command/keys.ts';
import { SUBCOMMANDS } from '../command/subcommand.ts';
import { EMPTY_REPLY, type Reply } from '../reply.ts';
import type { CommandLimits } from '../request-limits.ts';

/** What can be typed, or everything about one setting. At most 25 fields, each value one short line. */
export function helpReply(limits: CommandLimits, topic: KeyName | null = null): Reply {
  const key = topic === null ? null : keyNamed(topic);
  return key === null ? overview(limits) : explanation(key, limits);
}

function overview(limits: CommandLimits): Reply {
  return {
    ...EMPTY_REPLY,
    ephemeral: true,
    title: 'Say what to paint, with settings anywhere in it',
    lines: [
      'key:value without a space after the colon, or --key value. Quotes hold spaces: negative:"text, frame".',
      '{red, grey} fox makes one request for each, after asking. A backslash keeps a character as text: \\{ or \\:',
      ...Object.values(SUBCOMMANDS).map(({ usage, description }) => `/wuerst ${usage}: ${description}.`),
    ],
    fields: KEYS.map((key) => ({ name: example(key, limits), value: `${key.description}.` })),
    code: `/wuerst a red fox in the snow ar:2:3 style:${limits.styles.at(-1) ?? 'interpolated'}`,
  };
}

function explanation(key: SettingKey, limits: CommandLimits): Reply {
  const choices = key.choices?.(limits).values ?? [];
  return {
    ...EMPTY_REPLY,
    ephemeral: true,
    title: key.name,
    lines: [`${key.description}.`, `It is ${key.expected(limits)}.`],
    fields: [
      ...(choices.length > 0 ? [{ name: 'For instance', value: choices.join(', ') }] : []),
      ...(key.aliases.length > 0 ? [{ name: 'Also written', value: key.aliases.join(', ') }] : []),
    ],
    code: `/wuerst a red fox in the snow ${example(key, limits)}`,
  };
}

function example(key: SettingKey, limits: CommandLimits): string {
  return `${key.name}:${key.example(limits)}`;
}
