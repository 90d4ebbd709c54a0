import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { APIAttachment, APIEmbed, APIMessage } from 'discord.js';
import { FakeGateway } from './gateway.ts';
import {
  checkAttachments,
  checkChoices,
  checkCommands,
  checkMessage,
  checkModal,
  type Json,
  Refusal,
  type Upload,
} from './strict.ts';

export const APPLICATION = '100000000000000001';
export const BOT = '100000000000000002';
export const TOKEN = 'any.token at-all';

const EPOCH = 1420070400000n;
const TOKEN_LIFE = 15 * 60 * 1000;
const NONCE_LIFE = 3 * 60 * 1000;

export interface StoredMessage {
  readonly id: string;
  readonly channel: string;
  readonly interaction: string | null;
  readonly ephemeral: boolean;
  readonly createdAt: number;
  nonce: string | null;
  content: string;
  embeds: APIEmbed[];
  components: Json[];
  attachments: { id: string; filename: string; description: string; bytes: Buffer }[];
  deleted: boolean;
  loading: boolean;
  /** Times of its edits, on the stand-in's clock. */
  edits: number[];
  /** Whether it ever showed pictures, and how often they were put on it. */
  uploads: number;
}

export interface Channel {
  readonly id: string;
  /** The bot's own token reaches it. */
  view: boolean;
  history: boolean;
  send: boolean;
  nsfw: boolean;
  exists: boolean;
  /** Why nothing can be written there, as in a thread that is archived. */
  refuses: Refusal | null;
  /** The person of this direct message. */
  readonly recipient?: string;
}

interface StoredInteraction {
  readonly id: string;
  readonly token: string;
  readonly channel: string;
  readonly at: number;
  readonly limit: number;
  readonly type: number;
  /** The message that was clicked on. */
  readonly source: string | null;
  acknowledged: boolean;
  /** When it was answered, by `performance.now()`. */
  answeredAt: number | null;
  message: string | null;
  responses: Json[];
  followUps: string[];
}

export interface LoggedRequest {
  readonly method: string;
  readonly path: string;
  readonly body: Json;
  readonly status: number;
  readonly at: number;
}

/** Makes the next request that matches fail: a status and code, or a connection dropped before or after it took effect. */
export interface Fault {
  readonly method: string;
  readonly path: RegExp;
  readonly how:
    | { readonly status: number; readonly code: number; readonly headers?: Record<string, string> }
    | 'drop-before'
    | 'drop-after';
  times: number;
}

interface Route {
  readonly method: string;
  readonly pattern: RegExp;
  readonly run: (params: readonly string[], body: Json, uploads: readonly Upload[], query: URLSearchParams) => unknown;
}

/** Discord, as far as the adapter sees it: as strict where Discord is strict, on a clock that the test may move. */
export class StandIn {
  readonly messages = new Map<string, StoredMessage>();
  readonly channels = new Map<string, Channel>();
  readonly interactions = new Map<string, StoredInteraction>();
  readonly requests: LoggedRequest[] = [];
  readonly faults: Fault[] = [];
  /** Broken rules of our own: mentions not switched off. */
  readonly violations: string[] = [];
  readonly closedDms = new Set<string>();
  /** Words that AutoMod blocks in every channel of a server. */
  readonly blockedWords = new Set<string>();
  commands: Json[] = [];
  commandWrites = 0;
  botToken = TOKEN;
  guildAccess = true;
  /** Ways of installation that the application offers. */
  installations: Record<number, object> = { 0: {}, 1: {} };
  /** Requests a bucket allows per `bucketMs`; on the real clock, as discord.js waits on it. */
  bucketLimit = 1000;
  bucketMs = 1000;
  tooMany = 0;
  /** Called when a request has taken effect, before it is answered. */
  onRequest: (request: LoggedRequest) => void = () => {};
  readonly gateway: FakeGateway;
  readonly #http: Server;
  readonly #now: () => number;
  readonly #buckets = new Map<string, { count: number; reset: number }>();
  readonly #waiting = new Set<() => void>();
  #ids = 0n;

  private constructor(http: Server, now: () => number) {
    this.#http = http;
    this.#now = now;
    http.on('request', (request, response) => void this.#serve(request, response));
    this.gateway = new FakeGateway(http, {
      token: TOKEN,
      userId: BOT,
      applicationId: APPLICATION,
      url: () => this.gatewayUrl,
    });
  }

  static async start(now: () => number = Date.now): Promise<StandIn> {
    const http = createServer();
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    return new StandIn(http, now);
  }

  get #port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  get apiBase(): string {
    return `http://127.0.0.1:${this.#port}/api`;
  }

  /** Where Discord says that its gateway is, instead of here. */
  gatewayElsewhere: string | undefined;

  get gatewayUrl(): string {
    return this.gatewayElsewhere ?? `ws://127.0.0.1:${this.#port}`;
  }

  async close(): Promise<void> {
    this.gateway.close();
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

  snowflake(): string {
    this.#ids++;
    return (((BigInt(this.#now()) - EPOCH) << 22n) | (this.#ids & 0x3fffffn)).toString();
  }

  channel(options: Partial<Channel> = {}): Channel {
    const channel = {
      id: this.snowflake(),
      view: true,
      history: true,
      send: true,
      nsfw: false,
      exists: true,
      refuses: null,
      ...options,
    };
    this.channels.set(channel.id, channel);
    return channel;
  }

  /** Registers an interaction, as if Discord had just made it. `sendInteraction` dispatches its payload. */
  interaction(channel: string, type: number, limit: number, source: string | null = null): StoredInteraction {
    const id = this.snowflake();
    const interaction: StoredInteraction = {
      id,
      token: `aW50ZXJhY3Rpb24${id}`,
      channel,
      at: this.#now(),
      limit,
      type,
      source,
      acknowledged: false,
      answeredAt: null,
      message: null,
      responses: [],
      followUps: [],
    };
    this.interactions.set(interaction.token, interaction);
    return interaction;
  }

  /** Messages that people can see, oldest first. */
  visible(channel?: string): StoredMessage[] {
    return [...this.messages.values()].filter((m) => !m.deleted && (channel === undefined || m.channel === channel));
  }

  toApi(message: StoredMessage): APIMessage {
    const attachments = message.attachments.map(
      ({ id, filename, description, bytes }): APIAttachment => ({
        id,
        filename,
        description,
        size: bytes.length,
        url: `https://cdn.invalid/${id}/${filename}`,
        proxy_url: `https://cdn.invalid/${id}/${filename}`,
      }),
    );
    return {
      id: message.id,
      channel_id: message.channel,
      author: { id: BOT, username: 'wuerst', discriminator: '0', global_name: null, avatar: null, bot: true },
      application_id: APPLICATION,
      content: message.content,
      timestamp: new Date(message.createdAt).toISOString(),
      edited_timestamp: null,
      tts: false,
      mention_everyone: false,
      mentions: [],
      mention_roles: [],
      attachments,
      embeds: message.embeds,
      components: message.components as unknown as NonNullable<APIMessage['components']>,
      pinned: false,
      type: 0,
      flags: (message.ephemeral ? 64 : 0) | (message.loading ? 128 : 0),
      ...(message.interaction === null
        ? {}
        : {
            interaction_metadata: {
              id: message.interaction,
              type: 2,
              user: { id: BOT, username: 'somebody', discriminator: '0', global_name: null, avatar: null },
              authorizing_integration_owners: {},
            },
          }),
    };
  }

  readonly #routes: readonly Route[] = [
    {
      method: 'GET',
      pattern: /^\/gateway\/bot$/,
      run: () => ({
        url: this.gatewayUrl,
        shards: 1,
        session_start_limit: { total: 1000, remaining: 1000, reset_after: 0, max_concurrency: 1 },
      }),
    },
    {
      method: 'GET',
      pattern: /^\/applications\/@me$/,
      run: () => ({
        id: APPLICATION,
        name: 'wuerst',
        bot: { id: BOT },
        integration_types_config: this.installations,
      }),
    },
    {
      method: 'GET',
      pattern: /^\/applications\/\d+\/(guilds\/\d+\/)?commands$/,
      run: ([guild]) => {
        if (guild && !this.guildAccess) throw new Refusal(403, 50001, 'Missing Access');
        return this.commands;
      },
    },
    {
      method: 'PUT',
      pattern: /^\/applications\/\d+\/(guilds\/\d+\/)?commands$/,
      run: ([guild], body) => {
        if (guild && !this.guildAccess) throw new Refusal(403, 50001, 'Missing Access');
        checkCommands(body, !guild);
        for (const { name, integration_types = [] } of body as unknown as {
          name: string;
          integration_types?: number[];
        }[]) {
          const foreign = integration_types.some((type) => !(type in this.installations));
          if (foreign) throw new Refusal(400, 50035, `${name} is for an installation that is not offered`);
        }
        this.commandWrites++;
        // Discord returns more than it was given, and leaves out what is default.
        this.commands = (body as unknown as Json[]).map((command) => ({
          id: this.snowflake(),
          application_id: APPLICATION,
          version: this.snowflake(),
          nsfw: false,
          default_member_permissions: null,
          description: '',
          ...command,
        }));
        return this.commands;
      },
    },
    {
      method: 'POST',
      pattern: /^\/interactions\/(\d+)\/([^/]+)\/callback$/,
      run: ([id, token], body, uploads) => this.#callback(id ?? '', token ?? '', body, uploads),
    },
    {
      method: 'GET',
      pattern: /^\/webhooks\/\d+\/([^/]+)\/messages\/([^/]+)$/,
      run: ([token, id]) => this.toApi(this.#byToken(token ?? '', id ?? '').message),
    },
    {
      method: 'PATCH',
      pattern: /^\/webhooks\/\d+\/([^/]+)\/messages\/([^/]+)$/,
      run: ([token, id], body, uploads) => {
        const { message, interaction } = this.#byToken(token ?? '', id ?? '');
        return this.#edit(message, body, uploads, interaction.limit);
      },
    },
    {
      method: 'DELETE',
      pattern: /^\/webhooks\/\d+\/([^/]+)\/messages\/([^/]+)$/,
      run: ([token, id]) => {
        this.#byToken(token ?? '', id ?? '').message.deleted = true;
        return undefined;
      },
    },
    {
      method: 'POST',
      pattern: /^\/webhooks\/\d+\/([^/]+)$/,
      run: ([token], body, uploads) => {
        const interaction = this.#live(token ?? '');
        const loading = interaction.message === null ? undefined : this.messages.get(interaction.message);
        if (loading && !loading.deleted && loading.loading)
          return this.#edit(loading, body, uploads, interaction.limit);
        const ephemeral = (Number(body.flags ?? 0) & 64) !== 0;
        const message = this.#create(interaction.channel, body, uploads, interaction.limit, {
          interaction: interaction.id,
          ephemeral,
        });
        interaction.followUps.push(message.id);
        return this.toApi(message);
      },
    },
    {
      method: 'POST',
      pattern: /^\/users\/@me\/channels$/,
      run: (_params, body) => {
        const recipient = String(body.recipient_id);
        const known = [...this.channels.values()].find((channel) => channel.recipient === recipient);
        return { id: (known ?? this.channel({ recipient })).id, type: 1 };
      },
    },
    {
      method: 'GET',
      pattern: /^\/channels\/(\d+)$/,
      run: ([id]) => ({ id, type: 0, nsfw: this.#reach(id ?? '').nsfw }),
    },
    {
      method: 'GET',
      pattern: /^\/channels\/(\d+)\/messages$/,
      run: ([id], _body, _uploads, query) => {
        const channel = this.#reach(id ?? '');
        if (!channel.history) return [];
        const limit = Number(query.get('limit') ?? 50);
        if (!(limit >= 1 && limit <= 100)) throw new Refusal(400, 50035, 'limit is 1 to 100');
        const after = BigInt(query.get('after') ?? '0');
        const found = this.visible(channel.id).filter((m) => !m.ephemeral && BigInt(m.id) > after);
        const page = query.has('after') ? found.slice(0, limit) : found.slice(-limit);
        return page.reverse().map((m) => this.toApi(m));
      },
    },
    {
      method: 'POST',
      pattern: /^\/channels\/(\d+)\/messages$/,
      run: ([id], body, uploads) => {
        const channel = this.#reach(id ?? '');
        if (channel.recipient !== undefined && this.closedDms.has(channel.recipient)) {
          throw new Refusal(403, 50007, 'Cannot send messages to this user');
        }
        if (!channel.send) throw new Refusal(403, 50013, 'Missing Permissions');
        const same = [...this.messages.values()].find(
          (m) =>
            body.enforce_nonce === true &&
            m.nonce === body.nonce &&
            m.channel === channel.id &&
            this.#now() - m.createdAt < NONCE_LIFE,
        );
        if (same) return this.toApi(same);
        return this.toApi(this.#create(channel.id, body, uploads, 10 * 1024 * 1024, {}));
      },
    },
    {
      method: 'DELETE',
      pattern: /^\/channels\/(\d+)\/messages\/(\d+)$/,
      run: ([channel, id]) => {
        this.#reach(channel ?? '');
        const message = this.messages.get(id ?? '');
        if (!message || message.deleted || message.ephemeral || message.channel !== channel) {
          throw new Refusal(404, 10008, 'Unknown Message');
        }
        message.deleted = true;
        return undefined;
      },
    },
    {
      method: 'PATCH',
      pattern: /^\/channels\/(\d+)\/messages\/(\d+)$/,
      run: ([channel, id], body, uploads) => {
        this.#reach(channel ?? '');
        const message = this.messages.get(id ?? '');
        if (!message || message.deleted || message.ephemeral || message.channel !== channel) {
          throw new Refusal(404, 10008, 'Unknown Message');
        }
        return this.#edit(message, body, uploads, 10 * 1024 * 1024);
      },
    },
  ];

  #reach(id: string): Channel {
    const channel = this.channels.get(id);
    if (!channel?.exists) throw new Refusal(404, 10003, 'Unknown Channel');
    if (!channel.view) throw new Refusal(403, 50001, 'Missing Access');
    return channel;
  }

  #live(token: string): StoredInteraction {
    const interaction = this.interactions.get(token);
    if (!interaction || this.#now() - interaction.at >= TOKEN_LIFE) {
      throw new Refusal(401, 50027, 'Invalid Webhook Token');
    }
    if (!interaction.acknowledged) throw new Refusal(404, 10015, 'Unknown Webhook');
    return interaction;
  }

  #byToken(token: string, id: string): { readonly message: StoredMessage; readonly interaction: StoredInteraction } {
    const interaction = this.#live(token);
    const wanted = id === '@original' ? interaction.message : id;
    // What was clicked on is the original of an update, and has no other name.
    const original = id === '@original' || interaction.message !== interaction.source;
    const own = (original && wanted === interaction.message) || interaction.followUps.includes(wanted ?? '');
    const message = own ? this.messages.get(wanted ?? '') : undefined;
    if (!message || message.deleted) throw new Refusal(404, 10008, 'Unknown Message');
    return { message, interaction };
  }

  #callback(id: string, token: string, body: Json, uploads: readonly Upload[]): unknown {
    const interaction = this.interactions.get(token);
    if (!interaction || interaction.id !== id) throw new Refusal(404, 10062, 'Unknown interaction');
    if (interaction.acknowledged) throw new Refusal(400, 40060, 'Interaction has already been acknowledged.');
    if (this.#now() - interaction.at > 3000) throw new Refusal(404, 10062, 'Unknown interaction');
    const data = (body.data ?? {}) as Json;
    const type = Number(body.type);
    const allowed = { 2: [4, 5, 9], 3: [4, 5, 6, 7, 9], 4: [8], 5: [4, 5, 6, 7] }[interaction.type] ?? [];
    if (!allowed.includes(type))
      throw new Refusal(400, 50035, `an interaction of type ${interaction.type} is not answered with ${type}`);
    const ephemeral = (Number(data.flags ?? 0) & 64) !== 0;
    const origin = { interaction: interaction.id, ephemeral };
    let message: StoredMessage | null = null;
    if (type === 4) message = this.#create(interaction.channel, data, uploads, interaction.limit, origin);
    else if (type === 5) {
      if (Object.keys(data).some((key) => key !== 'flags')) throw new Refusal(400, 50035, 'a deferral has flags only');
      message = this.#store(interaction.channel, origin);
      message.loading = true;
    } else if (type === 6 || type === 7) {
      message = interaction.source === null ? null : (this.messages.get(interaction.source) ?? null);
      if (message === null) throw new Refusal(400, 50035, 'there is no message to update');
      if (type === 7) {
        if (message.deleted) throw new Refusal(404, 10008, 'Unknown Message');
        this.#edit(message, data, uploads, interaction.limit);
      }
    } else if (type === 8) checkChoices(data.choices);
    else if (type === 9) checkModal(data);
    interaction.acknowledged = true;
    interaction.answeredAt = performance.now();
    interaction.message = message?.id ?? null;
    interaction.responses.push(body);
    return {
      interaction: {
        id,
        type: interaction.type,
        response_message_id: message?.id,
        response_message_loading: message?.loading ?? false,
        response_message_ephemeral: message?.ephemeral ?? false,
      },
      // Documented for types 4 and 7 only.
      resource: { type, ...(message && (type === 4 || type === 7) ? { message: this.toApi(message) } : {}) },
    };
  }

  #store(channel: string, origin: { readonly interaction?: string; readonly ephemeral?: boolean }): StoredMessage {
    const message: StoredMessage = {
      id: this.snowflake(),
      channel,
      interaction: origin.interaction ?? null,
      ephemeral: origin.ephemeral ?? false,
      createdAt: this.#now(),
      nonce: null,
      content: '',
      embeds: [],
      components: [],
      attachments: [],
      deleted: false,
      loading: false,
      edits: [],
      uploads: 0,
    };
    this.messages.set(message.id, message);
    return message;
  }

  /** Throws where the channel is closed, or AutoMod blocks a word in what is shown to people. */
  #checkWritable(channel: string, body: Json): void {
    const { refuses = null, recipient } = this.channels.get(channel) ?? {};
    if (refuses !== null) throw refuses;
    const { content, embeds, attachments } = body;
    const words = JSON.stringify({ content, embeds, attachments });
    if (recipient === undefined && [...this.blockedWords].some((word) => words.includes(word))) {
      throw new Refusal(400, 200000, 'Message was blocked by automatic moderation');
    }
  }

  #create(
    channel: string,
    body: Json,
    uploads: readonly Upload[],
    limit: number,
    origin: { readonly interaction?: string; readonly ephemeral?: boolean },
  ): StoredMessage {
    this.violations.push(...checkMessage(body, uploads));
    this.#checkWritable(channel, body);
    checkAttachments(body.attachments, uploads, [], limit);
    const message = this.#store(channel, origin);
    message.nonce = typeof body.nonce === 'string' ? body.nonce : null;
    this.#apply(message, body, uploads, limit);
    return message;
  }

  #edit(message: StoredMessage, body: Json, uploads: readonly Upload[], limit: number): APIMessage {
    this.violations.push(...checkMessage(body, uploads));
    this.#checkWritable(message.channel, body);
    this.#apply(message, body, uploads, limit);
    message.loading = false;
    message.edits.push(this.#now());
    return this.toApi(message);
  }

  #apply(message: StoredMessage, body: Json, uploads: readonly Upload[], limit: number): void {
    const existing = message.attachments.map(({ id }) => id);
    const { kept, added } = checkAttachments(body.attachments, uploads, existing, limit);
    if (added.some(({ upload }) => upload.name.endsWith('.png') && !upload.name.includes('preview'))) message.uploads++;
    message.attachments = [
      ...message.attachments.filter(({ id }) => kept.includes(id)),
      ...added.map(({ upload, description }) => ({
        id: this.snowflake(),
        filename: upload.name,
        description,
        bytes: upload.bytes,
      })),
    ];
    if (body.content !== undefined) message.content = String(body.content);
    if (body.embeds !== undefined) message.embeds = body.embeds as APIEmbed[];
    if (body.components !== undefined) message.components = body.components as Json[];
  }

  /** Files that people attached, by their paths, as Discord's own file server has them. */
  readonly files = new Map<string, Buffer>();

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://stand.in');
    const file = this.files.get(url.pathname);
    if (file) {
      if (request.headers.authorization !== undefined) throw new Error('a token went to the file server');
      response.end(file);
      return;
    }
    const path = decodeURIComponent(url.pathname).replace(/^\/api\/v10/, '');
    const method = request.method ?? 'GET';
    const fault = this.faults.find((f) => f.times > 0 && f.method === method && f.path.test(path));
    if (fault) fault.times--;
    if (fault?.how === 'drop-before') {
      request.socket.destroy();
      return;
    }
    let body: Json = {};
    let status = 200;
    let answer: unknown;
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    try {
      const read = await readBody(request);
      body = read.body;
      this.#limitRate(method, path, headers);
      if (fault && typeof fault.how === 'object') {
        Object.assign(headers, fault.how.headers);
        throw new Refusal(fault.how.status, fault.how.code, 'as the test wants');
      }
      const open = /^\/(interactions|webhooks)\//.test(path);
      if (!open && request.headers.authorization !== `Bot ${this.botToken}`)
        throw new Refusal(401, 0, '401: Unauthorized');
      if (read.size > 25 * 1024 * 1024) throw new Refusal(413, 40005, 'Request entity too large');
      const route = this.#routes.find((r) => r.method === method && r.pattern.test(path));
      if (!route) throw new Refusal(404, 0, `404: Not Found ${method} ${path}`);
      answer = route.run(route.pattern.exec(path)?.slice(1) ?? [], body, read.uploads, url.searchParams);
      if (answer === undefined) status = 204;
    } catch (error) {
      // Killed while it was sending: nothing was asked.
      if (request.destroyed && !request.complete) return;
      if (!(error instanceof Refusal)) throw error;
      status = error.status;
      answer = {
        code: error.code,
        message: error.message,
        ...(status === 429 ? { retry_after: Number(headers['retry-after'] ?? 0.05), global: false } : {}),
      };
    }
    const logged = { method, path, body, status, at: this.#now() };
    this.requests.push(logged);
    this.onRequest(logged);
    if (fault?.how === 'drop-after') request.socket.destroy();
    else if (status === 204) response.writeHead(status).end();
    else response.writeHead(status, headers).end(JSON.stringify(answer));
    for (const look of [...this.#waiting]) look();
  }

  /** One bucket for each channel, and each interaction's token; callbacks have none. */
  #limitRate(method: string, path: string, headers: Record<string, string>): void {
    const major = /^\/(?:channels\/\d+|webhooks\/\d+\/[^/]+)/.exec(path)?.[0];
    if (major === undefined) return;
    const key = `${method} ${major}`;
    const now = Date.now();
    const old = this.#buckets.get(key);
    const bucket = old && old.reset > now ? old : { count: 0, reset: now + this.bucketMs };
    this.#buckets.set(key, bucket);
    bucket.count++;
    const after = ((bucket.reset - now) / 1000).toFixed(3);
    Object.assign(headers, {
      'x-ratelimit-limit': String(this.bucketLimit),
      'x-ratelimit-remaining': String(Math.max(0, this.bucketLimit - bucket.count)),
      'x-ratelimit-reset-after': after,
      'x-ratelimit-bucket': `bucket-${method}`,
    });
    if (bucket.count > this.bucketLimit) {
      this.tooMany++;
      Object.assign(headers, { 'retry-after': after, 'x-ratelimit-scope': 'user' });
      throw new Refusal(429, 0, 'You are being rate limited.');
    }
  }
}

async function readBody(request: IncomingMessage): Promise<{ body: Json; uploads: Upload[]; size: number }> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const raw = Buffer.concat(chunks);
  const type = request.headers['content-type'] ?? '';
  if (raw.length === 0) return { body: {}, uploads: [], size: 0 };
  if (!type.startsWith('multipart/')) return { body: JSON.parse(raw.toString()), uploads: [], size: raw.length };
  const form = await new Response(raw, { headers: { 'content-type': type } }).formData();
  const uploads: Upload[] = [];
  for (const [key, value] of form) {
    const index = /^files\[(\d+)\]$/.exec(key)?.[1];
    if (index === undefined || typeof value === 'string') continue;
    uploads.push({ index: Number(index), name: value.name, bytes: Buffer.from(await value.arrayBuffer()) });
  }
  return { body: JSON.parse(String(form.get('payload_json'))), uploads, size: raw.length };
}
