import {
  type APIApplication,
  type APIInteraction,
  Client,
  Events,
  GatewayCloseCodes,
  GatewayDispatchEvents,
  Options,
  REST,
  Routes,
} from 'discord.js';
import { doneWithin, systemClock } from '../../system/clock.ts';
import { OperatorError } from '../../system/errors.ts';
import type { Logger } from '../../system/logging.ts';
import type { Adapter, Core } from '../adapter.ts';
import { commandsWithin } from './commands/commands.ts';
import { inviteUrl } from './commands/permissions.ts';
import { registerCommands } from './commands/register.ts';
import { Callers } from './interactions/callers.ts';
import { Interactions } from './interactions/interactions.ts';
import { Deliveries } from './messages/delivery.ts';
import type { DiscordAdapterOptions, DiscordOptions } from './options.ts';
import { DiscordApi } from './rest/api.ts';
import { fewConnections } from './rest/connections.ts';
import { errorFields } from './rest/errors.ts';
import { gatewayError, restError } from './rest/startup.ts';

const API_BASE = 'https://discord.com/api';
/** Long enough for 25 MiB over a slow line, in ms. */
const REQUEST_TIMEOUT = 60_000;
/** With answers that take 0.2 s, 200 commands a second are acknowledged. */
const MOST_AT_ONCE = 40;

function restOptions(apiBase: string | undefined) {
  return { api: (apiBase ?? API_BASE).replace(/\/+$/, ''), timeout: REQUEST_TIMEOUT };
}

/** The application behind a token. Rejects with an OperatorError that says in a sentence what to mend. */
export async function fetchApplication(
  options: Pick<DiscordOptions, 'token' | 'apiBase'>,
): Promise<{ readonly id: string; readonly name: string }> {
  const rest = new REST(restOptions(options.apiBase)).setToken(options.token);
  try {
    return (await rest.get(Routes.currentApplication())) as APIApplication;
  } catch (error) {
    throw restError(error, { apiBase: options.apiBase });
  }
}

/**
 * One client for all of Discord: no privileged intents (interactions need none at all), no caches, as many
 * shards as Discord recommends. Interactions are taken from the gateway as Discord sent them, since what they
 * carry (channel, permissions, owners) is all that the adapter knows.
 */
function createClient(options: DiscordAdapterOptions): Client {
  return new Client({
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
    rest: restOptions(options.apiBase),
  });
}

/** Logs errors of discord.js. A lost connection is logged once, though discord.js retries twice a second, and once when it is back. */
function watchConnection(client: Client, logger: Logger): void {
  client.on(Events.Error, (error) => logger.warn(errorFields(error), 'discord: client error'));
  client.on(Events.Warn, (warning) => logger.warn({ warning }, 'discord: warning'));
  client.on(Events.ShardError, (error, shard) => logger.warn({ shard, ...errorFields(error) }, 'discord: shard error'));
  const lost = new Set<number>();
  client.on(Events.ShardReconnecting, (shard) => {
    if (!lost.has(shard)) logger.warn({ shard }, 'discord: the connection is lost; reconnecting');
    lost.add(shard);
  });
  const back = (shard: number) => {
    if (lost.delete(shard)) logger.info({ shard }, 'discord: connected again');
  };
  client.on(Events.ShardResume, back);
  client.on(Events.ShardReady, back);
}

async function connect(client: Client, options: DiscordAdapterOptions): Promise<void> {
  const { token, connectWithin = 30_000, logger } = options;
  const ready = new Promise<void>((resolve, reject) => {
    client.once(Events.ClientReady, () => resolve());
    client.once(Events.ShardDisconnect, ({ code }) => reject(gatewayError(code)));
    client.login(token).catch(reject);
  });
  if (!(await doneWithin(ready, connectWithin))) {
    throw new OperatorError(
      'discord_gateway_timeout',
      `Discord's gateway did not become ready within ${connectWithin / 1000} s.`,
      { hint: 'Check that outgoing websocket connections are allowed, and try again.' },
    );
  }
  client.on(Events.ShardDisconnect, ({ code }) => {
    const log = { code, name: GatewayCloseCodes[code], ...errorFields(gatewayError(code)) };
    logger.error(log, 'discord: disconnected for good');
  });
}

interface Running {
  readonly client: Client;
  readonly deliveries: Deliveries;
  readonly unsubscribe: () => void;
  /** What the log says of it. */
  readonly log: object;
}

/** The Discord adapter. `start` rejects with an OperatorError that says in a sentence what to mend. */
export function createDiscordAdapter(options: DiscordAdapterOptions): Adapter {
  let running: Running | null = null;
  return {
    surface: 'discord',
    async start(core) {
      const client = createClient(options);
      client.rest.setToken(options.token);
      try {
        running = await prepare(options, core, client);
        await connect(client, options);
        running.deliveries.resume();
        options.logger.info(running.log, 'discord: ready');
      } catch (error) {
        running?.unsubscribe();
        running = null;
        await client.destroy();
        throw restError(error, { apiBase: options.apiBase });
      }
    },
    async stop(deadlineMs) {
      if (!running) return;
      const { client, deliveries, unsubscribe } = running;
      running = null;
      client.ws.removeAllListeners(GatewayDispatchEvents.InteractionCreate);
      await deliveries.drain(Math.max(0, deadlineMs - 500));
      unsubscribe();
      await client.destroy();
    },
  };
}

/** Prepares everything but the connection. */
async function prepare(options: DiscordAdapterOptions, core: Core, client: Client): Promise<Running> {
  const { logger, clock = systemClock, editInterval = 2500 } = options;
  const application = (await client.rest.get(Routes.currentApplication())) as APIApplication;
  await register(options, core, client, application);

  const open = new REST({
    ...restOptions(options.apiBase),
    globalRequestsPerSecond: Number.POSITIVE_INFINITY,
    makeRequest: fewConnections(MOST_AT_ONCE),
  });
  const api = new DiscordApi(client.rest, open, application.id);
  const self = application.bot?.id ?? application.id;
  const deliveries = new Deliveries({ core, api, clock, logger, self, editInterval });
  const callers = new Callers(api, clock);
  const interactions = new Interactions({ core, api, callers, deliveries, clock, logger });

  watchConnection(client, logger);
  // Taken as sent: discord.js would hold events back until every shard is ready, longer than an answer may take.
  client.ws.on(GatewayDispatchEvents.InteractionCreate, (interaction: APIInteraction) => {
    void interactions.handle(interaction);
  });
  const unsubscribe = core.subscribe((event) => deliveries.onEvent(event));
  return { client, deliveries, unsubscribe, log: { application: application.id, invite: inviteUrl(application.id) } };
}

async function register(
  { guildId, apiBase, logger }: DiscordAdapterOptions,
  core: Core,
  { rest }: Client,
  application: APIApplication,
): Promise<void> {
  try {
    const changed = await registerCommands(rest, application, commandsWithin(core.limits()), guildId);
    logger.info({ changed, guild: guildId ?? null }, 'discord: commands are registered');
  } catch (error) {
    throw restError(error, { apiBase, guild: guildId, application: application.id });
  }
}
