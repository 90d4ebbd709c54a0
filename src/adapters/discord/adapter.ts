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
import { systemClock } from '../../system/clock.ts';
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

/** Says once that a connection is lost, though discord.js tries twice a second, and when it is back. */
function watchConnection(client: Client, logger: Logger): void {
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

export function createDiscordAdapter(options: DiscordAdapterOptions): Adapter {
  const { logger } = options;
  const clock = options.clock ?? systemClock;
  let running: { readonly client: Client; readonly deliveries: Deliveries; readonly unsubscribe: () => void } | null =
    null;

  async function connect(client: Client): Promise<void> {
    const within = options.connectWithin ?? 30_000;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const tooLate = new OperatorError(
          'discord_gateway_timeout',
          `Discord's gateway did not become ready within ${within / 1000} s.`,
          { hint: 'Check that outgoing websocket connections are allowed, and try again.' },
        );
        timer = setTimeout(() => reject(tooLate), within);
        client.once(Events.ClientReady, () => resolve());
        client.once(Events.ShardDisconnect, ({ code }) => reject(gatewayError(code)));
        client.login(options.token).catch(reject);
      });
    } finally {
      clearTimeout(timer);
    }
  }

  async function start(core: Core): Promise<void> {
    const client = createClient(options);
    client.rest.setToken(options.token);
    try {
      const application = (await client.rest.get(Routes.currentApplication())) as APIApplication;
      const open = new REST({
        ...restOptions(options.apiBase),
        globalRequestsPerSecond: Number.POSITIVE_INFINITY,
        makeRequest: fewConnections(MOST_AT_ONCE),
      });
      const api = new DiscordApi(client.rest, open, application.id);
      const self = application.bot?.id ?? application.id;
      const commands = commandsWithin(core.limits());
      const changed = await registerCommands(client.rest, application, commands, options.guildId).catch(
        (error: unknown) => {
          throw restError(error, { apiBase: options.apiBase, guild: options.guildId, application: application.id });
        },
      );
      logger.info({ changed, guild: options.guildId ?? null }, 'discord: commands are registered');

      const editInterval = options.editInterval ?? 2500;
      const deliveries = new Deliveries({ core, api, clock, logger, self, editInterval });
      const callers = new Callers(api, clock);
      const interactions = new Interactions({ core, api, callers, deliveries, clock, logger });

      client.on(Events.Error, (error) => logger.warn(errorFields(error), 'discord: client error'));
      client.on(Events.Warn, (warning) => logger.warn({ warning }, 'discord: warning'));
      client.on(Events.ShardError, (error, shard) =>
        logger.warn({ shard, ...errorFields(error) }, 'discord: shard error'),
      );
      watchConnection(client, logger);
      // Taken as sent: discord.js would hold events back until every shard is ready, longer than an answer may take.
      client.ws.on(GatewayDispatchEvents.InteractionCreate, (interaction: APIInteraction) => {
        void interactions.handle(interaction);
      });
      const unsubscribe = core.subscribe((event) => deliveries.onEvent(event));
      running = { client, deliveries, unsubscribe };
      await connect(client);
      client.on(Events.ShardDisconnect, ({ code }) => {
        logger.error(
          { code, name: GatewayCloseCodes[code], ...errorFields(gatewayError(code)) },
          'discord: disconnected for good',
        );
      });
      deliveries.resume();
      logger.info({ application: application.id, invite: inviteUrl(application.id) }, 'discord: ready');
    } catch (error) {
      running?.unsubscribe();
      running = null;
      await client.destroy();
      throw error instanceof OperatorError ? error : restError(error, { apiBase: options.apiBase });
    }
  }

  async function stop(deadlineMs: number): Promise<void> {
    if (!running) return;
    const { client, deliveries, unsubscribe } = running;
    running = null;
    client.ws.removeAllListeners(GatewayDispatchEvents.InteractionCreate);
    await deliveries.drain(Math.max(0, deadlineMs - 500));
    unsubscribe();
    await client.destroy();
  }

  return { surface: 'discord', start, stop };
}
