import { createHmac, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SocketSide } from './socket-side.ts';
import { checkBlocks, checkText, checkView, isRecord, type Json, Refusal, type Rules } from './strict.ts';

export const TEAM = 'T0001';
export const BOT = 'U0BOT';
export const ANN = 'U0ANN';
export const BOSS = 'U0BOSS';
export const BOT_TOKEN = 'xoxb-good-token';
export const APP_TOKEN = 'xapp-good-token';
export const SIGNING_SECRET = 'signing-secret';

const MINUTE = 60_000;
/** How long the answer to a request of Slack's may take, in ms of real time. */
const ACK_WITHIN = 3000;
const RESPONSE_URL_LIFE = 30 * MINUTE;
const TRIGGER_LIFE = 3000;

export interface StoredMessage {
  readonly ts: string;
  readonly channel: string;
  readonly thread: string | null;
  /** The only person who sees it. */
  readonly only: string | null;
  readonly job: string | null;
  readonly createdAt: number;
  text: string;
  blocks: Json[];
  deleted: boolean;
  /** Times of its updates, on the stand-in's clock. */
  updates: number[];
}

export interface Channel {
  readonly id: string;
  /** The bot is in it. */
  member: boolean;
  /** Who is not in it cannot know of it. */
  readonly secret: boolean;
  archived: boolean;
  /** The error that every message for it gets, as in a channel that is read-only. */
  refuses: string | null;
  /** The person of this direct message. */
  readonly person: string | null;
}

interface StoredFile {
  readonly id: string;
  readonly name: string;
  readonly length: number;
  bytes: Buffer | null;
  completed: boolean;
  /** From when on it can be shown. */
  readyAt: number;
  deleted: boolean;
}

interface Person {
  readonly name: string;
  readonly admin: boolean;
  readonly team: string;
  /** @default American English */
  readonly locale?: string;
}

/** Makes the next calls of a method fail. */
export interface Fault {
  readonly method: string | RegExp;
  /** Only where the call is about this channel. */
  readonly channel?: string;
  readonly how:
    | 'drop-before'
    | 'drop-after'
    | { readonly error: string; readonly details?: readonly string[] }
    | { readonly retryAfter: number }
    | { readonly status: number };
  times: number;
}

/** Scopes of which a method needs one. https://docs.slack.dev/reference/methods */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  'auth.test': [],
  'chat.delete': ['chat:write'],
  'chat.postEphemeral': ['chat:write'],
  'chat.postMessage': ['chat:write'],
  'chat.update': ['chat:write'],
  'conversations.history': ['channels:history', 'groups:history', 'im:history', 'mpim:history'],
  'conversations.open': ['channels:manage', 'groups:write', 'im:write', 'mpim:write'],
  'conversations.replies': ['channels:history', 'groups:history', 'im:history', 'mpim:history'],
  'files.completeUploadExternal': ['files:write'],
  'files.delete': ['files:write'],
  'files.getUploadURLExternal': ['files:write'],
  'files.info': ['files:read'],
  'users.info': ['users:read'],
  'views.open': [],
  'views.publish': [],
};

/** Arguments that are JSON. */
const AS_JSON = new Set(['blocks', 'files', 'metadata', 'view']);

const OPEN = { member: true, secret: false, archived: false, refuses: null, person: null };

/** Calls a minute. https://docs.slack.dev/apis/web-api/rate-limits */
const LIMITS: Readonly<Record<string, number>> = {
  'apps.connections.open': 50,
  'chat.delete': 50,
  'chat.postEphemeral': 100,
  'chat.postMessage': 60,
  'chat.update': 50,
  'conversations.history': 50,
  'conversations.open': 50,
  'conversations.replies': 50,
  'files.completeUploadExternal': 100,
  'files.delete': 50,
  'files.getUploadURLExternal': 100,
  'files.info': 100,
  'users.info': 100,
  'views.open': 100,
  'views.publish': 100,
};

export function manifestScopes(): string[] {
  const text = readFileSync(new URL('../../../data/slack-manifest.yaml', import.meta.url), 'utf8');
  const list = /^ {4}bot:\n((?: {6}- .*\n)+)/m.exec(text)?.[1] ?? '';
  return [...list.matchAll(/- (\S+)/g)].flatMap((match) => match[1] ?? []);
}

/** Slack, as far as the adapter sees it: as strict where Slack is strict, on a clock that the test may move. */
export class StandIn {
  readonly messages: StoredMessage[] = [];
  readonly channels = new Map<string, Channel>();
  readonly files = new Map<string, StoredFile>();
  readonly people = new Map<string, Person>();
  readonly calls: {
    readonly method: string;
    readonly args: Json;
    readonly at: number;
    readonly error: string | null;
  }[] = [];
  /** Where Slack says that Socket Mode is, instead of here. */
  socketElsewhere: string | undefined;
  readonly faults: Fault[] = [];
  /** Calls of these methods (or `upload`) are carried out once their promise resolves. */
  readonly held = new Map<string, Promise<void>>();
  /** Of all calls that arrived, also of those that are held. */
  readonly arrived: string[] = [];
  readonly homes = new Map<string, Json>();
  /** Forms that are open, by id. */
  readonly views = new Map<string, Json>();
  /** What Slack would have accepted and people would have suffered from. */
  readonly violations: string[] = [];
  readonly tokens = new Map([[BOT_TOKEN, TEAM]]);
  scopes: readonly string[] = manifestScopes();
  appTokens = new Set([APP_TOKEN]);
  /** Why no direct message can be opened with a person. */
  readonly closedDms = new Map<string, string>();
  tooMany = 0;
  /** How long a completed file takes before it can be shown, in ms. */
  fileTakes = 800;
  /** Whether calls a minute are counted. */
  limited = true;
  /** By method. */
  readonly limits = new Map(Object.entries(LIMITS));
  readonly socket: SocketSide;
  readonly #http: Server;
  readonly #now: () => number;
  readonly #recent = new Map<string, number[]>();
  readonly #responses = new Map<
    string,
    { readonly channel: string; readonly user: string; readonly at: number; left: number }
  >();
  readonly #triggers = new Map<string, number>();
  readonly #waiting = new Set<() => void>();
  #ids = 0;

  private constructor(http: Server, now: () => number) {
    this.#http = http;
    this.#now = now;
    this.socket = new SocketSide(http);
    http.on('request', (request, response) => void this.#serve(request, response));
    this.people.set(ANN, { name: 'Ann', admin: false, team: TEAM });
    this.people.set(BOSS, { name: 'Boss', admin: true, team: TEAM });
  }

  static async start(now: () => number = Date.now): Promise<StandIn> {
    const http = createServer();
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    return new StandIn(http, now);
  }

  get #origin(): string {
    return `127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  get apiUrl(): string {
    return `http://${this.#origin}/api/`;
  }

  async close(): Promise<void> {
    this.socket.close();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  /** Resolves once `condition` holds; it is looked at after every request and now and then. Rejects after `ms`. */
  async until(condition: () => boolean, what = String(condition), ms = 10_000): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const done = (end: () => void) => {
        this.#waiting.delete(look);
        clearTimeout(timer);
        clearInterval(poll);
        end();
      };
      const look = () => {
        if (condition()) done(resolve);
      };
      const timer = setTimeout(() => done(() => reject(new Error(`never happened: ${what}`))), ms);
      const poll = setInterval(look, 5);
      this.#waiting.add(look);
    });
  }

  id(prefix: string): string {
    return `${prefix}${(++this.#ids).toString().padStart(8, '0')}`;
  }

  channel(options: Partial<Channel> = {}): Channel {
    const channel = { id: this.id('C'), ...OPEN, ...options };
    this.channels.set(channel.id, channel);
    return channel;
  }

  dm(person: string): Channel {
    const known = [...this.channels.values()].find((channel) => channel.person === person);
    return known ?? this.channel({ id: this.id('D'), person });
  }

  /** A trigger id, and where an interaction can be answered. */
  interaction(channel: string, user: string): { readonly trigger_id: string; readonly response_url: string } {
    const trigger = `${this.id('1')}.${randomUUID()}`;
    this.#triggers.set(trigger, performance.now());
    const key = randomUUID();
    this.#responses.set(key, { channel, user, at: this.#now(), left: 5 });
    return { trigger_id: trigger, response_url: `http://${this.#origin}/commands/${TEAM}/${key}` };
  }

  /** Messages that people can see, oldest first. */
  visible(channel?: string): StoredMessage[] {
    return this.messages.filter((m) => !m.deleted && (channel === undefined || m.channel === channel));
  }

  shownFiles(message: StoredMessage): StoredFile[] {
    return message.blocks.flatMap(({ slack_file }) => {
      const file = isRecord(slack_file) ? this.files.get(String(slack_file.id)) : undefined;
      return file ? [file] : [];
    });
  }

  /** Those that are no previews. */
  shownPictures(message: StoredMessage): StoredFile[] {
    return this.shownFiles(message).filter(({ name }) => !name.startsWith('preview.'));
  }

  /** Files that take up the workspace's storage. */
  keptFiles(): StoredFile[] {
    return [...this.files.values()].filter(({ completed, deleted }) => completed && !deleted);
  }

  /** Stores what an acknowledgement or a response address carries. */
  answered(channel: string, user: string, body: Json): void {
    const text = checkText(body.text, 40_000, this.#rules);
    const blocks = checkBlocks(body.blocks, 'message', this.#rules);
    this.#store({
      channel,
      thread: null,
      text,
      blocks,
      job: null,
      only: body.response_type === 'in_channel' ? null : user,
    });
  }

  /** A request as Slack signs it. */
  signed(body: string, type: string, retry = 0): RequestInit {
    const timestamp = Math.floor(Date.now() / 1000).toString();
    const signature = createHmac('sha256', SIGNING_SECRET).update(`v0:${timestamp}:${body}`).digest('hex');
    return {
      method: 'POST',
      body,
      signal: AbortSignal.timeout(ACK_WITHIN),
      headers: {
        'content-type': type,
        'x-slack-request-timestamp': timestamp,
        'x-slack-signature': `v0=${signature}`,
        ...(retry === 0 ? {} : { 'x-slack-retry-num': String(retry), 'x-slack-retry-reason': 'http_timeout' }),
      },
    };
  }

  get #rules(): Rules {
    return {
      fileReady: (id) => {
        const file = this.files.get(id);
        return (
          file?.completed === true &&
          /\.(png|jpe?g|gif)$/.test(file.name) &&
          !file.deleted &&
          file.readyAt <= this.#now()
        );
      },
      violation: (what) => this.violations.push(what),
    };
  }

  #store(message: Pick<StoredMessage, 'channel' | 'thread' | 'only' | 'job' | 'text' | 'blocks'>): StoredMessage {
    const now = this.#now();
    const ts = `${Math.floor(now / 1000)}.${(++this.#ids).toString().padStart(6, '0')}`;
    const stored = { ...message, ts, createdAt: now, deleted: false, updates: [] };
    this.messages.push(stored);
    return stored;
  }

  /** Files that people sent, by their paths; only the bot's token brings them. */
  readonly sent = new Map<string, Buffer>();

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const file = this.sent.get(request.url ?? '');
    if (file) {
      const isAllowed = request.headers.authorization === `Bearer ${BOT_TOKEN}`;
      response.writeHead(isAllowed ? 200 : 302, isAllowed ? {} : { location: '/signin' }).end(isAllowed ? file : '');
      return;
    }
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch (error) {
      // Killed while it was sending: nothing was asked.
      if (request.destroyed && !request.complete) return;
      throw error;
    }
    const body = Buffer.concat(chunks);
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const method = pathname.startsWith('/upload/') ? 'upload' : pathname.slice('/api/'.length);
    this.arrived.push(method);
    await this.held.get(method);
    try {
      if (pathname.startsWith('/api/')) this.#api(pathname.slice(5), request, body, response);
      else if (pathname.startsWith('/upload/')) this.#upload(pathname.slice(8), body, response);
      else if (pathname.startsWith('/commands/')) this.#respond(pathname.split('/').at(-1) ?? '', body, response);
      else response.writeHead(404).end();
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
    for (const look of [...this.#waiting]) look();
  }

  #upload(file: string, body: Buffer, response: ServerResponse): void {
    const stored = this.files.get(file);
    const fault = this.#fault('upload');
    if (fault === 'drop-before') return void response.destroy();
    if (!stored || stored.completed || body.length !== stored.length) return void response.writeHead(400).end('no');
    stored.bytes = body;
    if (fault === 'drop-after') return void response.destroy();
    response.writeHead(200).end(`OK - ${body.length}`);
  }

  #respond(key: string, body: Buffer, response: ServerResponse): void {
    const address = this.#responses.get(key);
    if (!address || address.left === 0 || this.#now() - address.at > RESPONSE_URL_LIFE) {
      return void response.writeHead(404).end('expired_url');
    }
    address.left--;
    try {
      const answer = JSON.parse(body.toString()) as Json;
      if (JSON.stringify(answer.blocks ?? []).includes('slack_file')) throw new Refusal('invalid_blocks', 'slack_file');
      this.answered(address.channel, address.user, answer);
      response.writeHead(200).end('ok');
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.violations.push(`response address: ${error.code} ${error.details.join()}`);
      response.writeHead(404).end(JSON.stringify({ ok: false, error: error.code }));
    }
  }

  #fault(method: string, about?: unknown): Fault['how'] | null {
    const fault = this.faults.find(
      ({ method: m, channel, times }) =>
        times > 0 &&
        (typeof m === 'string' ? m === method : m.test(method)) &&
        (channel === undefined || channel === about),
    );
    if (!fault) return null;
    fault.times--;
    return fault.how;
  }

  #api(method: string, request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const args: Json = {};
    for (const [name, value] of new URLSearchParams(body.toString())) {
      args[name] = AS_JSON.has(name) ? JSON.parse(value) : value;
    }
    const log = (error: string | null) => this.calls.push({ method, args, at: this.#now(), error });
    const fault = this.#fault(method, args.channel);
    if (fault === 'drop-before') {
      log('dropped');
      return void response.destroy();
    }
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
    try {
      if (fault !== null && typeof fault === 'object' && 'error' in fault)
        throw new Refusal(fault.error, ...(fault.details ?? []));
      if (fault !== null && typeof fault === 'object' && 'status' in fault) {
        log(`HTTP ${fault.status}`);
        return void response.writeHead(fault.status).end('upstream error');
      }
      const wait =
        fault !== null && typeof fault === 'object' ? fault.retryAfter : this.#overLimit(method, token, args);
      if (wait > 0) {
        this.tooMany++;
        log('ratelimited');
        response.writeHead(429, { 'retry-after': String(wait), 'content-type': 'application/json' });
        return void response.end(JSON.stringify({ ok: false, error: 'ratelimited' }));
      }
      const result = this.#call(method, args, token);
      log(null);
      if (fault === 'drop-after') return void response.destroy();
      response.writeHead(200, { 'content-type': 'application/json', 'x-oauth-scopes': this.scopes.join(',') });
      response.end(JSON.stringify({ ok: true, ...result }));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      log(error.code);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({
          ok: false,
          error: error.code,
          response_metadata: { messages: error.details },
          needed: NEEDED[method],
        }),
      );
    }
  }

  /** Seconds to wait, or 0: each method has its calls a minute and workspace, posts also by channel. */
  #overLimit(method: string, token: string, args: Json): number {
    const limit = this.limits.get(method);
    if (limit === undefined || !this.limited) return 0;
    const key = `${method} ${token} ${method === 'chat.postMessage' ? String(args.channel) : ''}`;
    const now = this.#now();
    const recent = (this.#recent.get(key) ?? []).filter((at) => at > now - MINUTE);
    const [oldest] = recent;
    if (recent.length >= limit && oldest !== undefined) return Math.ceil((oldest + MINUTE - now) / 1000) || 1;
    this.#recent.set(key, [...recent, now]);
    return 0;
  }

  #call(method: string, args: Json, token: string): Json {
    if (method === 'apps.connections.open') {
      if (!this.appTokens.has(token))
        throw new Refusal(token.startsWith('xapp-') ? 'invalid_auth' : 'not_allowed_token_type');
      if (this.socket.down) throw new Refusal('internal_error');
      return { url: `${this.socketElsewhere ?? `ws://${this.#origin}`}/link?ticket=${this.socket.ticket()}` };
    }
    if (method === 'oauth.v2.access') return this.#installed(args);
    const needed = NEEDED[method];
    if (!needed) throw new Refusal('unknown_method');
    const team = this.tokens.get(token);
    if (team === undefined) throw new Refusal('invalid_auth');
    if (needed.length > 0 && !needed.some((scope) => this.scopes.includes(scope))) throw new Refusal('missing_scope');
    return this.#methods[method]?.(args, team) ?? {};
  }

  #installed({ code }: Json): Json {
    const team = String(code).replace(/^code-/, '');
    if (team === code) throw new Refusal('invalid_code');
    const token = `xoxb-for-${team}`;
    this.tokens.set(token, team);
    return {
      access_token: token,
      token_type: 'bot',
      scope: this.scopes.join(','),
      bot_user_id: BOT,
      app_id: 'A0001',
      team: { id: team, name: team },
      enterprise: null,
      authed_user: { id: ANN },
      is_enterprise_install: false,
    };
  }

  #writable(id: unknown): Channel {
    const channel = this.channels.get(String(id));
    if (!channel) throw new Refusal('channel_not_found');
    if (!channel.member) throw new Refusal(channel.secret ? 'channel_not_found' : 'not_in_channel');
    if (channel.archived) throw new Refusal('is_archived');
    if (channel.refuses !== null) throw new Refusal(channel.refuses);
    return channel;
  }

  #file(id: unknown): StoredFile {
    const file = this.files.get(String(id));
    if (!file || file.deleted) throw new Refusal('file_not_found');
    return file;
  }

  #list(channel: Channel, args: Json, thread: string | null): Json {
    if (!channel.member) throw new Refusal(channel.secret ? 'channel_not_found' : 'not_in_channel');
    const found = this.visible(channel.id)
      .filter((m) => m.only === null && m.thread === thread && Number(m.ts) >= Number(args.oldest ?? 0))
      .reverse();
    const from = Number(args.cursor ?? 0);
    const size = Math.min(Number(args.limit ?? 100), 15);
    return {
      messages: found.slice(from, from + size).map(({ ts, text, job }) => ({
        ts,
        text,
        ...(job !== null && args.include_all_metadata === 'true'
          ? { metadata: { event_type: 'wuerst_job', event_payload: { job } } }
          : {}),
      })),
      response_metadata: { next_cursor: from + size < found.length ? String(from + size) : '' },
    };
  }

  readonly #methods: Readonly<Record<string, (args: Json, team: string) => Json>> = {
    'auth.test': (_args, team) => ({ team_id: team, team, user_id: BOT, bot_id: 'B0BOT', user: 'wuerst' }),
    'users.info': ({ user, include_locale }) => {
      const person = this.people.get(String(user));
      if (!person) throw new Refusal('user_not_found');
      const { name, admin, team, locale = 'en-US' } = person;
      return {
        user: {
          ...{ id: user, name, real_name: name, team_id: team, is_admin: admin, profile: { display_name: name } },
          ...(include_locale === 'true' ? { locale } : {}),
        },
      };
    },
    'conversations.open': ({ users }) => {
      if (!this.people.has(String(users))) throw new Refusal('user_not_found');
      const closed = this.closedDms.get(String(users));
      if (closed !== undefined) throw new Refusal(closed);
      return { channel: { id: this.dm(String(users)).id } };
    },
    'conversations.history': (args) => this.#list(this.#known(args.channel), args, null),
    'conversations.replies': (args) => this.#list(this.#known(args.channel), args, String(args.ts)),
    'chat.postMessage': (args) => {
      const channel = this.#writable(args.channel);
      const text = checkText(args.text, 40_000, this.#rules);
      const blocks = checkBlocks(args.blocks, 'message', this.#rules);
      const payload =
        isRecord(args.metadata) && isRecord(args.metadata.event_payload) ? args.metadata.event_payload : {};
      const job = typeof payload.job === 'string' ? payload.job : null;
      const thread = args.thread_ts === undefined ? null : String(args.thread_ts);
      const { ts } = this.#store({ channel: channel.id, thread, text, blocks, job, only: null });
      return { ts, channel: channel.id };
    },
    'chat.update': (args) => {
      const channel = this.#writable(args.channel);
      const message = this.visible(channel.id).find(({ ts, only }) => ts === args.ts && only === null);
      if (!message) throw new Refusal('message_not_found');
      const text = checkText(args.text, 4000, this.#rules);
      const blocks = checkBlocks(args.blocks, 'message', this.#rules);
      Object.assign(message, { text, blocks });
      message.updates.push(this.#now());
      return { ts: message.ts, channel: channel.id };
    },
    'chat.delete': (args) => {
      const channel = this.#known(args.channel);
      if (channel.secret && !channel.member) throw new Refusal('channel_not_found');
      const message = this.visible(channel.id).find(({ ts, only }) => ts === args.ts && only === null);
      if (!message) throw new Refusal('message_not_found');
      message.deleted = true;
      return { ts: message.ts, channel: channel.id };
    },
    'chat.postEphemeral': (args) => {
      const channel = this.#writable(args.channel);
      if (channel.person !== null && channel.person !== args.user) throw new Refusal('user_not_in_channel');
      const text = checkText(args.text, 40_000, this.#rules);
      const blocks = checkBlocks(args.blocks, 'message', this.#rules);
      const thread = args.thread_ts === undefined ? null : String(args.thread_ts);
      const { ts } = this.#store({ channel: channel.id, thread, text, blocks, job: null, only: String(args.user) });
      return { message_ts: ts };
    },
    'files.getUploadURLExternal': ({ filename, length }) => {
      if (!(Number(length) > 0)) throw new Refusal('invalid_arguments');
      const id = this.id('F');
      const file = {
        id,
        name: String(filename),
        length: Number(length),
        bytes: null,
        completed: false,
        deleted: false,
      };
      this.files.set(id, { ...file, readyAt: Number.POSITIVE_INFINITY });
      return { upload_url: `http://${this.#origin}/upload/${id}`, file_id: id };
    },
    'files.completeUploadExternal': ({ files, channel_id }) => {
      const list = Array.isArray(files) ? files : [];
      for (const entry of list) {
        const file = this.#file(isRecord(entry) ? entry.id : '');
        if (!file.bytes || file.completed) throw new Refusal('file_not_found');
        file.completed = true;
        file.readyAt = this.#now() + this.fileTakes;
      }
      if (channel_id !== undefined) {
        const { id } = this.#writable(channel_id);
        const blocks = list.map((entry) => ({ type: 'file', slack_file: { id: isRecord(entry) ? entry.id : '' } }));
        this.#store({ channel: id, thread: null, text: '', blocks, job: null, only: null });
      }
      return { files: list };
    },
    'files.info': ({ file }) => {
      const stored = this.#file(file);
      if (!stored.completed) throw new Refusal('file_not_found');
      const ready = stored.readyAt <= this.#now();
      return { file: { id: stored.id, name: stored.name, mimetype: ready ? 'image/png' : '' } };
    },
    'files.delete': ({ file }) => {
      const stored = this.#file(file);
      if (!stored.completed) throw new Refusal('file_not_found');
      stored.deleted = true;
      return {};
    },
    'views.open': ({ trigger_id, view }) => {
      const at = this.#triggers.get(String(trigger_id));
      if (at === undefined) throw new Refusal('exchanged_trigger_id');
      this.#triggers.delete(String(trigger_id));
      if (performance.now() - at > TRIGGER_LIFE) throw new Refusal('expired_trigger_id');
      const id = this.id('V');
      this.views.set(id, { ...checkView(view, 'modal', this.#rules), id });
      return { view: { id } };
    },
    'views.publish': ({ user_id, view }) => {
      this.homes.set(String(user_id), checkView(view, 'home', this.#rules));
      return {};
    },
  };

  #known(id: unknown): Channel {
    const channel = this.channels.get(String(id));
    if (!channel) throw new Refusal('channel_not_found');
    return channel;
  }
}
