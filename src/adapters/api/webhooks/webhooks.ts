import PQueue from 'p-queue';
import type { Agent, request } from 'undici';
import type { ApiKeys } from '../../../bot/history/api-keys.ts';
import type { WebhookMessage, WebhookMessages } from '../../../bot/history/webhook-messages.ts';
import { isOver, type Job } from '../../../bot/job.ts';
import { isProgram, keyPaying } from '../../../bot/keys/api-key.ts';
import { type Clock, systemClock } from '../../../system/clock.ts';
import type { Logger } from '../../../system/logging.ts';
import { secondsAsked } from '../../../system/retry-after.ts';
import type { Core } from '../../adapter.ts';
import { shownPictures } from '../serving/picture-files.ts';
import type { PictureLinks } from '../serving/picture-links.ts';
import { publicLookup, type Resolve, requirePublicHost } from './public-address.ts';
import { signedHeaders, webhookSecret } from './signature.ts';

interface Options {
  readonly keys: ApiKeys;
  readonly messages: WebhookMessages;
  /** The installation's own secret. */
  readonly secret: Uint8Array;
  readonly links: PictureLinks;
  /** Where links begin. */
  readonly baseUrl: string;
  /** Addresses that are not of the internet may be reached, also without TLS. */
  readonly allowPrivate: boolean;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** @default the system's */
  readonly resolve?: Resolve;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** Pauses between attempts: some three days, in which a message is not forgotten. */
const PAUSES = [5 * SECOND, 30 * SECOND, 5 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, 24 * HOUR];
const AT_ONCE = 8;
const TIMEOUT = 10 * SECOND;
/** Bytes of an answer; a longer one ends the connection. */
const MOST_READ = 16 * 1024;

interface Client {
  readonly agent: Agent;
  readonly request: typeof request;
}

/**
 * Tells programs of the ends of their requests, at least once: a message is stored before the request counts as delivered,
 * and goes when it was taken. It has the same id at every attempt.
 */
export class Webhooks {
  readonly #options: Options;
  readonly #clock: Clock;
  readonly #open: () => Promise<Client>;
  /** Loaded with the first message: most bots never send one. */
  #client: Promise<Client> | undefined;
  readonly #queue = new PQueue({ concurrency: AT_ONCE });
  /** Ids of keys. */
  readonly #sending = new Set<string>();
  #stops: (() => void)[] = [];
  #wake: () => void = () => {};
  #core: Core | undefined;

  constructor(options: Options) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const connect = options.allowPrivate
      ? { timeout: TIMEOUT }
      : { timeout: TIMEOUT, lookup: publicLookup(options.resolve) };
    this.#open = async () => {
      const { Agent, request } = await import('undici');
      return { request, agent: new Agent({ connect, headersTimeout: TIMEOUT, bodyTimeout: TIMEOUT }) };
    };
  }

  /** To be called before any adapter starts, which would count requests as delivered. */
  start(core: Core): void {
    this.#core = core;
    for (const surface of ['web', 'discord', 'slack'] as const) {
      for (const job of core.undelivered(surface)) this.#take(job);
    }
    this.#stops.push(
      core.subscribe(({ seq, type, job }) => {
        if (seq !== null && type !== 'changed' && type !== 'erased' && isOver(job)) this.#take(job);
      }),
    );
    this.#send();
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop();
    this.#wake();
    this.#queue.clear();
    await (await this.#client)?.agent.destroy();
    await this.#queue.onIdle();
  }

  #take(job: Job): void {
    const keyId = isProgram(job.caller) ? keyPaying(job.caller) : null;
    const key = keyId === null ? null : this.#options.keys.get(keyId);
    if (key === null || key.webhook === undefined) return;
    this.#options.messages.add({ id: `msg_${job.id}_${job.state}`, keyId: key.id, jobId: job.id }, this.#clock.now());
    this.#send();
  }

  /** Sends what is due, one message of each key at a time, and wakes up for what is due next. */
  #send(): void {
    if (this.#stops.length === 0) return;
    this.#wake();
    this.#wake = () => {};
    const { keys, messages } = this.#options;
    const now = this.#clock.now();
    const waiting: number[] = [];
    for (const { id } of keys.all()) {
      if (this.#sending.has(id)) continue;
      const message = messages.due(id, now);
      if (message === undefined) waiting.push(messages.nextDue(id) ?? Number.POSITIVE_INFINITY);
      else {
        this.#sending.add(id);
        void this.#queue.add(() => this.#attempt(message));
      }
    }
    const next = Math.min(...waiting);
    if (next === Number.POSITIVE_INFINITY) return;
    this.#wake = this.#clock.after(Math.min(HOUR, Math.max(SECOND, next - now)), () => this.#send());
  }

  async #attempt(message: WebhookMessage): Promise<void> {
    const { messages, logger } = this.#options;
    try {
      const problem = await this.#post(message);
      if (this.#stops.length === 0) return;
      if (problem === undefined) messages.remove(message.id);
      else this.#postpone(message, problem);
    } catch (err) {
      logger.error({ err }, 'a message to a program could not be stored');
    } finally {
      this.#sending.delete(message.keyId);
      this.#send();
    }
  }

  #postpone({ id, tries, keyId }: WebhookMessage, { reason, waitMs }: Problem): void {
    const { messages, logger } = this.#options;
    const pause = PAUSES[tries];
    logger.warn({ key: keyId, tries: tries + 1, reason }, 'a webhook did not take a message');
    if (pause === undefined) messages.remove(id);
    else messages.postpone(id, this.#clock.now() + Math.max(pause, waitMs));
  }

  /** Returns what went wrong; `undefined` where it was taken, or is for nobody any more. */
  async #post({ id, keyId, jobId }: WebhookMessage): Promise<Problem | undefined> {
    const { keys, secret, allowPrivate } = this.#options;
    const core = this.#core;
    const job = core?.job(jobId) ?? null;
    const url = keys.get(keyId)?.webhook;
    if (core === undefined || job === null || url === undefined) return undefined;
    const body = JSON.stringify(this.#messageOf(core, job));
    const headers = signedHeaders(webhookSecret(secret, keyId), { id, body, now: this.#clock.now() });
    try {
      if (!allowPrivate) requirePublicHost(new URL(url));
      const signal = AbortSignal.timeout(TIMEOUT);
      // It follows no redirection: that could lead anywhere.
      this.#client ??= this.#open();
      const { agent, request } = await this.#client;
      const answer = await request(url, { method: 'POST', headers, body, dispatcher: agent, signal });
      // Nobody reads it; the connection can be used again.
      await answer.body.dump({ limit: MOST_READ }).catch(() => undefined);
      const { statusCode } = answer;
      // Gone, as Standard Webhooks has it: nobody wants to hear more.
      if ((statusCode >= 200 && statusCode < 300) || statusCode === 410) return undefined;
      const asked = answer.headers['retry-after'];
      return { reason: `it answered ${statusCode}`, waitMs: secondsAsked(String(asked)) ?? 0 };
    } catch (error) {
      return { reason: error instanceof Error ? error.message : String(error), waitMs: 0 };
    }
  }

  #messageOf(core: Core, job: Job) {
    const { links, baseUrl } = this.#options;
    const shown = shownPictures(core, job);
    return {
      type: `request.${job.state}`,
      timestamp: new Date(job.finishedAt ?? job.createdAt).toISOString(),
      data: {
        request: job.id,
        state: job.state,
        pictures: shown.images.map(({ id, seed, width, height }) => ({
          ...{ id, seed: seed.toString(), width, height, url: links.below(baseUrl, id, 'png') },
        })),
        error: job.error,
        notes: [...shown.notes, ...job.notes],
      },
    };
  }
}

interface Problem {
  readonly reason: string;
  /** How long the other side asks to wait. */
  readonly waitMs: number;
}
