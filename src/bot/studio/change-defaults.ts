import { UserError } from '../../system/errors.ts';
import { listedAs } from '../../texts/translate.ts';
import { KEYS, type Key, keyNamed } from '../command/keys.ts';
import { quoted } from '../command/problem.ts';
import { MAXIMA, type MaximumName } from '../command/prompt-sources.ts';
import type { DefaultsArgument } from '../command/prompt-subcommands.ts';
import type { DefaultsScope } from '../history/defaults.ts';
import { type Caller, ruledBy } from '../job.ts';
import { defaultsScopes, MAXIMUM_PREFIX } from '../prompts/sources.ts';
import { EMPTY_REPLY, type Reply } from '../reply.ts';
import type { RequestLimits } from '../request-limits.ts';
import type { PromptContext } from './change-presets.ts';

const NOTICE: Reply = { ...EMPTY_REPLY, ephemeral: true };
const TITLES: Readonly<Record<DefaultsScope['scope'], string>> = {
  person: 'Your defaults',
  channel: "This channel's defaults",
  guild: "This server's defaults",
};
const LARGEST: Readonly<Record<MaximumName, (limits: RequestLimits) => number>> = {
  n: ({ maxImages }) => maxImages,
  pixels: ({ maxPixels }) => maxPixels,
  steps: ({ maxSteps }) => maxSteps,
  guidance: ({ maxGuidance }) => maxGuidance,
};

/**
 * Shows what is chosen where nothing is typed, or changes it, all or nothing.
 * @throws UserError `defaults_not_allowed`, `defaults_need_a_guild`, `default_unknown`, `default_value`
 */
export function defaultsReply({ place, reset, changes }: DefaultsArgument, context: PromptContext): Reply {
  const { history, caller } = context;
  if (!reset && changes.length === 0) return shown(place, context);
  const scope = scopeFor(place ?? 'person', caller);
  const repeated = changes.find(({ key }, i) => changes.findIndex((other) => other.key === key) < i);
  if (repeated !== undefined) {
    throw new UserError('setting_given_twice', `Expected ${repeated.key} once, got it twice.`);
  }
  history.atomically(() => {
    if (reset) history.defaults.clear(scope);
    for (const { key, value } of changes) change(scope, key, value, context);
  });
  return { ...NOTICE, title: `${TITLES[scope.scope]} are changed`, fields: fieldsOf(scope, context) };
}

function shown(place: DefaultsArgument['place'], context: PromptContext): Reply {
  const scopes = defaultsScopes(context.caller).filter(({ scope }) => place === null || scope === place);
  const fields = scopes.flatMap((scope) => {
    const values = fieldsOf(scope, context).map(({ name, value }) => `${name}:${value}`);
    return [{ name: TITLES[scope.scope], value: values.length === 0 ? 'none' : values.join(' ') }];
  });
  return {
    ...NOTICE,
    title: 'What is chosen where nothing is typed',
    lines: [
      'What you type counts first, then a preset, then your default, the channel’s, the server’s, and what the model recommends.',
      'Set yours: defaults steps:20 style:base. Take one back: defaults steps:default. Moderators: defaults channel max-steps:30',
    ],
    fields,
  };
}

function fieldsOf(scope: DefaultsScope, { history, refusal }: PromptContext): Reply['fields'] {
  return Object.entries(history.defaults.of(scope)).map(([name, value]) => ({
    name,
    value: name === 'negative' && refusal('', value) !== undefined ? '(words not allowed here)' : value,
  }));
}

function change(scope: DefaultsScope, typed: string, value: string, context: PromptContext): void {
  const { defaults } = context.history;
  const isBack = value.trim().toLowerCase() === 'default';
  const maximum = MAXIMA.find((name) => typed === `${MAXIMUM_PREFIX}${name}`);
  if (maximum !== undefined) {
    if (scope.scope === 'person') {
      throw new UserError('default_unknown', `${typed} is for a channel or a server.`, {
        hint: `For example: /wuerst defaults channel ${typed}:4`,
      });
    }
    const most = Number(value);
    const largest = LARGEST[maximum](context.limits);
    if (!isBack && !(/^\d+(?:\.\d+)?$/.test(value) && most >= 1 && most <= largest)) {
      throw new UserError(
        'default_value',
        `Expected ${typed} to be a number from 1 to ${largest}, got ${quoted(value)}.`,
        {
          hint: `For example: /wuerst defaults ${scope.scope === 'guild' ? 'server' : 'channel'} ${typed}:${largest}`,
        },
      );
    }
    defaults.set(scope, typed, isBack ? undefined : String(most));
    return;
  }
  const key = keyNamed(typed);
  if (key?.name === 'preset') throw presetAsDefault();
  if (key === null) throw unknownSetting(typed);
  if (isBack) {
    for (const other of clashing(key)) defaults.set(scope, other.name, undefined);
    return;
  }
  const reading = key.read(value, context.limits);
  if (!('value' in reading)) {
    throw new UserError('default_value', key.expected(context.limits).wrong(key.name, quoted(value)), {
      hint: `For example: /wuerst defaults ${key.name}:${reading.instead ?? key.example(context.limits)}`,
    });
  }
  for (const other of clashing(key)) defaults.set(scope, other.name, undefined);
  defaults.set(scope, key.name, value);
}

/** A key and those that fill the same fields. */
function clashing(key: Key): readonly Key[] {
  return KEYS.filter((other) => other === key || other.fields.some((field) => key.fields.includes(field)));
}

function presetAsDefault(): UserError {
  return new UserError(
    'default_unknown',
    'A preset is no default, since it would stand around words that have it already.',
    {
      hint: 'Its settings can be defaults: /wuerst defaults steps:20 style:base',
    },
  );
}

function unknownSetting(typed: string): UserError {
  const names = KEYS.filter(({ name }) => name !== 'preset').map(({ name }) => name);
  return new UserError('default_unknown', `There is no setting ${quoted(typed)}.`, {
    hint: `Settings are ${listedAs('conjunction', names)}; for a channel or a server also ${listedAs(
      'disjunction',
      MAXIMA.map((name) => MAXIMUM_PREFIX + name),
    )}.`,
  });
}

function scopeFor(place: DefaultsScope['scope'], caller: Caller): DefaultsScope {
  const { surface, user, room, moderator } = caller;
  if (place === 'person') return { surface, scope: place, owner: user };
  if (!moderator) {
    throw new UserError(
      'defaults_not_allowed',
      `Only moderators can change the defaults of this ${place === 'guild' ? 'server' : place}.`,
      {
        hint: 'Yours are free: /wuerst defaults steps:20',
      },
    );
  }
  if (place === 'channel') return { surface, scope: place, owner: room };
  const guild = ruledBy(caller);
  if (guild !== null) return { surface, scope: place, owner: guild };
  throw new UserError('defaults_need_a_guild', 'A direct message has no defaults of a server.', {
    hint: 'Change them in a channel of the server.',
  });
}
