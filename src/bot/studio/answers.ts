import { UserError } from '../../system/errors.ts';
import { listedAs, t } from '../../texts/translate.ts';
import { guildSettings } from '../command/guild-settings.ts';
import { parseCommand } from '../command/parse.ts';
import { quoted } from '../command/problem.ts';
import { isSubcommandName, SUBCOMMANDS, type Subcommand, type SubcommandName } from '../command/subcommands.ts';
import type { CommandOptions, Outcome } from '../core.ts';
import type { Caller, Job, Repeatable } from '../job.ts';
import { PERSON_BOUNDS } from '../person-bounds.ts';
import { RateLimit } from '../rate-limit.ts';
import { helpReply } from '../replies/help-reply.ts';
import { lorasReply } from '../replies/loras-reply.ts';
import { eraseQuestion, exportReply } from '../replies/own-data-reply.ts';
import type { Reply } from '../reply.ts';
import type { RequestLimits } from '../request-limits.ts';
import { type DraftVerb, draftsOf, parseAction } from './actions.ts';
import { cancelJob, newestUnfinished } from './cancelling.ts';
import { defaultsReply } from './change-defaults.ts';
import { presetsReply, withGivenFile } from './change-presets.ts';
import { changeSettings, isOperator, settingsReply } from './change-settings.ts';
import { wildcardsReply } from './change-wildcards.ts';
import { deletePictures, erasePerson } from './deleting.ts';
import { jobOutcome, replyOutcome as reply } from './outcomes.ts';
import { overrule } from './overruling.ts';
import { favouritesOf, historyOf, queueFor } from './own-lists.ts';
import { promptContext, sourcesFor } from './prompt-context.ts';
import { ask, confirm, earlierOutcome } from './questions.ts';
import { favour, info, savePreset, show, showJob } from './showing.ts';
import type { StudioParts } from './studio-parts.ts';
import { firstImage, requireOwner, type Target, Targets } from './targets.ts';

/** What executes each subcommand. */
type Executors = {
  readonly [Name in SubcommandName]: (given: Subcommand<Name>, caller: Caller) => Outcome | Promise<Outcome>;
};

/** Answers to what people type and click. */
export class Answers {
  readonly #parts: StudioParts;
  readonly #targets: Targets;
  readonly #exports: RateLimit;

  readonly #execute: Executors = {
    help: ({ topic }, caller) => reply(helpReply(this.limits(caller), topic)),
    presets: (given, caller) => reply(presetsReply(given, promptContext(this.#parts, caller))),
    wildcards: (given, caller) => reply(wildcardsReply(given, promptContext(this.#parts, caller))),
    defaults: (given, caller) => reply(defaultsReply(given, promptContext(this.#parts, caller))),
    show: ({ id }, caller) => showJob(this.#parts, this.#targets.get(id, caller), caller),
    history: (_, caller) => reply(historyOf(this.#parts, caller)),
    favourites: (_, caller) => reply(favouritesOf(this.#parts, caller)),
    queue: (_, caller) => reply(queueFor(this.#parts, caller)),
    cancel: ({ id }, caller) =>
      this.#cancel(id === null ? newestUnfinished(this.#parts, caller) : this.#targets.get(id, caller).job, caller),
    settings: ({ key, changes }, caller) => {
      const { history, rules, painters } = this.#parts;
      const context = { history, rules, painters, caller };
      return reply(changes.length > 0 ? changeSettings(context, changes) : settingsReply(context, key));
    },
    loras: (_, caller) => reply(lorasReply(this.#parts.rules.limits(caller).loras ?? [])),
    export: (_, caller) => {
      this.#requireExport(caller);
      const { surface, user } = caller;
      const { json, files } = this.#parts.history.personalData.export(surface, user);
      return reply(exportReply(json, files.length));
    },
    erase: ({ confirmed }, caller) =>
      confirmed ? erasePerson(this.#parts, caller) : reply(this.eraseQuestion(caller)),
    confirm: ({ id }, caller) => confirm(this.#parts, caller, id),
  };

  constructor(parts: StudioParts) {
    this.#parts = parts;
    this.#exports = new RateLimit(PERSON_BOUNDS.exports, () => parts.clock.monotonic());
    this.#targets = new Targets(parts.history, parts.rules);
  }

  /** Everything kept about a person, as JSON in parts. @throws TooOften `too_many_exports` */
  exportText(caller: Caller): Iterable<string> {
    this.#requireExport(caller);
    return this.#parts.history.personalData.exportText(caller.surface, caller.user);
  }

  command(text: string, caller: Caller, options: CommandOptions): Outcome | Promise<Outcome> {
    const { options: native = {}, subcommand = false } = options;
    const { submissions, rules, randomSeed } = this.#parts;
    // A command that is repeated has its answer, whatever has become forbidden since.
    const earlier = earlierOutcome(this.#parts, caller, options);
    if (earlier !== null) return earlier;
    const parsed = parseCommand(text, {
      limits: rules.limits(caller),
      sources: sourcesFor(this.#parts, caller),
      randomSeed,
      pictures: options.pictures,
      guildSettings: guildSettings(isOperator(caller)).map(({ name }) => name),
      options: native,
    });
    if (subcommand && (parsed.kind === 'imagine' || parsed.kind === 'permutations')) throw noSubcommand(text);
    const { file } = options;
    if (parsed.kind === 'presets' && parsed.action === 'import') {
      return reply(presetsReply(withGivenFile(parsed, file), promptContext(this.#parts, caller)));
    }
    if (file !== undefined) throw fileMisfit();
    if (parsed.kind === 'permutations') return ask(this.#parts, caller, parsed);
    if (parsed.kind !== 'imagine') return this.#run(parsed, caller);
    const { request, notes, doubt } = parsed;
    if (doubt !== undefined) return ask(this.#parts, caller, { requests: [request], notes, doubt });
    const [submitted] = submissions.submit(caller, [{ request, derivation: null, notes }], options);
    return jobOutcome(submitted);
  }

  /** What a command may ask for here, with the presets there are. */
  limits(caller: Caller): RequestLimits {
    return { ...this.#parts.rules.limits(caller), presets: sourcesFor(this.#parts, caller).presets.names };
  }

  /** Saved styles that can be named here. */
  presets(caller: Caller) {
    const { presets } = sourcesFor(this.#parts, caller);
    return presets.names.flatMap((name) => {
      const preset = presets.get(name);
      return preset === undefined ? [] : [{ name, prompt: preset.prompt, negative: preset.negative }];
    });
  }

  act(
    action: string,
    caller: Caller,
    { text, ...key }: Repeatable & { readonly text?: string },
  ): Outcome | Promise<Outcome> {
    const earlier = earlierOutcome(this.#parts, caller, key);
    if (earlier !== null) return earlier;
    const { verb, id } = parseAction(action);
    if (verb === 'confirm') return confirm(this.#parts, caller, id);
    if (verb === 'erase') return erasePerson(this.#parts, caller);
    const target = this.#targets.get(id, caller);
    switch (verb) {
      case 'show':
        return show(this.#parts, target, caller);
      case 'info':
        return info(this.#parts, target, caller);
      case 'favourite':
      case 'unfavourite':
        return favour(this.#parts, target, caller, verb === 'favourite');
      case 'save-preset':
        return savePreset(this.#parts, target, caller, text);
      case 'uncover':
      case 'hide':
        return overrule(this.#parts, target, caller, verb === 'uncover' ? 'shown' : 'hidden');
      case 'cancel':
        return this.#cancel(target.job, caller);
      case 'delete':
        return deletePictures(this.#parts, target, caller);
      default:
        return this.#derive(verb, target, caller, { ...key, text });
    }
  }

  eraseQuestion({ surface, user }: Caller): Reply {
    return eraseQuestion(this.#parts.removals.left(surface, user));
  }

  /** What an action is about; `null` for `confirm` and `erase`. @throws UserError as `act` does */
  targetOf(action: string, caller: Caller): Target | null {
    const { verb, id } = parseAction(action);
    return verb === 'confirm' || verb === 'erase' ? null : this.#targets.get(id, caller);
  }

  #derive(
    verb: DraftVerb,
    { job, image }: Target,
    caller: Caller,
    { text, ...key }: Repeatable & { readonly text: string | undefined },
  ): Outcome {
    const { rules, submissions, randomSeed } = this.#parts;
    const acted = verb === 'reroll' ? image : (image ?? firstImage(job));
    const limits = rules.limits(caller);
    const sources = sourcesFor(this.#parts, caller);
    const drafts = draftsOf(verb, { job, image: acted, text, limits, sources, randomSeed });
    if (drafts.length === 1) return jobOutcome(submissions.submit(caller, drafts, key)[0]);
    // Stored questions hold requests alone: these are made from the words, with the seed of the picture.
    return ask(this.#parts, caller, { requests: drafts.map(({ request }) => request), notes: [] });
  }

  #cancel(job: Job, caller: Caller): Outcome {
    requireOwner(job, caller, 'cancel');
    return cancelJob(this.#parts, job, caller);
  }

  #requireExport({ surface, user }: Caller): void {
    const message = t('You have just been given everything that is kept about you.');
    this.#exports.require(`${surface} ${user}`, 'too_many_exports', message);
  }

  #run<Name extends SubcommandName>(given: Subcommand<Name>, caller: Caller): Outcome | Promise<Outcome> {
    return this.#execute[given.kind](given, caller);
  }
}

function fileMisfit(): UserError {
  return new UserError('file_misfit', t('A file goes with the import of presets alone.'), {
    hint: t('Send it with: {command}', { command: 'presets import' }),
  });
}

function noSubcommand(text: string): UserError {
  const [name = ''] = text.split(' ', 1);
  const usage = isSubcommandName(name) ? SUBCOMMANDS[name].usage : listedAs('disjunction', Object.keys(SUBCOMMANDS));
  return new UserError('subcommand_malformed', t('Expected {usage}, got {text}.', { usage, text: quoted(text) }), {
    hint: t('An id is the letters and digits below a picture. For yours, see {command}', {
      command: '/wuerst history',
    }),
  });
}
