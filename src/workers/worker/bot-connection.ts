import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { EngineEvent } from '../../pipeline/process/protocol.ts';
import { type Clock, pause } from '../../system/clock.ts';
import { OperatorError } from '../../system/errors.ts';
import { isPassing, networkFailure } from '../../system/network-failure.ts';
import { t } from '../../texts/translate.ts';
import { botId } from '../roll.ts';
import { packImage, type WireEnd, type WireRequest, wireEnd, wireRequest, wireStep } from '../wire.ts';

/** The bot does not want the attempt any more: somebody else has the job, it was cancelled, or it is another bot. */
export class AttemptOver extends Error {
  override readonly name = 'AttemptOver';
}

export interface BotConnectionOptions {
  /** The bot's address. */
  readonly bot: URL;
  readonly clock: Clock;
  /** How long a message is tried again, in milliseconds. The bot gives the job away when it has not heard for as long. */
  readonly patienceMs: number;
}

interface Message {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly body?: Buffer | string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 3000;
const TIMEOUT_MS = 10_000;
/** The bot answers when the picture is stored. */
const PICTURE_TIMEOUT_MS = 300_000;

const greeting = z.object({ program: z.literal('wuerst'), bot: botId });

/** The id of the bot that answers at an address. @throws OperatorError `bot_unreachable`, `bot_is_another` */
export async function botAt(bot: URL): Promise<string> {
  let answer: unknown;
  try {
    const response = await fetch(new URL('workers', bot), { signal: AbortSignal.timeout(TIMEOUT_MS) });
    answer = await response.json().catch(() => undefined);
  } catch (cause) {
    const failure = networkFailure(cause, { host: bot.host });
    throw new OperatorError(
      'bot_unreachable',
      () =>
        t('The bot at {host} cannot be reached: {answer}.', {
          host: bot.host,
          answer: failure?.reason ?? t('no answer'),
        }),
      {
        hint: () =>
          [
            t(
              'It is tried again. A bot listens for workers where it runs with WUERST_REDIS, at WUERST_WORKERS_HOST and WUERST_WORKERS_PORT.',
            ),
            ...(failure === undefined ? [] : [failure.hint]),
          ].join(' '),
        cause,
      },
    );
  }
  const greeted = greeting.safeParse(answer);
  if (greeted.success) return greeted.data.bot;
  throw new OperatorError(
    'bot_is_another',
    () => t('What answers at {host} is not where a bot listens for workers.', { host: bot.host }),
    {
      hint: () => t('Name the address of WUERST_WORKERS_HOST and WUERST_WORKERS_PORT, or of the proxy in front of it.'),
    },
  );
}

/** What a worker says to the bot about one attempt. Every method throws `AttemptOver` once the attempt is not current. */
export class BotConnection {
  readonly #options: BotConnectionOptions;
  readonly #path: string;

  /** @param path of the attempt, with its signature */
  constructor(path: string, options: BotConnectionOptions) {
    this.#options = options;
    this.#path = path;
  }

  /** @throws OperatorError `request_unreadable` */
  async request(): Promise<WireRequest> {
    const response = await this.#say({ method: 'GET', path: '' });
    const request = wireRequest.safeParse(await response.json().catch(() => undefined));
    if (request.success) return request.data;
    const [issue] = request.error.issues;
    throw new OperatorError(
      'request_unreadable',
      () =>
        t("The bot's request cannot be read: {issue} {message}.", {
          issue: issue?.path.join('.') ?? '',
          message: issue?.message ?? '',
        }),
      { hint: () => t('The bot and the worker have to be of the same version.') },
    );
  }

  /** A picture that the request starts from. @throws OperatorError `file_damaged` */
  async file(hash: string): Promise<Buffer> {
    const response = await this.#say({ method: 'GET', path: `/files/${hash}`, timeoutMs: PICTURE_TIMEOUT_MS });
    const content = Buffer.from(await response.arrayBuffer());
    if (sha256(content) === hash) return content;
    throw new OperatorError('file_damaged', () => t('A picture that the job starts from arrived damaged.'));
  }

  async beat(): Promise<void> {
    await this.#say({ method: 'POST', path: '/beat' });
  }

  async step(event: Extract<EngineEvent, { type: 'step' }>): Promise<void> {
    await this.#say({ method: 'POST', path: '/steps', body: JSON.stringify(z.encode(wireStep, { ...event })) });
  }

  /** Resolves when the bot has stored it. */
  async image({ image, ...picture }: Extract<EngineEvent, { type: 'image' }>): Promise<void> {
    const body = packImage(picture);
    const headers = { 'Wuerst-Sha256': sha256(body) };
    await this.#say({ method: 'PUT', path: `/images/${image}`, body, headers, timeoutMs: PICTURE_TIMEOUT_MS });
  }

  async end(end: WireEnd): Promise<void> {
    await this.#say({ method: 'POST', path: '/end', body: JSON.stringify(z.encode(wireEnd, end)) });
  }

  /** Tries until the bot has understood it. */
  async #say(message: Message): Promise<Response> {
    const { clock, patienceMs } = this.#options;
    const since = clock.monotonic();
    for (let wait = FIRST_RETRY_MS; ; wait = Math.min(MAX_RETRY_MS, 2 * wait)) {
      const failure = await this.#once(message);
      if (failure instanceof Response) return failure;
      if (clock.monotonic() - since > patienceMs) throw failure;
      await pause(clock, wait);
    }
  }

  /** @returns the answer, or why it is worth trying again */
  async #once({
    method,
    path,
    body,
    headers = {},
    timeoutMs = TIMEOUT_MS,
  }: Message): Promise<Response | OperatorError> {
    const { bot } = this.#options;
    let response: Response;
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      response = await fetch(new URL(this.#path.slice(1) + path, bot), { method, headers, signal, body: body ?? null });
    } catch (cause) {
      return new OperatorError('bot_unreachable', () => t('The bot at {host} cannot be reached.', { host: bot.host }), {
        cause,
      });
    }
    if (response.ok) return response;
    const text = await response.text().catch(() => '');
    if (response.status === 410 || response.status === 403)
      throw new AttemptOver(`The bot at ${bot.host} refused: ${text.slice(0, 300)}`);
    if (response.status === 413 && !text.includes('message_too_large')) {
      throw new OperatorError('bot_refuses', () =>
        t(
          'The proxy at {host} in front of the bot lets no message of this size pass, status 413: it has to take 64 MiB.',
          {
            host: bot.host,
          },
        ),
      );
    }
    const refused = new OperatorError('bot_refuses', () =>
      t('The bot at {host} answered {status}: {text}', {
        host: bot.host,
        status: response.status,
        text: text.slice(0, 300),
      }),
    );
    // 400 and 422: something on the way may have damaged it.
    if (isPassing(response.status) || response.status === 400 || response.status === 422) return refused;
    throw refused;
  }
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
