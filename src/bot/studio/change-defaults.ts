import { UserError } from '../../system/errors.ts';
import { listedAs, t, translatable } from '../../texts/translate.ts';
import { KEYS, type Key, keyNamed } from '../command/keys.ts';
import { quoted } from '../command/problem.ts';
import { MAXIMA, type MaximumName } from '../command/prompt-sources.ts';
import type { DefaultsArgument } from '../command/prompt-subcommands.ts';
import type { DefaultsScope } from '../history/defaults.ts';
import { type Caller, ruledBy } from '../job.ts';
import { defaultsScopes, MAXIMUM_PREFIX } from '../prompts/sources.ts';
import { NOTICE, type Reply } from '../reply.ts';
import type { RequestLimits } from '../request-limits.ts';
import type { PromptContext } from './change-presets.ts';

const TITLES: Readonly<Record<DefaultsScope['scope'], string>> = {
  person: translatable('Your defaults'),
  channel: translatable("This channel's defaults"),
  guild: translatable("This server's defaults"),
};
const CHANGED: typeof TITLES = {
  person: translatable('Your defaults are changed'),
  channel: translatable("This channel's defaults are changed"),
  guild: translatable("This server's defaults are changed"),
};
const NOT_ALLOWED: Readonly<Record<Exclude<DefaultsScope['scope'], 'person'>, string>> = {
  channel: translatable('Only moderators can change the defaults of this channel.'),
  guild: translatable('Only moderators can change the defaults of this server.'),
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
    throw new UserError('setting_given_twice', t('Expected {key} once, got it twice.', { key: repeated.key }));
  }
  history.atomically(() => {
    if (reset) history.defaults.clear(scope, caller);
    for (const { key, value } of changes) change(scope, key, value, context);
  });
  return { ...NOTICE, title: t(CHANGED[scope.scope]), fields: fieldsOf(scope, context) };
}

function shown(place: DefaultsArgument['place'], context: PromptContext): Reply {
  const scopes = defaultsScopes(context.caller).filter(({ scope }) => place === null || scope === place);
  const fields = scopes.flatMap((scope) => {
    const values = fieldsOf(scope, context).map(({ name, value }) => `${name}:${value}`);
    return [{ name: t(TITLES[scope.scope]), value: values.length === 0 ? t('none') : values.join(' ') }];
  });
  return {
    ...NOTICE,
    title: t('What is chosen where nothing is typed'),
    lines: [
      t(
        'What you type counts first, then a preset, then your default, the channel’s, the server’s, and what the model recommends.',
      ),
      t('Set yours: {set}. Take one back: {reset}. Moderators: {forChannel}', {
        set: 'defaults steps:20 style:base',
        reset: 'defaults steps:default',
        forChannel: 'defaults channel max-steps:30',
      }),
    ],
    fields,
  };
}

function fieldsOf(scope: DefaultsScope, { history, refusal }: PromptContext): Reply['fields'] {
  return Object.entries(history.defaults.of(scope)).map(([name, value]) => ({
    name,
    value: name === 'negative' && refusal('', value) !== undefined ? t('(words not allowed here)') : value,
  }));
}

function change(scope: DefaultsScope, typed: string, value: string, context: PromptContext): void {
  const { defaults } = context.history;
  const isBack = value.trim().toLowerCase() === 'default';
  const maximum = MAXIMA.find((name) => typed === `${MAXIMUM_PREFIX}${name}`);
  if (maximum !== undefined) {
    if (scope.scope === 'person') {
      throw new UserError('default_unknown', t('{typed} is for a channel or a server.', { typed }), {
        hint: t('For example: {command}', { command: `/wuerst defaults channel ${typed}:4` }),
      });
    }
    const most = Number(value);
    const largest = LARGEST[maximum](context.limits);
    if (!isBack && !(/^\d+(?:\.\d+)?$/.test(value) && most >= 1 && most <= largest)) {
      throw new UserError(
        'default_value',
        t('Expected {typed} to be a number from 1 to {largest}, got {value}.', {
          typed,
          largest,
          value: quoted(value),
        }),
        {
          hint: t('For example: {command}', {
            command: `/wuerst defaults ${scope.scope === 'guild' ? 'server' : 'channel'} ${typed}:${largest}`,
          }),
        },
      );
    }
    defaults.set(scope, typed, isBack ? undefined : String(most), context.caller);
    return;
  }
  const key = keyNamed(typed);
  if (key?.name === 'preset') throw presetAsDefault();
  if (key === null) throw unknownSetting(typed);
  if (isBack) {
    for (const other of clashing(key)) defaults.set(scope, other.name, undefined, context.caller);
    return;
  }
  const reading = key.read(value, context.limits);
  if (!('value' in reading)) {
    throw new UserError('default_value', key.expected(context.limits).wrong(key.name, quoted(value)), {
      hint: t('For example: {command}', {
        command: `/wuerst defaults ${key.name}:${reading.instead ?? key.example(context.limits)}`,
      }),
    });
  }
  for (const other of clashing(key)) defaults.set(scope, other.name, undefined, context.caller);
  defaults.set(scope, key.name, value, context.caller);
}

/** A key and those that fill the same fields. */
function clashing(key: Key): readonly Key[] {
  return KEYS.filter((other) => other === key || other.fields.some((field) => key.fields.includes(field)));
}

function presetAsDefault(): UserError {
  return new UserError(
    'default_unknown',
    t('A preset is no default, since it would stand around words that have it already.'),
    {
      hint: t('Its settings can be defaults: {command}', { command: '/wuerst defaults steps:20 style:base' }),
    },
  );
}

function unknownSetting(typed: string): UserError {
  const names = KEYS.filter(({ name }) => name !== 'preset').map(({ name }) => name);
  return new UserError('default_unknown', t('There is no setting {typed}.', { typed: quoted(typed) }), {
    hint: t('Settings are {names}; for a channel or a server also {maxima}.', {
      names: listedAs('conjunction', names),
      maxima: listedAs(
        'disjunction',
        MAXIMA.map((name) => MAXIMUM_PREFIX + name),
      ),
    }),
  });
}

function scopeFor(place: DefaultsScope['scope'], caller: Caller): DefaultsScope {
  const { surface, user, room, moderator } = caller;
  if (place === 'person') return { surface, scope: place, owner: user };
  if (!moderator) {
    throw new UserError('defaults_not_allowed', t(NOT_ALLOWED[place]), {
      hint: t('Yours are free: {command}', { command: '/wuerst defaults steps:20' }),
    });
  }
  if (place === 'channel') return { surface, scope: place, owner: room };
  const guild = ruledBy(caller);
  if (guild !== null) return { surface, scope: place, owner: guild };
  throw new UserError('defaults_need_a_guild', t('A direct message has no defaults of a server.'), {
    hint: t('Change them in a channel of the server.'),
  });
}
