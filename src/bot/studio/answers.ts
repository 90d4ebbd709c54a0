import type { Clock } from '../../system/clock.ts';
import { UserError } from '../../system/errors.ts';
import { guildSettings } from '../command/guild-settings.ts';
import { withinMaxima } from '../command/layers.ts';
import { parseCommand } from '../command/parse.ts';
import { listed, quoted } from '../command/problem.ts';
import type { PromptSources } from '../command/prompt-sources.ts';
import { isSubcommandName, SUBCOMMANDS, type Subcommand, type SubcommandName } from '../command/subcommands.ts';
import type { CommandOptions, Outcome } from '../core.ts';
import { QUESTION_WAITS } from '../history/confirmations.ts';
import type { History } from '../history/history.ts';
import { type Caller, type ImagineRequest, isOver, type Job, type JobImage, ruledBy } from '../job.ts';
import type { Dispatcher } from '../jobs/dispatcher.ts';
import type { EventBus } from '../jobs/event-bus.ts';
import type { JobQueue } from '../jobs/job-queue.ts';
import type { Painters } from '../jobs/painters.ts';
import type { QueuePositions } from '../jobs/queue-positions.ts';
import type { Removals } from '../jobs/removals.ts';
import type { LostImages } from '../jobs/restore-images.ts';
import type { Draft, Submissions } from '../jobs/submissions.ts';
import { PERSON_BOUNDS } from '../person-bounds.ts';
import type { PromptFolder } from '../prompts/prompt-folder.ts';
import { promptSources } from '../prompts/sources.ts';
import { POSITION_CAP } from '../queue/fair-queue.ts';
import { RateLimit } from '../rate-limit.ts';
import { helpReply } from '../replies/help-reply.ts';
import { imageReply, kept } from '../replies/job-reply.ts';
import * as replies from '../replies/replies.ts';
import type { Reply } from '../reply.ts';
import type { RequestLimits } from '../request-limits.ts';
import type { GuildRules } from '../rules/guild-rules.ts';
import { type DraftVerb, draftsOf, parseAction } from './actions.ts';
import { defaultsReply } from './change-defaults.ts';
import { type PromptContext, presetsReply, savePictureAsPreset, withGivenFile } from './change-presets.ts';
import { changeSettings, isOperator, settingsReply } from './change-settings.ts';
import { wildcardsReply } from './change-wildcards.ts';
import { isOwner, isVisible, requireOwner, type Target, Targets } from './targets.ts';

interface AnswersOptions {
  readonly history: History;
  readonly rules: GuildRules;
  readonly queue: JobQueue;
  readonly painters: Pick<Painters, 'all'>;
  readonly dispatcher: Dispatcher;
  readonly positions: QueuePositions;
  readonly submissions: Submissions;
  readonly images: LostImages;
  readonly bus: EventBus;
  readonly removals: Removals;
  readonly clock: Clock;
  readonly randomSeed: () => bigint;
  /** What whoever runs the bot has put into the data folder. */
  readonly prompts: PromptFolder | undefined;
  /** Who signs the pictures. */
  readonly signature: string | undefined;
}

const OWN_IN_QUEUE = 10;
/** The latest ones that are looked through for those that may be shown. */
const FAVOURITES = 100;
const ERASED_PAGE = 500;

/** What executes each subcommand. */
type Executors = {
  readonly [Name in SubcommandName]: (given: Subcommand<Name>, caller: Caller) => Outcome | Promise<Outcome>;
};

/** Answers to what people type and click. */
export class Answers {
  readonly #options: AnswersOptions;
  readonly #targets: Targets;
  readonly #exports: RateLimit;

  readonly #execute: Executors = {
    help: ({ topic }, caller) => reply(helpReply(this.limits(caller), topic)),
    presets: (given, caller) => reply(presetsReply(given, this.#prompts(caller))),
    wildcards: (given, caller) => reply(wildcardsReply(given, this.#prompts(caller))),
    defaults: (given, caller) => reply(defaultsReply(given, this.#prompts(caller))),
    show: ({ id }, caller) =>
      jobOutcome({ job: this.#shown(this.#targets.get(id, caller).job, caller), repeated: true }),
    history: (_, caller) => reply(this.#historyOf(caller)),
    favourites: (_, caller) => reply(this.#favouritesOf(caller)),
    queue: (_, caller) => reply(this.#queueFor(caller)),
    cancel: ({ id }, caller) => this.#cancel(this.#toCancel(id, caller), caller),
    settings: ({ key, changes }, caller) => {
      const { history, rules, painters } = this.#options;
      const context = { history, rules, painters, caller };
      return reply(changes.length > 0 ? changeSettings(context, changes) : settingsReply(context, key));
    },
    loras: (_, caller) => reply(replies.lorasReply(this.#options.rules.limits(caller).loras ?? [])),
    export: (_, caller) => {
      this.#requireExport(caller);
      const { surface, user } = caller;
      const { json, files } = this.#options.history.personalData.export(surface, user);
      return reply(replies.exportReply(json, files.length));
    },
    erase: ({ confirmed }, caller) => (confirmed ? this.#erase(caller) : reply(this.eraseQuestion(caller))),
    confirm: ({ id }, caller) => this.#confirm(caller, id),
  };

  constructor(options: AnswersOptions) {
    this.#options = options;
    this.#exports = new RateLimit(PERSON_BOUNDS.exports, () => options.clock.monotonic());
    this.#targets = new Targets(options.history, options.rules);
  }

  /** Everything kept about a person, as JSON in parts. @throws TooOften `too_many_exports` */
  exportText(caller: Caller): Iterable<string> {
    this.#requireExport(caller);
    return this.#options.history.personalData.exportText(caller.surface, caller.user);
  }

  command(text: string, caller: Caller, options: CommandOptions): Outcome | Promise<Outcome> {
    const { idempotencyKey, options: native = {}, subcommand = false } = options;
    const { submissions, rules, randomSeed } = this.#options;
    // A command that is repeated has its answer, whatever has become forbidden since.
    const earlier = this.#earlier(caller, idempotencyKey);
    if (earlier !== null) return earlier;
    const parsed = parseCommand(text, {
      limits: rules.limits(caller),
      sources: this.#sources(caller),
      randomSeed,
      pictures: options.pictures,
      guildSettings: guildSettings(isOperator(caller)).map(({ name }) => name),
      options: native,
    });
    if (subcommand && (parsed.kind === 'imagine' || parsed.kind === 'permutations')) throw noSubcommand(text);
    const { file } = options;
    if (parsed.kind === 'presets' && parsed.action === 'import') {
      return reply(presetsReply(withGivenFile(parsed, file), this.#prompts(caller)));
    }
    if (file !== undefined) throw fileMisfit();
    if (parsed.kind === 'permutations') return this.#ask(caller, parsed.requests, parsed.notes);
    if (parsed.kind !== 'imagine') return this.#run(parsed, caller);
    const { request, notes, doubt } = parsed;
    if (doubt !== undefined) return this.#ask(caller, [request], notes, doubt);
    const [submitted] = submissions.submit(caller, [{ request, derivation: null, notes }], idempotencyKey);
    return jobOutcome(submitted);
  }

  /** What a command may ask for here, with the presets there are. */
  limits(caller: Caller): RequestLimits {
    return { ...this.#options.rules.limits(caller), presets: this.#sources(caller).presets.names };
  }

  /** Saved styles that can be named here. */
  presets(caller: Caller) {
    const { presets } = this.#sources(caller);
    return presets.names.flatMap((name) => {
      const preset = presets.get(name);
      return preset === undefined ? [] : [{ name, prompt: preset.prompt, negative: preset.negative }];
    });
  }

  #sources(caller: Caller): PromptSources {
    return promptSources(caller, this.#options.history, this.#options.prompts);
  }

  #prompts(caller: Caller): PromptContext {
    const { history, rules, prompts } = this.#options;
    const refusal = (prompt: string, negative = '') => rules.refusal({ prompt, negative, weighted: true }, caller);
    return { history, folder: prompts, limits: rules.limits(caller), caller, refusal };
  }

  act(
    action: string,
    caller: Caller,
    { idempotencyKey, text }: { readonly idempotencyKey?: string; readonly text?: string },
  ): Outcome | Promise<Outcome> {
    const earlier = this.#earlier(caller, idempotencyKey);
    if (earlier !== null) return earlier;
    const { verb, id } = parseAction(action);
    if (verb === 'confirm') return this.#confirm(caller, id);
    if (verb === 'erase') return this.#erase(caller);
    const target = this.#targets.get(id, caller);
    switch (verb) {
      case 'show':
        return this.#show(target, caller);
      case 'info':
        return this.#info(target, caller);
      case 'favourite':
      case 'unfavourite':
        return this.#favour(target, caller, verb === 'favourite');
      case 'save-preset':
        return this.#savePreset(target, caller, text);
      case 'cancel':
        return this.#cancel(target.job, caller);
      case 'delete':
        return this.#delete(target, caller);
      default:
        return this.#derive(verb, target, caller, { idempotencyKey, text });
    }
  }

  eraseQuestion({ surface, user }: Caller): Reply {
    return replies.eraseQuestion(this.#options.removals.left(surface, user));
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
    { idempotencyKey, text }: { readonly idempotencyKey: string | undefined; readonly text: string | undefined },
  ): Outcome {
    const { rules, submissions, randomSeed } = this.#options;
    const acted = verb === 'reroll' ? image : (image ?? firstImage(job));
    const limits = rules.limits(caller);
    const sources = this.#sources(caller);
    const drafts = draftsOf(verb, { job, image: acted, text, limits, sources, randomSeed });
    if (drafts.length === 1) return jobOutcome(submissions.submit(caller, drafts, idempotencyKey)[0]);
    // Stored questions hold requests alone: these are made from the words, with the seed of the picture.
    const requests = drafts.map(({ request }) => request);
    return this.#ask(caller, requests, []);
  }

  /** @param doubt the commands that may have been meant by a single request */
  #ask(
    caller: Caller,
    requests: readonly ImagineRequest[],
    notes: readonly string[],
    doubt: readonly string[] | null = null,
  ): Outcome {
    const { history, submissions, clock } = this.#options;
    const allowed = submissions.review(caller, requests);
    const id = history.confirmations.save({ caller, requests: allowed, expiresAt: clock.now() + QUESTION_WAITS });
    const question = { id, requests: allowed, notes };
    return reply(doubt === null ? replies.confirmReply(question) : replies.doubtReply(question, doubt));
  }

  #confirm(caller: Caller, id: string | null): Outcome {
    const { history, submissions } = this.#options;
    const asked = id ?? history.confirmations.newestOf(caller.surface, caller.user);
    // The question is the key: a yes counts once, however often and from wherever it is said.
    const key = `confirm:${asked ?? ''}`;
    const earlier = this.#earlier(caller, key);
    if (earlier !== null) return earlier;
    const confirmation = asked === null ? null : history.confirmations.get(asked);
    if (asked === null || confirmation === null) {
      throw new UserError('confirmation_unknown', 'No question is waiting for your answer.', {
        hint: 'Questions wait for an hour. Ask again: /wuerst a {red, grey} fox',
      });
    }
    if (confirmation.caller.surface !== caller.surface || confirmation.caller.user !== caller.user) {
      throw new UserError('not_yours', 'This question was put to somebody else.', {
        hint: 'Only the person who asked for the pictures can say yes.',
      });
    }
    // The yes may come from another place than the question.
    const { maxima } = this.#sources(caller);
    const limits = this.#options.rules.limits(caller);
    const drafts = confirmation.requests.map((asked): Draft => {
      const { request, notes } = withinMaxima(asked, maxima, limits);
      return { request, derivation: null, notes };
    });
    const submitted = submissions.submit(caller, drafts, key);
    history.confirmations.take(asked);
    if (submitted.length === 1) return jobOutcome(submitted[0]);
    return reply(replies.confirmedReply(submitted.map(({ job }) => job)));
  }

  #requireExport({ surface, user }: Caller): void {
    const message = 'You have just been given everything that is kept about you.';
    this.#exports.require(`${surface} ${user}`, 'too_many_exports', message);
  }

  #run<Name extends SubcommandName>(given: Subcommand<Name>, caller: Caller): Outcome | Promise<Outcome> {
    return this.#execute[given.kind](given, caller);
  }

  #historyOf(caller: Caller): Reply {
    const { surface, user } = caller;
    const { history, rules } = this.#options;
    const jobs = history.lists.page({ surface, user, limit: 10 });
    const here = rules.at(caller);
    const shown = jobs.filter(({ request }) => rules.refusal(request, caller) === undefined);
    return replies.historyReply(shown, {
      isPresent: (id) => history.images.file(id)?.state === 'present',
      spoiler: here.spoiler,
      hidden: jobs.length - shown.length,
    });
  }

  #favouritesOf(caller: Caller): Reply {
    const { surface, user } = caller;
    const { history, rules } = this.#options;
    const liked = history.gallery.likedBy(surface, user).slice(-FAVOURITES).reverse();
    const pictures = liked.flatMap(({ id }) => history.gallery.get(id, caller) ?? []);
    const shown = pictures.filter(
      ({ job }) => isVisible(job, caller) && rules.refusal(job.request, caller) === undefined,
    );
    return replies.favouritesReply(shown, {
      isPresent: (id) => history.images.file(id)?.state === 'present',
      spoiler: rules.at(caller).spoiler,
      hidden: pictures.length - shown.length,
    });
  }

  #favour({ job, image }: Target, caller: Caller, isLiked: boolean): Outcome {
    const { history, rules } = this.#options;
    rules.refuse(job.request, caller);
    const { id } = image ?? firstImage(job);
    if (isLiked) history.gallery.like(id, caller);
    else history.gallery.unlike(id, caller);
    return reply(replies.favouredReply(id, isLiked));
  }

  #queueFor(caller: Caller): Reply {
    const { surface, user } = caller;
    const guild = ruledBy(caller);
    const { history, queue, dispatcher, positions } = this.#options;
    const own = history.lists.unfinished({ surface, user });
    const running = dispatcher.runningIds.map((id) => ({
      own: own.some((job) => job.id === id),
      fraction: dispatcher.step(id)?.fraction ?? 0,
    }));
    const shown = own.slice(0, OWN_IN_QUEUE);
    return replies.queueReply({
      waiting: queue.waiting.size,
      here: guild === null ? null : history.lists.countUnfinished({ surface, guild }),
      running,
      own: shown.map((job) => ({ job, ...positions.of(job, POSITION_CAP) })),
    });
  }

  #toCancel(id: string | null, caller: Caller): Job {
    if (id !== null) return this.#targets.get(id, caller).job;
    const { surface, user } = caller;
    const newest = this.#options.history.lists.unfinished({ surface, user }).at(-1);
    if (newest !== undefined) return newest;
    throw new UserError('job_unknown', 'You have no request that is waiting or running.', {
      hint: 'See what you asked for: /wuerst history',
    });
  }

  #cancel(job: Job, caller: Caller): Outcome {
    const { history, queue, dispatcher, bus } = this.#options;
    requireOwner(job, caller, 'cancel');
    if (isOver(job)) {
      throw new UserError('already_finished', `This request is already ${job.state}.`, {
        hint: 'Its pictures can be deleted instead.',
      });
    }
    const own = isOwner(job, caller);
    const reason = { code: 'cancelled', message: own ? 'Cancelled.' : 'Cancelled by a moderator.' };
    const cancel = () => {
      const cancelled = history.jobs.cancel(job.id, reason, dispatcher.computed(job));
      if (cancelled !== null && !own) {
        const { surface, user: actor } = caller;
        const { guild } = job.caller;
        history.audit.add({ surface, guild, actor, action: 'cancel', target: job.id, detail: null });
      }
      return cancelled;
    };
    queue.transact(cancel, (event) => {
      if (event === null) return;
      queue.remove(job.id);
      dispatcher.abort(job.id);
      bus.emit(event);
    });
    return jobOutcome({ job: history.jobs.get(job.id) ?? job, repeated: false });
  }

  #delete({ job, image }: Target, caller: Caller): Outcome {
    const { history, bus, removals } = this.#options;
    requireOwner(job, caller, 'delete');
    const images = image === null ? kept(job) : [image];
    if (images.length === 0) {
      throw isOver(job)
        ? new UserError('image_deleted', 'Its pictures have already been deleted.')
        : new UserError('job_not_finished', 'This request has no pictures yet.', { hint: 'It can be cancelled.' });
    }
    const { surface, user } = caller;
    for (const { id } of images) bus.emit(history.images.delete(id, { surface, user }));
    removals.announce(job.caller.surface);
    return jobOutcome({ job: history.jobs.get(job.id) ?? job, repeated: false });
  }

  async #erase({ surface, user }: Caller): Promise<Outcome> {
    const { history, removals, bus } = this.#options;
    const { personalData } = history;
    const jobs = this.#jobsOf(surface, user);
    const counts = personalData.erase(surface, user);
    for (const job of jobs) bus.emit({ seq: null, type: 'erased', job });
    removals.announce(surface);
    const posted = await removals.outlook(surface, user);
    return reply(replies.erasedReply({ ...counts, posted, logHoldsErased: personalData.logHoldsErased }));
  }

  #jobsOf(surface: Caller['surface'], user: string): readonly Job[] {
    const { lists } = this.#options.history;
    const jobs: Job[] = [];
    for (let before: { before?: string } = {}; ; before = { before: jobs.at(-1)?.id ?? '' }) {
      const page = lists.page({ surface, user, limit: ERASED_PAGE, ...before });
      jobs.push(...page);
      if (page.length < ERASED_PAGE) return jobs;
    }
  }

  /**
   * A job that is about to be shown to a caller: the rules of their place hold, wherever it was made, and lost files are
   * made again on their account.
   */
  #shown(job: Job, caller: Caller, pictures = kept(job)): Job {
    const { history, rules, images } = this.#options;
    const place = rules.at(caller);
    rules.refuse(job.request, caller);
    images.restore(
      pictures.map(({ id }) => id),
      caller,
    );
    if (!place.spoiler || job.request.spoiler) return job;
    history.jobs.cover(job.id);
    return { ...job, request: { ...job.request, spoiler: true } };
  }

  #show({ job, image }: Target, caller: Caller): Outcome {
    const shown = this.#shown(job, caller, image === null ? kept(job) : [image]);
    if (image === null) return jobOutcome({ job: shown, repeated: true });
    return reply(imageReply(shown, image, this.#options.rules.limits(job.caller)));
  }

  #savePreset({ job }: Target, caller: Caller, text = ''): Outcome {
    this.#options.rules.refuse(job.request, caller);
    return reply(savePictureAsPreset(job.request, text, this.#prompts(caller)));
  }

  #info({ job, image }: Target, caller: Caller): Outcome {
    const { history, rules, signature } = this.#options;
    rules.refuse(job.request, caller);
    const acted = image ?? kept(job)[0] ?? null;
    const details = acted === null ? null : history.images.get(acted.id);
    const shown = this.#withoutForbiddenOriginal(job, caller);
    return reply(replies.infoReply(shown, acted, details, rules.limits(job.caller), signature));
  }

  /** What was typed may name what was not drawn, and so was not refused. */
  #withoutForbiddenOriginal(job: Job, caller: Caller): Job {
    const { original = '', originalNegative = '', ...request } = job.request;
    const typed = { prompt: original, negative: originalNegative, weighted: true } as const;
    return this.#options.rules.refusal(typed, caller) === undefined ? job : { ...job, request };
  }

  #earlier(caller: Caller, key: string | undefined): Outcome | null {
    const earlier = this.#options.submissions.earlier(caller, key);
    if (earlier.length > 1) return reply(replies.confirmedReply(earlier.map(({ job }) => job)));
    return earlier.length === 1 ? jobOutcome(earlier[0]) : null;
  }
}

/** The picture meant by an action on a job: its first one that is left. */
function firstImage(job: Job): JobImage {
  const [image] = kept(job);
  if (image !== undefined) return image;
  throw new UserError('image_unknown', 'This request has no picture to start from.', {
    hint: 'Reroll makes it again with new seeds.',
  });
}

function fileMisfit(): UserError {
  return new UserError('file_misfit', 'A file goes with the import of presets alone.', {
    hint: 'Send it with: presets import',
  });
}

function noSubcommand(text: string): UserError {
  const [name = ''] = text.split(' ', 1);
  const usage = isSubcommandName(name) ? SUBCOMMANDS[name].usage : listed(Object.keys(SUBCOMMANDS));
  return new UserError('subcommand_malformed', `Expected ${usage}, got ${quoted(text)}.`, {
    hint: 'An id is the letters and digits below a picture. For yours, see /wuerst history',
  });
}

function jobOutcome(submitted: { readonly job: Job; readonly repeated: boolean } | undefined): Outcome {
  if (submitted === undefined) throw new RangeError('Expected a job to answer with, got none.');
  return { kind: 'job', ...submitted };
}

function reply(shown: Reply): Outcome {
  return { kind: 'reply', reply: shown };
}
