import { webApi } from '@slack/bolt';
import * as z from 'zod';
import { retryAfter } from '../../../system/retry-after.ts';
import { type FileKind, fetchFile } from '../../delivery/fetch-file.ts';
import { UNREADABLE } from './answers.ts';
import { LOST_TOKEN, problemOf, RateLimited, Refused, Unanswered } from './errors.ts';
import type { Method } from './methods.ts';

/** How long one request may take, in ms. Uploads get longer. */
const REQUEST_TIMEOUT = 15_000;
const UPLOAD_TIMEOUT = 120_000;
/** The kind of metadata that marks a job's message. */
const MARK = 'wuerst_job';
/** The text of a message causes no mentions, links or link previews. */
const QUIET = { link_names: false, parse: 'none' };
const NO_PREVIEWS = { unfurl_links: false, unfurl_media: false };

export interface ApiOptions {
  /** Base of the Web API, ending in a slash. */
  readonly apiUrl: string;
  readonly fetch: typeof fetch;
  readonly logger: webApi.WebClientOptions['logger'];
}

export interface TokenSource {
  /** Asked before every call, since installations come, go and have their tokens exchanged. */
  readonly tokenOf: () => Promise<string>;
  /** Called when Slack does not accept it. */
  readonly tokenLost: () => void;
}

export interface Person {
  readonly name: string;
  /** Administers the workspace that it belongs to. */
  readonly admin: boolean;
  readonly team: string | null;
  /** What Slack speaks with them, such as `de-DE`. */
  readonly locale: string | null;
}

/** A file's bytes, and how Slack names it. */
export interface UploadFile {
  /** Ends in `.png` or `.jpg` to be shown: image blocks take nothing else that we make. */
  readonly fileName: string;
  readonly data: Uint8Array;
  readonly alt: string;
}

export interface UploadSteps {
  /** Called with the file's id before Slack keeps the file, so that the id can be stored. */
  readonly begun?: (file: string) => void;
  /** Where the file is shown at once, as a message of its own. @default nowhere: nobody is told about it */
  readonly channel?: string;
}

/** A channel, or a thread in it. */
export interface Conversation {
  readonly channel: string;
  readonly thread: string | null;
}

export type Block = Readonly<Record<string, unknown>> & { readonly type: string };

export interface Message {
  /** What notifications and screen readers say. */
  readonly text: string;
  readonly blocks: readonly Block[];
}

const nothing = z.unknown();
const posted = z.object({ ts: z.string(), channel: z.string() });
const opened = z.object({ channel: z.object({ id: z.string() }) });
const ticket = z.object({ upload_url: z.url(), file_id: z.string() });
const fileInfo = z.object({ file: z.object({ mimetype: z.string().nullish() }) });
const userInfo = z.object({
  user: z.object({
    name: z.string().nullish(),
    real_name: z.string().nullish(),
    team_id: z.string().nullish(),
    is_admin: z.boolean().nullish(),
    is_owner: z.boolean().nullish(),
    locale: z.string().nullish(),
    profile: z.object({ display_name: z.string().nullish() }).nullish(),
  }),
});
const page = z.object({
  messages: z.array(
    z.object({
      ts: z.string(),
      metadata: z.object({ event_type: z.string(), event_payload: z.record(z.string(), z.unknown()) }).nullish(),
    }),
  ),
  response_metadata: z.object({ next_cursor: z.string().nullish() }).nullish(),
});

/** A client that never repeats requests by itself: the callers know which may be repeated, and when. */
export function createClient({ apiUrl, fetch, logger }: ApiOptions, token?: string): webApi.WebClient {
  return new webApi.WebClient(token, {
    slackApiUrl: apiUrl,
    fetch,
    timeout: REQUEST_TIMEOUT,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    allowAbsoluteUrls: false,
    ...(logger === undefined ? {} : { logger }),
  });
}

/** Where Slack keeps what people send; another server that speaks its API keeps it itself. */
function fileOrigins(apiUrl: string): readonly string[] {
  const { hostname, origin } = new URL(apiUrl);
  return hostname === 'slack.com' ? ['https://files.slack.com'] : [origin];
}

/** The calls that the adapter makes for one workspace. Each rejects with `RateLimited`, `Unanswered` or `Refused`. */
export class SlackApi {
  readonly #fetch: typeof fetch;
  readonly #client: webApi.WebClient;
  readonly #token: TokenSource;
  readonly #fileOrigins: readonly string[];

  constructor(options: ApiOptions, client: webApi.WebClient, token: TokenSource) {
    this.#fetch = options.fetch;
    this.#client = client;
    this.#token = token;
    this.#fileOrigins = fileOrigins(options.apiUrl);
  }

  /** A file that somebody sent. @throws UserError as `fetchFile` */
  async download(
    { url, size }: { readonly url: string; readonly size: number },
    kind: FileKind = 'picture',
  ): Promise<Uint8Array> {
    const headers = { Authorization: `Bearer ${await this.#token.tokenOf()}` };
    return fetchFile(url, { origins: this.#fileOrigins, headers, size, kind });
  }

  async #call<T>(method: Method, args: Record<string, unknown>, answer: z.ZodType<T>): Promise<T> {
    let result: unknown;
    try {
      result = await this.#client.apiCall(method, { ...args, token: await this.#token.tokenOf() });
    } catch (error) {
      const problem = problemOf(error);
      if (problem instanceof Refused && LOST_TOKEN.has(problem.code)) this.#token.tokenLost();
      throw problem;
    }
    const parsed = answer.safeParse(result);
    if (!parsed.success) throw new Unanswered(`Slack answered ${method} in an unknown shape.`);
    return parsed.data;
  }

  /** Posts the message that shows a job; it carries the job's id, so that it can be found again. */
  async post(
    to: Conversation,
    message: Message,
    job: string | null,
  ): Promise<{ readonly ts: string; readonly channel: string }> {
    const metadata = job === null ? {} : { metadata: { event_type: MARK, event_payload: { job } } };
    return this.#call(
      'chat.postMessage',
      { ...threaded(to), ...message, ...QUIET, ...NO_PREVIEWS, ...metadata },
      posted,
    );
  }

  async update(channel: string, ts: string, message: Message): Promise<void> {
    await this.#call('chat.update', { channel, ts, ...message, ...QUIET }, nothing);
  }

  async deleteMessage(channel: string, ts: string): Promise<void> {
    await this.#call('chat.delete', { channel, ts }, nothing);
  }

  async ephemeral(to: Conversation, user: string, message: Message): Promise<void> {
    await this.#call('chat.postEphemeral', { ...threaded(to), user, ...message, link_names: false }, nothing);
  }

  /**
   * The `ts` of the message that carries a job's id and is newer than `since` (ms since 1970). `null` if none is found
   * in what Slack lets us read.
   */
  async findPosted({ channel, thread }: Conversation, job: string, since: number): Promise<string | null> {
    const method = thread === null ? 'conversations.history' : 'conversations.replies';
    const where = thread === null ? { channel } : { channel, ts: thread };
    const oldest = (since / 1000).toFixed(6);
    for (let cursor: string | undefined; ; ) {
      const args = { ...where, oldest, inclusive: true, include_all_metadata: true, limit: 100, cursor };
      const found = await this.#call(method, args, page).catch((error: unknown) => {
        // Some apps may read one page a minute, and every try would begin with the first one.
        if (error instanceof RateLimited && cursor !== undefined) return null;
        throw error;
      });
      if (found === null) return null;
      for (const { ts, metadata } of found.messages) {
        if (metadata?.event_type === MARK && metadata.event_payload.job === job) return ts;
      }
      cursor = found.response_metadata?.next_cursor || undefined;
      if (cursor === undefined) return null;
    }
  }

  /** The id of the direct message with a person. */
  async openDm(user: string): Promise<string> {
    return (await this.#call('conversations.open', { users: user }, opened)).channel.id;
  }

  /** Uploads a file and resolves with its id. Slack keeps the file once this resolves, and takes it in some time later. */
  async upload({ fileName, data, alt }: UploadFile, { begun, channel }: UploadSteps): Promise<string> {
    const request = { filename: fileName, length: data.length, alt_txt: alt || undefined };
    const { upload_url, file_id } = await this.#call('files.getUploadURLExternal', request, ticket);
    begun?.(file_id);
    await this.#send(upload_url, data);
    const files = [{ id: file_id, title: fileName }];
    await this.#call('files.completeUploadExternal', { files, channel_id: channel }, nothing);
    return file_id;
  }

  async #send(url: string, data: Uint8Array): Promise<void> {
    let response: Response;
    try {
      response = await this.#fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/octet-stream' },
        body: new Uint8Array(data),
        signal: AbortSignal.timeout(UPLOAD_TIMEOUT),
      });
      await response.arrayBuffer();
    } catch (error) {
      throw problemOf(error);
    }
    if (response.status === 429) throw new RateLimited(retryAfter(response.headers, UNREADABLE));
    if (response.status >= 500) {
      throw new Unanswered(`Slack answered the upload with ${response.status}.`, { code: `HTTP ${response.status}` });
    }
    if (!response.ok) throw new Refused(`upload_${response.status}`, []);
  }

  /** Whether Slack has taken the file in. Refused with `file_not_found` where it was never completed. */
  async fileReady(file: string): Promise<boolean> {
    return ((await this.#call('files.info', { file }, fileInfo)).file.mimetype ?? '') !== '';
  }

  async deleteFile(file: string): Promise<void> {
    await this.#call('files.delete', { file }, nothing);
  }

  async person(user: string): Promise<Person> {
    const { user: found } = await this.#call('users.info', { user, include_locale: true }, userInfo);
    return {
      name: found.profile?.display_name || found.real_name || found.name || user,
      admin: found.is_admin === true || found.is_owner === true,
      team: found.team_id ?? null,
      locale: found.locale ?? null,
    };
  }

  async openView(trigger: string, view: object): Promise<void> {
    await this.#call('views.open', { trigger_id: trigger, view }, nothing);
  }

  async publishHome(user: string, view: object): Promise<void> {
    await this.#call('views.publish', { user_id: user, view }, nothing);
  }
}

function threaded({ channel, thread }: Conversation) {
  return { channel, ...(thread === null ? {} : { thread_ts: thread }) };
}
