import type { Caller } from '../../../bot/job.ts';
import type { Reply } from '../../../bot/reply.ts';
import { type Clock, pause } from '../../../system/clock.ts';
import { UserError } from '../../../system/errors.ts';
import type { Logger } from '../../../system/logging.ts';
import type { Core, Outcome } from '../../adapter.ts';
import type { Deliveries, JobOutcome } from '../messages/delivery.ts';
import type { Origin } from '../messages/message-ref.ts';
import { messageOf, NO_FILES, plainSection } from '../messages/render.ts';
import type { SharedFiles } from '../messages/shared-files.ts';
import { share } from '../messages/uploads.ts';
import type { Message } from '../web-api/api.ts';
import { describe, Refused } from '../web-api/errors.ts';
import { type Workspace, type Workspaces, within } from '../web-api/workspaces.ts';
import type { Callers } from './callers.ts';

/** What the core may take before an interaction is acknowledged without knowing the outcome, in ms. */
const DECIDE_WITHIN = 120;
/** Longer code is cut by `messageOf`. */
const LONGEST_CODE = 2400;
/** How many interactions are remembered to recognise those that Slack delivers again. */
const REMEMBERED = 5000;

export type Visibility = 'ephemeral' | 'in_channel';

/** What one person did, and the ways to answer. */
export interface Exchange {
  /** Slack's id of what was done: deliveries of the same have the same. */
  readonly key: string;
  /** `channel` is empty where it was done outside of any, on the Home tab. */
  readonly place: Origin;
  /** Acknowledges; where the kind of interaction allows, with the whole answer. */
  ack(answer?: { readonly message: Message; readonly visibility: Visibility }): Promise<void>;
  /** Whether `ack` can carry the answer. */
  readonly ackAnswers: boolean;
  /** Answers through the interaction's own address, which works in channels that the bot is not in. */
  readonly respond: ((message: Message, visibility: Visibility) => Promise<void>) | null;
  /** Shows an error inside the form that it is about. Resolves with whether it could. */
  readonly correct?: (message: string) => Promise<void>;
}

export interface ExchangeOptions {
  readonly core: Core;
  readonly workspaces: Workspaces;
  readonly callers: Callers;
  readonly deliveries: Deliveries;
  readonly files: SharedFiles;
  readonly clock: Clock;
  readonly logger: Logger;
}

export type Exchanges = ReturnType<typeof createExchanges>;

/** Runs what people do, once each, and answers: a job by its message, a reply where only those see it who should. */
export function createExchanges(options: ExchangeOptions) {
  const { core, workspaces, callers, deliveries, files, clock, logger } = options;
  const seen = new Set<string>();
  const running = new Set<Promise<void>>();

  /** `false` for what was delivered before. */
  function first(key: string): boolean {
    if (seen.has(key)) return false;
    seen.add(key);
    for (const old of seen) {
      if (seen.size <= REMEMBERED) break;
      seen.delete(old);
    }
    return true;
  }

  /** Never rejects. */
  async function answer(exchange: Exchange, work: (caller: Caller, key: string) => Promise<Outcome>): Promise<void> {
    const done = run(exchange, work).catch((error: unknown) => {
      logger.warn({ key: exchange.key, problem: describe(error) }, 'slack: something could not be answered');
    });
    running.add(done);
    await done;
    running.delete(done);
  }

  async function run(exchange: Exchange, work: (caller: Caller, key: string) => Promise<Outcome>): Promise<void> {
    if (!first(exchange.key)) return acknowledge(exchange);
    const placed = placeOf(exchange);
    const outcome = placed.then((place) => decide(place, exchange.key, work));
    // A place that cannot be had is no reason to leave the interaction unacknowledged.
    const early = await Promise.race([outcome, pause(clock, DECIDE_WITHIN).then(() => null)]).catch(() => null);
    if (early === null) {
      await acknowledge(exchange);
      return conclude(exchange, await placed, await outcome);
    }
    const place = await placed;
    if (early.kind === 'reply' && (await quickAnswer(exchange, place, early.reply))) return;
    // Stored before it is acknowledged: what Slack has been thanked for is never lost.
    if (early.kind === 'job') showJob(exchange, place, early);
    await acknowledge(exchange);
    if (early.kind === 'reply') await show(exchange, place, early.reply);
  }

  async function conclude(exchange: Exchange, place: Origin, outcome: Outcome): Promise<void> {
    if (outcome.kind === 'job') showJob(exchange, place, outcome);
    else await show(exchange, place, outcome.reply);
  }

  async function decide(
    place: Origin,
    key: string,
    work: (caller: Caller, key: string) => Promise<Outcome>,
  ): Promise<Outcome> {
    try {
      const caller = await callers.of(place);
      deliveries.expect(caller.user, caller.room, place);
      return await work(caller, `slack:${place.team}:${key}`);
    } catch (error) {
      if (!(error instanceof UserError)) logger.error({ problem: describe(error) }, 'slack: a command failed');
      return { kind: 'reply', reply: core.errorReply(error) };
    }
  }

  /** By its message; a job of another platform has its message there, and is only looked at. */
  function showJob(exchange: Exchange, place: Origin, outcome: JobOutcome): void {
    const { key, respond } = exchange;
    if (outcome.job.caller.surface !== 'slack') {
      void show(exchange, place, core.jobReply(outcome.job)).catch((error: unknown) => {
        logger.warn({ key, problem: describe(error) }, 'slack: a job could not be shown');
      });
      return;
    }
    const moved = (why: string) => {
      respond?.({ text: why, blocks: [plainSection(why, 300)] }, 'ephemeral').catch((error: unknown) => {
        logger.debug({ key, problem: describe(error) }, 'slack: could not say where the result comes');
      });
    };
    deliveries.follow(outcome, { key, origin: place, moved });
  }

  /** Answers by the acknowledgement itself, where a reply is at hand and fits into it. */
  async function quickAnswer(exchange: Exchange, place: Origin, reply: Reply): Promise<boolean> {
    if (exchange.correct && reply.tone === 'error') {
      seen.delete(exchange.key);
      await exchange.correct([reply.title, ...reply.lines].filter((line) => line.trim() !== '').join('\n'));
      return true;
    }
    if (!exchange.ackAnswers || reply.images.length > 0 || isLong(reply.code)) return false;
    const answer = { message: messageOf(reply, NO_FILES), visibility: visibilityOf(reply) };
    try {
      await exchange.ack(answer);
    } catch (error) {
      logger.debug({ key: exchange.key, problem: describe(error) }, 'slack: an acknowledgement was not taken');
      await tell(exchange, place, answer.message, answer.visibility);
    }
    return true;
  }

  async function acknowledge(exchange: Exchange): Promise<void> {
    try {
      await exchange.ack();
    } catch (error) {
      // The connection went in between: Slack delivers again elsewhere, and that is acknowledged.
      logger.debug({ key: exchange.key, problem: describe(error) }, 'slack: an acknowledgement was not taken');
    }
  }

  async function show(exchange: Exchange, place: Origin, reply: Reply): Promise<void> {
    const workspace = workspaces.of(place.team, place.enterprise);
    const images = await filesOf(workspace, reply);
    const shown = await withLongCode(workspace, place, reply);
    await tell(exchange, place, messageOf(shown, { images, preview: null }), visibilityOf(reply));
  }

  /** Text that no message can hold comes as a file by direct message, whole and to one person only. */
  async function withLongCode(workspace: Workspace, place: Origin, reply: Reply): Promise<Reply> {
    if (reply.code === null || !isLong(reply.code)) return reply;
    const dm = await workspace.api.openDm(place.user);
    await share(workspace, { fileName: 'wuerst.txt', data: Buffer.from(reply.code), alt: reply.title }, dm);
    return { ...reply, code: null, lines: [...reply.lines, 'It is long, so it comes as a file by direct message.'] };
  }

  async function filesOf(workspace: Workspace, reply: Reply): Promise<Map<string, string>> {
    const shown = new Map<string, string>();
    for (const image of reply.images) {
      const file = await files.fileOf(workspace, image).catch((error: unknown) => {
        logger.warn({ image: image.id, problem: describe(error) }, 'slack: a picture could not be uploaded');
        return null;
      });
      if (file !== null) shown.set(image.id, file);
    }
    return shown;
  }

  /** By the interaction's own address if it has one, else in the conversation, else by direct message. */
  async function tell(exchange: Exchange, place: Origin, message: Message, visibility: Visibility): Promise<void> {
    // Response addresses may not know files that only the bot can see.
    const pictured = message.blocks.some(({ type }) => type === 'image');
    if (exchange.respond && exchange.place.channel !== '' && !pictured) {
      try {
        return await exchange.respond(message, visibility);
      } catch (error) {
        logger.debug({ key: exchange.key, problem: describe(error) }, 'slack: a response address did not work');
      }
    }
    const workspace = workspaces.of(place.team, place.enterprise);
    const { api } = workspace;
    const key = `told ${exchange.key}`;
    await within(workspace.posts(place.channel), key, 'final', async () => {
      try {
        // On the Home tab nothing but a direct message shows.
        if (visibility === 'in_channel' || exchange.place.channel === '') await api.post(place, message, null);
        else await api.ephemeral(place, place.user, message);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        await api.post({ channel: await api.openDm(place.user), thread: null }, message, null);
      }
    });
  }

  async function placeOf({ place }: Exchange): Promise<Origin> {
    if (place.channel !== '') return place;
    const { api } = workspaces.of(place.team, place.enterprise);
    return { ...place, channel: await api.openDm(place.user), thread: null };
  }

  return {
    answer,
    first,
    /** Resolves once everything that was begun has been answered. */
    async settled(): Promise<void> {
      await Promise.all(running);
    },
  };
}

function isLong(code: string | null): boolean {
  return code !== null && code.length > LONGEST_CODE;
}

function visibilityOf(reply: Reply): Visibility {
  return reply.ephemeral || reply.tone === 'error' ? 'ephemeral' : 'in_channel';
}
