import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import { quoted } from '../command/problem.ts';
import type { WildcardsArgument } from '../command/prompt-subcommands.ts';
import { choicesIn, drawn, wildcardName } from '../command/wildcards.ts';
import { ruledBy } from '../job.ts';
import { promptSources } from '../prompts/sources.ts';
import { shortened } from '../replies/job-reply.ts';
import { NOTICE, type Reply } from '../reply.ts';
import { hiddenLine, namesAndMore, type PromptContext } from './change-presets.ts';

/** Of one guild. */
const MOST_LISTS = 200;
const LONGEST_LIST = 100_000;
const LISTED = 100;
const SHOWN = 4000;

/** What is left of a choice whose weight could not be read. */
const LIKE_A_WEIGHT = /^\s*[+-]?[\d.,]*(?:e[+-]?\d+)?::/i;

/**
 * Shows, sets or deletes lists of words.
 * @throws UserError `wildcard_unknown`, `wildcard_name`, `wildcard_empty`, `wildcard_too_long`, `wildcards_full`,
 *   `wildcards_not_allowed`, `wildcards_need_a_guild`
 */
export function wildcardsReply(given: WildcardsArgument, context: PromptContext): Reply {
  const { wildcards } = promptSources(context.caller, context.history, context.folder);
  if (given.action === 'list') {
    const { names } = wildcards;
    const first = names.slice(0, LISTED);
    const shown = first.filter((name) => context.refusal(wordsIn(name)) === undefined);
    const use = t('Use one: {use}. Moderators add one: {set}', {
      use: 'a __colour__ panda',
      set: 'wildcards set colour red, green, 3::blue',
    });
    return {
      ...NOTICE,
      title: names.length === 0 ? t('There are no wildcards here yet') : t('Wildcards'),
      lines: [
        ...(shown.length === 0 ? [] : [namesAndMore(shown, names.length - LISTED)]),
        ...hiddenLine(first.length - shown.length),
        use,
      ],
    };
  }
  const name = wildcardName(given.name);
  if (name === undefined) {
    throw new UserError(
      'wildcard_name',
      t('Expected the name of a wildcard, got {name}.', { name: quoted(given.name) }),
      {
        hint: t('A name has letters, digits, {signs} only, and no path: {example}', {
          signs: '-, _',
          example: 'colour',
        }),
      },
    );
  }
  if (given.action === 'show') {
    const list = wildcards.get(name);
    // Says what there is instead.
    if (list === undefined) drawn(`__${name}__`, { wildcards, seed: 0n, of: 'prompt' });
    return showReply(name, list ?? '', context);
  }
  if (given.action === 'set') return set(name, given.list, context);
  if (context.history.wildcards.remove(scopeFor(context), name, context.caller)) {
    return { ...NOTICE, title: t('The wildcard {name} was deleted', { name }) };
  }
  throw new UserError('wildcard_unknown', t('There is no wildcard {name} of this server.', { name: quoted(name) }), {
    hint: t('Its wildcards are listed by {command}', { command: '/wuerst wildcards' }),
  });
}

function showReply(name: string, list: string, { refusal }: PromptContext): Reply {
  const choices = choicesIn(list).length;
  const begin = list.slice(0, SHOWN).split(/\r\n|[\n\r]/);
  const shown = begin.filter((line) => refusal(`${wordsIn(name)}, ${line}`) === undefined);
  return {
    ...NOTICE,
    title: t('The wildcard {name}, {count} choice | The wildcard {name}, {count} choices', { name, count: choices }),
    lines: hiddenLine(begin.length - shown.length),
    code: shown.join('\n'),
  };
}

function wordsIn(name: string): string {
  return name.replace(/[-_]+/g, ' ');
}

function set(name: string, list: string, context: PromptContext): Reply {
  const { history } = context;
  const scope = scopeFor(context);
  const choices = choicesIn(list);
  if (choices.every(({ weight }) => weight === 0)) {
    throw new UserError('wildcard_empty', t('Expected something to draw from for {name}, got nothing.', { name }), {
      hint: t('For example: {command}', { command: '/wuerst wildcards set colour red, green, 3::blue' }),
    });
  }
  const odd = choices.find(({ text }) => LIKE_A_WEIGHT.test(text));
  if (odd !== undefined) {
    throw new UserError(
      'wildcard_weight',
      t('Expected a weight such as {example}, got {text}.', { example: '3::red', text: quoted(odd.text) }),
      {
        hint: t('It is a number from {least} to {most}, with a point if it is none of the whole ones.', {
          least: 0,
          most: 999_999,
        }),
      },
    );
  }
  if (list.length > LONGEST_LIST) {
    throw new UserError(
      'wildcard_too_long',
      t('Expected at most {most} characters, got {count}.', { most: LONGEST_LIST, count: list.length }),
    );
  }
  history.atomically(() => {
    history.wildcards.set(scope, name, list, context.caller);
    const count = history.wildcards.names(scope).length;
    if (count <= MOST_LISTS) return;
    throw new UserError(
      'wildcards_full',
      t('Expected at most {most} wildcards, got {count}.', { most: MOST_LISTS, count }),
      {
        hint: t('Delete some first: {command}', { command: '/wuerst wildcards delete <name>' }),
      },
    );
  });
  const shown = choices.map(({ text }) => text).filter((text) => context.refusal(text) === undefined);
  return {
    ...NOTICE,
    title: t('The wildcard {name} has {count} choice | The wildcard {name} has {count} choices', {
      name,
      count: choices.length,
    }),
    lines: [shortened(shown.join(', '), 300), ...hiddenLine(choices.length - shown.length)],
    code: `/wuerst a __${name}__ panda`,
  };
}

function scopeFor({ caller }: PromptContext) {
  if (!caller.moderator) {
    throw new UserError('wildcards_not_allowed', t('Only moderators can change wildcards here.'), {
      hint: t('Everyone can use them, and write {choice} in a prompt.', { choice: '{red|green}' }),
    });
  }
  const guild = ruledBy(caller);
  if (guild !== null) return { surface: caller.surface, guild };
  throw new UserError('wildcards_need_a_guild', t('A direct message has no wildcards of its own.'), {
    hint: t(
      'Change them in a channel of the server; those for everyone are files in the folder {folder} of the data folder.',
      { folder: 'wildcards' },
    ),
  });
}
