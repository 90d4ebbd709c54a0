import { UserError } from '../../system/errors.ts';
import { quoted } from '../command/problem.ts';
import type { WildcardsArgument } from '../command/prompt-subcommands.ts';
import { choicesIn, drawn, wildcardName } from '../command/wildcards.ts';
import { ruledBy } from '../job.ts';
import { promptSources } from '../prompts/sources.ts';
import { shortened } from '../replies/job-reply.ts';
import { EMPTY_REPLY, type Reply } from '../reply.ts';
import { hiddenLine, type PromptContext } from './change-presets.ts';

/** Of one guild. */
const MOST_LISTS = 200;
const LONGEST_LIST = 100_000;
const LISTED = 100;
const SHOWN = 4000;

/** What is left of a choice whose weight could not be read. */
const LIKE_A_WEIGHT = /^\s*[+-]?[\d.,]*(?:e[+-]?\d+)?::/i;

const NOTICE: Reply = { ...EMPTY_REPLY, ephemeral: true };

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
    const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : '';
    const use = 'Use one: a __colour__ panda. Moderators add one: wildcards set colour red, green, 3::blue';
    return {
      ...NOTICE,
      title: names.length === 0 ? 'There are no wildcards here yet' : 'Wildcards',
      lines: [
        ...(shown.length === 0 ? [] : [`${shown.join(', ')}${more}`]),
        ...hiddenLine(first.length - shown.length),
        use,
      ],
    };
  }
  const name = wildcardName(given.name);
  if (name === undefined) {
    throw new UserError('wildcard_name', `Expected the name of a wildcard, got ${quoted(given.name)}.`, {
      hint: 'A name has letters, digits, - and _ only, and no path: colour',
    });
  }
  if (given.action === 'show') {
    const list = wildcards.get(name);
    // Says what there is instead.
    if (list === undefined) drawn(`__${name}__`, { wildcards, seed: 0n, of: 'prompt' });
    return showReply(name, list ?? '', context);
  }
  if (given.action === 'set') return set(name, given.list, context);
  if (context.history.wildcards.remove(scopeFor(context), name)) {
    return { ...NOTICE, title: `The wildcard ${name} was deleted` };
  }
  throw new UserError('wildcard_unknown', `There is no wildcard ${quoted(name)} of this server.`, {
    hint: 'Its wildcards are listed by /wuerst wildcards',
  });
}

function showReply(name: string, list: string, { refusal }: PromptContext): Reply {
  const choices = choicesIn(list).length;
  const begin = list.slice(0, SHOWN).split(/\r\n|[\n\r]/);
  const shown = begin.filter((line) => refusal(`${wordsIn(name)}, ${line}`) === undefined);
  return {
    ...NOTICE,
    title: `The wildcard ${name}, ${choices === 1 ? '1 choice' : `${choices} choices`}`,
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
    throw new UserError('wildcard_empty', `Expected something to draw from for ${name}, got nothing.`, {
      hint: 'For example: /wuerst wildcards set colour red, green, 3::blue',
    });
  }
  const odd = choices.find(({ text }) => LIKE_A_WEIGHT.test(text));
  if (odd !== undefined) {
    throw new UserError('wildcard_weight', `Expected a weight such as 3::red, got ${quoted(odd.text)}.`, {
      hint: 'It is a number from 0 to 999999, with a point if it is none of the whole ones.',
    });
  }
  if (list.length > LONGEST_LIST) {
    throw new UserError('wildcard_too_long', `Expected at most ${LONGEST_LIST} characters, got ${list.length}.`);
  }
  history.atomically(() => {
    history.wildcards.set(scope, name, list);
    const count = history.wildcards.names(scope).length;
    if (count <= MOST_LISTS) return;
    throw new UserError('wildcards_full', `Expected at most ${MOST_LISTS} wildcards, got ${count}.`, {
      hint: 'Delete some first: /wuerst wildcards delete <name>',
    });
  });
  const shown = choices.map(({ text }) => text).filter((text) => context.refusal(text) === undefined);
  return {
    ...NOTICE,
    title: `The wildcard ${name} has ${choices.length === 1 ? '1 choice' : `${choices.length} choices`}`,
    lines: [shortened(shown.join(', '), 300), ...hiddenLine(choices.length - shown.length)],
    code: `/wuerst a __${name}__ panda`,
  };
}

function scopeFor({ caller }: PromptContext) {
  if (!caller.moderator) {
    throw new UserError('wildcards_not_allowed', 'Only moderators can change wildcards here.', {
      hint: 'Everyone can use them, and write {red|green} in a prompt.',
    });
  }
  const guild = ruledBy(caller);
  if (guild !== null) return { surface: caller.surface, guild };
  throw new UserError('wildcards_need_a_guild', 'A direct message has no wildcards of its own.', {
    hint: 'Change them in a channel of the server; those for everyone are files in the folder wildcards of the data folder.',
  });
}
