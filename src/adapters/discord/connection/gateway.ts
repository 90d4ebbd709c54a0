import {
  type APIInteraction,
  Client,
  Events,
  GatewayDispatchEvents,
  Options,
  type REST,
  SimpleShardingStrategy,
} from 'discord.js';
import { type Clock, doneWithin, pause } from '../../../system/clock.ts';
import { OperatorError } from '../../../system/errors.ts';
import type { Logger } from '../../../system/logging.ts';
import { t } from '../../../texts/translate.ts';
import { BackOff } from '../../delivery/back-off.ts';
import type { Health } from '../../delivery/health.ts';
import { restOptions } from '../rest/connections.ts';
import { errorFields } from '../rest/errors.ts';
import { gatewayError, gatewayUnreachable, restError } from '../rest/startup.ts';

export interface GatewayOptions {
  readonly token: string;
  readonly apiBase: string | undefined;
  /** How long the first connection may take, in ms. */
  readonly connectWithin: number;
  /** What else uses the token. */
  readonly rest: REST;
  readonly clock: Clock;
  readonly health: Health;
  readonly logger: Logger;
  readonly onInteraction: (interaction: APIInteraction) => void;
}

/** What makes the shards; discord.js has another class of the same name. */
type Shards = ConstructorParameters<typeof SimpleShardingStrategy>[0];

/** The part of Discord's health that the connection is. */
const PART = 'gateway';
/** Pauses between attempts, in ms: of one shard to connect again, and of all to start anew after Discord closed one for good. */
const RECONNECTS = { first: 500, longest: 60_000 };
const NEW_STARTS = { first: 1000, longest: 600_000 };
/** Codes of troubles that pass by themselves. */
const PASSING = new Set(['discord_unreachable', 'discord_gateway_timeout', 'discord_gateway_lost']);

/**
 * The connection to Discord's gateway. discord.js takes up again what breaks; what Discord closes for good is started
 * anew, since tokens, intents and numbers of shards may be right again some time later.
 */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #closing = new AbortController();
  readonly #starts: BackOff;
  #client: Client | null = null;
  /** Aborted with the client's end: what waits to connect must not come back. */
  #life = new AbortController();

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#starts = new BackOff({ clock: options.clock, ...NEW_STARTS });
  }

  /** Resolves when every shard is ready. Rejects with an OperatorError that says in a sentence what to mend. */
  async open(): Promise<void> {
    const { token, apiBase, connectWithin, rest, health } = this.#options;
    const client = this.#createClient();
    this.#client = client;
    const ready = new Promise<void>((resolve) => client.once(Events.ClientReady, () => resolve()));
    const closed = new Promise<OperatorError>((resolve) => {
      client.once(Events.ShardDisconnect, ({ code }) => resolve(gatewayError(code)));
    });
    const unreachable = new Promise<never>((_resolve, reject) => {
      client.on(Events.ShardError, (error) => {
        const failure = gatewayUnreachable(error);
        if (failure) reject(failure);
      });
    });
    try {
      this.#closing.signal.throwIfAborted();
      const refused = closed.then((error) => Promise.reject(error));
      const connected = Promise.all([client.login(token), ready]);
      if (!(await doneWithin(Promise.race([connected, refused, unreachable]), connectWithin)))
        throw timeout(connectWithin);
    } catch (error) {
      await this.#destroy();
      throw restError(error, { apiBase });
    }
    // After a 401 discord.js forgets it.
    rest.setToken(token);
    this.#starts.connected();
    health.works(PART);
    void closed.then((error) => this.#startAnew(error));
  }

  /** Takes no more interactions. */
  pause(): void {
    this.#client?.ws.removeAllListeners(GatewayDispatchEvents.InteractionCreate);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#destroy();
  }

  async #destroy(): Promise<void> {
    this.#life.abort();
    await this.#client?.destroy();
  }

  async #startAnew(reason: OperatorError): Promise<void> {
    const { clock, health } = this.#options;
    await this.#destroy();
    for (let error = reason; !this.#closing.signal.aborted; ) {
      const wait = this.#starts.failed();
      health.failed(PART, error, { isLasting: this.#starts.failures > 1 && !PASSING.has(error.code) });
      await pause(clock, wait, this.#closing.signal);
      if (this.#closing.signal.aborted) return;
      try {
        return await this.open();
      } catch (again) {
        error = restError(again, { apiBase: this.#options.apiBase });
      }
    }
  }

  /**
   * One client for all of Discord: no privileged intents (interactions need none at all), no caches, as many
   * shards as Discord recommends. Interactions are taken from the gateway as Discord sent them, since what they
   * carry (channel, permissions, owners) is all that the adapter knows.
   */
  #createClient(): Client {
    const { apiBase, onInteraction } = this.#options;
    const pauses = new Map<number, number>();
    this.#life = new AbortController();
    const client = new Client({
      intents: [],
      shards: 'auto',
      makeCache: Options.cacheWithLimits({
        ApplicationCommandManager: 0,
        GuildMemberManager: 0,
        MessageManager: 0,
        ReactionManager: 0,
        UserManager: { maxSize: 0, keepOverLimit: (user) => user.id === user.client.user.id },
      }),
      allowedMentions: { parse: [] },
      rest: restOptions(apiBase),
      ws: { buildStrategy: (manager) => this.#pausing(manager, pauses) },
    });
    this.#watch(client, pauses);
    // Taken as sent: discord.js would hold events back until every shard is ready, longer than an answer may take.
    client.ws.on(GatewayDispatchEvents.InteractionCreate, onInteraction);
    return client;
  }

  /** discord.js connects again twice a second, for ever. Before each attempt it asks for the session: there it waits. */
  #pausing(manager: Shards, pauses: Map<number, number>): SimpleShardingStrategy {
    const { retrieveSessionInfo } = manager.options;
    const { signal } = this.#life;
    manager.options.retrieveSessionInfo = async (shard) => {
      const wait = pauses.get(shard) ?? 0;
      pauses.delete(shard);
      if (wait > 0) await pause(this.#options.clock, wait, signal);
      // Nobody wants this connection any more.
      if (signal.aborted) return new Promise(() => {});
      return retrieveSessionInfo(shard);
    };
    return new SimpleShardingStrategy(manager);
  }

  #watch(client: Client, pauses: Map<number, number>): void {
    const { logger, clock, health } = this.#options;
    const { signal } = this.#life;
    client.on(Events.Error, (error) => logger.warn(errorFields(error), 'discord: client error'));
    client.on(Events.Warn, (warning) => logger.warn({ warning }, 'discord: warning'));
    client.on(Events.ShardError, (error, shard) => {
      logger.warn({ shard, ...errorFields(error) }, 'discord: shard error');
    });
    const backOffs = new Map<number, BackOff>();
    const lost = new Set<number>();
    client.on(Events.ShardReconnecting, (shard) => {
      if (signal.aborted) return;
      const backOff = backOffs.get(shard) ?? new BackOff({ clock, ...RECONNECTS });
      backOffs.set(shard, backOff);
      const wait = lost.has(shard) ? backOff.failed() : backOff.broken();
      pauses.set(shard, wait);
      logger.debug({ shard, wait }, 'discord: connecting again');
      lost.add(shard);
      health.failed(PART, CONNECTION_LOST);
    });
    const back = (shard: number) => {
      if (signal.aborted) return;
      backOffs.get(shard)?.connected();
      if (lost.delete(shard) && lost.size === 0) health.works(PART);
    };
    client.on(Events.ShardResume, back);
    client.on(Events.ShardReady, back);
  }
}

const CONNECTION_LOST = new OperatorError('discord_gateway_lost', () => t('The gateway connection is lost.'), {
  hint: () => t('The bot connects again by itself.'),
});

function timeout(ms: number): OperatorError {
  return new OperatorError(
    'discord_gateway_timeout',
    () => t("Discord's gateway did not become ready within {seconds} s.", { seconds: ms / 1000 }),
    {
      hint: () =>
        t('Have the firewall of your network let wuerst reach {host} directly, with WebSockets.', {
          host: 'gateway.discord.gg',
        }),
    },
  );
}
