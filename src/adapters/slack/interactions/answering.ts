import { type Caller, forReader, type Reader } from '../../../bot/job.ts';
import { fileIdOf, type Reply } from '../../../bot/reply.ts';
import { t } from '../../../texts/translate.ts';
import type { Outcome } from '../../adapter.ts';
import { FirstAnswers } from '../../delivery/first-answer.ts';
import { replyNotice } from '../../delivery/poorer.ts';
import type { Deliveries, DeliveriesOptions, JobOutcome } from '../messages/delivery.ts';
import type { Origin } from '../messages/message-ref.ts';
import { messageOf, NO_FILES } from '../messages/render.ts';
import { tell } from '../messages/telling.ts';
import { upload, uploadsRefused } from '../messages/uploads.ts';
import type { Message } from '../web-api/api.ts';
import { errorText, problemOf, reasonOf, whyOf } from '../web-api/errors.ts';
import { type Workspace, within } from '../web-api/workspaces.ts';
import type { Callers } from './callers.ts';

/** Longer code is cut by `messageOf`. */
const LONGEST_CODE = 2400;

export interface Answer {
  readonly message: Message;
  readonly visibility: 'ephemeral' | 'in_channel';
}

/** What one person did, and the ways to answer. */
export interface Interaction {
  /** Slack's id of the interaction, the same for repeated deliveries. */
  readonly key: string;
  /** `channel` is empty on the Home tab. */
  readonly origin: Origin;
  /** Acknowledges; left out where the kind of interaction needs none. */
  readonly ack?: (answer?: Answer) => Promise<void>;
  /** Whether `ack` can carry the whole answer. @default false */
  readonly ackAnswers?: boolean;
  /** Answers through the interaction's own address, which works in channels that the bot is not in. */
  readonly respond?: (answer: Answer) => Promise<void>;
  /** Shows an error inside the form that it is about. */
  readonly correct?: (message: string) => Promise<void>;
}

/** Calls the core for a person; `key` is the idempotency key. */
type Work = (caller: Caller, key: string) => Promise<Outcome>;

export interface AnsweringOptions extends DeliveriesOptions {
  readonly callers: Callers;
  readonly deliveries: Deliveries;
  readonly decideMs: number | undefined;
}

/** Answers interactions with what the core made of them: a job by its message, a reply where only the right people see it. */
export class Answering {
  readonly #options: AnsweringOptions;
  readonly #first: FirstAnswers;
  readonly #running = new Set<Promise<void>>();

  constructor(options: AnsweringOptions) {
    const { core, clock, logger, decideMs } = options;
    const report = (error: unknown) => logger.error({ problem: errorText(error) }, 'slack: a command failed');
    this.#options = options;
    this.#first = new FirstAnswers(core, clock, report, decideMs);
  }

  /** `false` for a repeated delivery. */
  isNew(key: string): boolean {
    return this.#first.isNew(key);
  }

  /** Resolves once everything that was begun has been answered. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Never rejects. */
  async answer(interaction: Interaction, work: Work): Promise<void> {
    const done = this.#run(interaction, work).catch((error: unknown) => {
      const log = { key: interaction.key, problem: errorText(error) };
      this.#options.logger.warn(log, 'slack: something could not be answered');
    });
    this.#running.add(done);
    await done;
    this.#running.delete(done);
  }

  async #run(interaction: Interaction, work: Work): Promise<void> {
    if (!this.isNew(interaction.key)) {
      await this.acknowledge(interaction);
      return;
    }
    let { origin } = interaction;
    let reader: Reader = {};
    const decide = async () => {
      if (origin.channel === '') origin = await this.#inDm(origin);
      const caller = await this.#options.callers.of(origin);
      reader = caller;
      return forReader(caller, () =>
        this.#first.outcomeOf(async () => this.#decide(origin, caller, interaction.key, work)),
      );
    };
    const { outcome, acknowledged } = await this.#first.decide(decide, () => this.acknowledge(interaction));
    await forReader(reader, () => this.#conclude(interaction, origin, outcome, acknowledged));
  }

  async #conclude(
    interaction: Interaction,
    origin: Origin,
    outcome: Outcome,
    acknowledged: boolean | null,
  ): Promise<void> {
    if (outcome.kind === 'reply') {
      if (acknowledged === null && (await this.#answerAtOnce(interaction, origin, outcome.reply))) return;
      if (acknowledged === null) await this.acknowledge(interaction);
      return this.#show(interaction, origin, outcome.reply);
    }
    // Stored before it is acknowledged: Slack does not deliver again what was acknowledged.
    this.#showJob(interaction, origin, outcome);
    if (acknowledged === null) await this.acknowledge(interaction);
  }

  #decide(origin: Origin, caller: Caller, key: string, work: Work): Promise<Outcome> {
    const { deliveries } = this.#options;
    deliveries.expect(caller.user, caller.room, origin);
    return work(caller, `slack:${origin.team}:${key}`);
  }

  async #inDm(origin: Origin): Promise<Origin> {
    const { api } = this.#options.workspaces.of(origin);
    return { ...origin, channel: await api.openDm(origin.user), thread: null };
  }

  /** Shows the job by its message; for a job of another platform, which has its message there, only its current state. */
  #showJob(interaction: Interaction, origin: Origin, outcome: JobOutcome): void {
    const { core, deliveries, logger } = this.#options;
    const { key, respond } = interaction;
    if (outcome.job.caller.surface !== 'slack') {
      void this.#show(interaction, origin, core.jobReply(outcome.job)).catch((error: unknown) => {
        logger.warn({ key, problem: errorText(error) }, 'slack: a job could not be shown');
      });
      return;
    }
    const privately = respond && ((message: Message) => respond({ message, visibility: 'ephemeral' }));
    deliveries.follow(outcome, { key, origin, respond: privately ?? null });
  }

  /** Answers by the acknowledgement itself if the reply fits into it. `false` if it does not. */
  async #answerAtOnce(interaction: Interaction, origin: Origin, reply: Reply): Promise<boolean> {
    if (interaction.correct && reply.tone === 'error') {
      this.#first.forget(interaction.key);
      await interaction.correct([reply.title, ...reply.lines].filter((line) => line.trim() !== '').join('\n'));
      return true;
    }
    if (!interaction.ackAnswers || reply.images.length > 0 || isLong(reply.code)) return false;
    const answer: Answer = { message: messageOf(reply, NO_FILES), visibility: visibilityOf(reply) };
    if (!(await this.acknowledge(interaction, answer))) await this.#tell(interaction, origin, answer);
    return true;
  }

  /** Resolves with whether Slack took the acknowledgement: if the connection was lost, Slack delivers again. */
  async acknowledge(interaction: Interaction, answer?: Answer): Promise<boolean> {
    try {
      await interaction.ack?.(answer);
      return true;
    } catch (error) {
      const log = { key: interaction.key, problem: errorText(error) };
      this.#options.logger.debug(log, 'slack: an acknowledgement was not taken');
      return false;
    }
  }

  async #show(interaction: Interaction, origin: Origin, reply: Reply): Promise<void> {
    const workspace = this.#options.workspaces.of(origin);
    const { images, why } = await this.#filesOf(workspace, reply);
    const told =
      why === null ? reply : { ...reply, lines: [...reply.lines, t("A picture can't be shown. {why}", { why })] };
    const shown = await this.#withLongCode(workspace, origin, told);
    const message = messageOf(shown, { images, preview: null });
    await this.#tell(interaction, origin, { message, visibility: visibilityOf(reply) });
  }

  /** Code that is too long for a message is sent as a file by direct message; where that can't be, it is cut. */
  async #withLongCode(workspace: Workspace, origin: Origin, reply: Reply): Promise<Reply> {
    if (reply.code === null || !isLong(reply.code)) return reply;
    try {
      const dm = await workspace.api.openDm(origin.user);
      const file = { fileName: 'wuerst.txt', data: Buffer.from(reply.code), alt: '' };
      await upload(workspace, file, { urgency: 'final', channel: dm });
      return {
        ...reply,
        code: null,
        lines: [...reply.lines, t('It is long, so it comes as a file by direct message.')],
      };
    } catch (error) {
      this.#note(error, 'slack: a text could not be sent as a file');
      const why = uploadsRefused(error) ?? whyOf(error);
      return {
        ...reply,
        lines: [...reply.lines, t('It is too long for a message, so its end is missing. {why}', { why })],
      };
    }
  }

  #note(error: unknown, message: string): void {
    this.#options.deliveries.refused(reasonOf(error));
    this.#options.logger.debug({ problem: errorText(error) }, message);
  }

  /** The files that show a reply's pictures, and why one of them is missing. */
  async #filesOf(workspace: Workspace, { images }: Reply) {
    const shown = new Map<string, string>();
    let why: string | null = null;
    for (const image of images) {
      try {
        const file = await this.#options.files.fileOf(workspace, image);
        if (file !== null) shown.set(fileIdOf(image), file);
      } catch (error) {
        this.#note(error, 'slack: a picture could not be uploaded');
        why = uploadsRefused(error) ?? whyOf(error);
      }
    }
    return { images: shown, why };
  }

  /**
   * By the interaction's own address if it has one, else in the conversation, else by direct message. Where none of them
   * takes the answer, the person is told at least why. Rejects with why not even that was possible.
   */
  async #tell(interaction: Interaction, origin: Origin, answer: Answer): Promise<void> {
    const { message, visibility } = answer;
    const { key, respond } = interaction;
    const workspace = this.#options.workspaces.of(origin);
    const { api } = workspace;
    const note = (error: unknown) => this.#note(error, 'slack: an answer was refused');
    // From the Home tab only a direct message is visible.
    const fromHome = interaction.origin.channel === '';
    // Messages sent to response addresses can't show files that only the bot can see.
    const pictured = message.blocks.some(({ type }) => type === 'image');
    const inPlace = () =>
      visibility === 'in_channel' ? api.post(origin, message, null) : api.ephemeral(origin, origin.user, message);
    const inDm = async () => api.post({ channel: await api.openDm(origin.user), thread: null }, message, null);
    const refusal = (way: () => Promise<unknown>) =>
      way().then(
        () => null,
        (error: unknown) => {
          note(error);
          return problemOf(error);
        },
      );
    if (respond && !fromHome && !pictured && (await refusal(() => respond(answer))) === null) return;
    let first: Error | null = null;
    for (const way of fromHome ? [inDm] : [inPlace, inDm]) {
      const problem = await refusal(() => this.#inTurn(workspace, origin, key, way));
      if (problem === null) return;
      first ??= problem;
    }
    const privately = respond ? (told: Message) => respond({ message: told, visibility: 'ephemeral' }) : null;
    const { title, lines } = replyNotice(whyOf(first));
    const place = { channel: origin.channel, thread: origin.thread };
    const telling = { workspace, key, place, user: origin.user, respond: privately, note };
    if (!(await tell(telling, [title, ...lines].join(' ')))) throw first ?? new Error('No way to answer was left.');
  }

  #inTurn(workspace: Workspace, origin: Origin, key: string, way: () => Promise<unknown>): Promise<unknown> {
    return within(workspace.posts(origin.channel), `told ${key}`, 'final', way);
  }
}

function isLong(code: string | null): boolean {
  return code !== null && code.length > LONGEST_CODE;
}

function visibilityOf(reply: Reply): Answer['visibility'] {
  return reply.ephemeral || reply.tone === 'error' ? 'ephemeral' : 'in_channel';
}
