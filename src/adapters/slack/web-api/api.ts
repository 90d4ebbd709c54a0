import { webApi } from '@slack/bolt';
import { z } from 'zod';
import { problemOf, RateLimited, Refused, Unanswered } from './errors.ts';
import type { Method } from './methods.ts';

/** How long one request may take, in ms. Uploads get longer. */
const REQUEST_TIMEOUT = 15_000;
const UPLOAD_TIMEOUT = 120_000;
/** The kind of metadata that marks a job's message. */
const MARK = 'wuerst_job';

export interface ApiOptions {
  /** Base of the Web API, ending in a slash. */
  readonly apiUrl: string;
  readonly fetch: typeof fetch;
  readonly logger: webApi.WebClientOptions['logger'];
}

export interface Person {
  readonly name: string;
  /** Administers the workspace that it belongs to. */
  readonly admin: boolean;
  readonly team: string | null;
}

/** The calls that the adapter makes for one workspace. Each rejects with `RateLimited`, `Unanswered` or `Refused`. */
export interface SlackApi {
  /** Posts the message that shows a job; it carries the job's id, so that it can be found again. */
  post(
    place: PostPlace,
    message: Message,
    job: string | null,
  ): Promise<{ readonly ts: string; readonly channel: string }>;
  update(channel: string, ts: string, message: Message): Promise<void>;
  ephemeral(place: PostPlace, user: string, message: Message): Promise<void>;
  /**
   * The `ts` of the message that carries a job's id and is newer than `since` (ms since 1970). `null` where there is
   * none, as far as Slack lets us look.
   */
  findPosted(place: PostPlace, job: string, since: number): Promise<string | null>;
  /** The id of the direct message with a person. */
  openDm(user: string): Promise<string>;
  uploadUrl(fileName: string, bytes: number, alt: string): Promise<{ readonly url: string; readonly file: string }>;
  /** Sends the bytes to where `uploadUrl` said. */
  send(url: string, data: Uint8Array): Promise<void>;
  /** `channel` shows it there at once. */
  completeUpload(file: string, title: string, channel?: string): Promise<void>;
  /** Whether Slack has taken the file in. Refused with `file_not_found` where it was never completed. */
  fileReady(file: string): Promise<boolean>;
  deleteFile(file: string): Promise<void>;
  person(user: string): Promise<Person>;
  openView(trigger: string, view: object): Promise<void>;
  publishHome(user: string, view: object): Promise<void>;
}

export interface PostPlace {
  readonly channel: string;
  readonly thread: string | null;
}

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

/** A client that does not repeat requests by itself: what may be repeated, and when, is decided where it is known. */
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

/** `tokenOf` is asked before every call, since installations come, go and have their tokens exchanged. */
export function createApi(options: ApiOptions, client: webApi.WebClient, tokenOf: () => Promise<string>): SlackApi {
  async function call<T>(method: Method, args: Record<string, unknown>, answer: z.ZodType<T>): Promise<T> {
    let result: unknown;
    try {
      result = await client.apiCall(method, { ...args, token: await tokenOf() });
    } catch (error) {
      throw problemOf(error);
    }
    const parsed = answer.safeParse(result);
    if (!parsed.success) throw new Unanswered(`${method} was answered in an unknown shape`);
    return parsed.data;
  }
  const nothing = z.unknown();
  const threaded = ({ channel, thread }: PostPlace) => ({ channel, ...(thread === null ? {} : { thread_ts: thread }) });
  const quiet = { link_names: false, parse: 'none', unfurl_links: false, unfurl_media: false };

  return {
    async post(place, message, job) {
      const metadata = job === null ? {} : { metadata: { event_type: MARK, event_payload: { job } } };
      return call('chat.postMessage', { ...threaded(place), ...message, ...quiet, ...metadata }, posted);
    },
    async update(channel, ts, message) {
      await call('chat.update', { channel, ts, ...message, link_names: false, parse: 'none' }, nothing);
    },
    async ephemeral(place, user, message) {
      await call('chat.postEphemeral', { ...threaded(place), user, ...message, link_names: false }, nothing);
    },
    async findPosted({ channel, thread }, job, since) {
      const method = thread === null ? 'conversations.history' : 'conversations.replies';
      const where = thread === null ? { channel } : { channel, ts: thread };
      const oldest = (since / 1000).toFixed(6);
      for (let cursor: string | undefined; ; ) {
        const args = { ...where, oldest, inclusive: true, include_all_metadata: true, limit: 100, cursor };
        const found = await call(method, args, page).catch((error: unknown) => {
          // Some apps may look at one page a minute, and every try would begin with the first one.
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
    },
    async openDm(user) {
      return (await call('conversations.open', { users: user }, opened)).channel.id;
    },
    async uploadUrl(fileName, bytes, alt) {
      const args = { filename: fileName, length: bytes, alt_txt: alt || undefined };
      const { upload_url, file_id } = await call('files.getUploadURLExternal', args, ticket);
      return { url: upload_url, file: file_id };
    },
    async send(url, data) {
      let response: Response;
      try {
        response = await options.fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/octet-stream' },
          body: new Uint8Array(data),
          signal: AbortSignal.timeout(UPLOAD_TIMEOUT),
        });
        await response.arrayBuffer();
      } catch (error) {
        throw problemOf(error);
      }
      if (response.status === 429) throw new RateLimited(Number(response.headers.get('retry-after') ?? 30) * 1000);
      if (response.status >= 500) throw new Unanswered(`the upload was answered with ${response.status}`);
      if (!response.ok) throw new Refused(`upload_${response.status}`, []);
    },
    async completeUpload(file, title, channel) {
      await call('files.completeUploadExternal', { files: [{ id: file, title }], channel_id: channel }, nothing);
    },
    async fileReady(file) {
      return ((await call('files.info', { file }, fileInfo)).file.mimetype ?? '') !== '';
    },
    async deleteFile(file) {
      await call('files.delete', { file }, nothing);
    },
    async person(user) {
      const { user: found } = await call('users.info', { user }, userInfo);
      return {
        name: found.profile?.display_name || found.real_name || found.name || user,
        admin: found.is_admin === true || found.is_owner === true,
        team: found.team_id ?? null,
      };
    },
    async openView(trigger, view) {
      await call('views.open', { trigger_id: trigger, view }, nothing);
    },
    async publishHome(user, view) {
      await call('views.publish', { user_id: user, view }, nothing);
    },
  };
}

export type Block = Readonly<Record<string, unknown>> & { readonly type: string };

export interface Message {
  /** What notifications and screen readers say. */
  readonly text: string;
  readonly blocks: readonly Block[];
}
