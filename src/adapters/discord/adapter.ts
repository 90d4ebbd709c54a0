import { type APIApplication, type APIInteraction, REST, Routes } from 'discord.js';
import { systemClock } from '../../system/clock.ts';
import type { Adapter, Core } from '../adapter.ts';
import { Health } from '../delivery/health.ts';
import { PlatformTime } from '../delivery/platform-time.ts';
import { commandsWithin } from './commands/commands.ts';
import { inviteUrl } from './commands/permissions.ts';
import { registerCommands } from './commands/register.ts';
import { Gateway } from './connection/gateway.ts';
import { TokenWatch } from './connection/token-watch.ts';
import { attachmentOrigins } from './interactions/attachments.ts';
import { Callers } from './interactions/callers.ts';
import { Interactions } from './interactions/interactions.ts';
import { Deliveries } from './messages/delivery.ts';
import { timeOf } from './messages/message-ref.ts';
import { DiscordRemovals } from './messages/removing.ts';
import type { DiscordAdapterOptions, DiscordOptions } from './options.ts';
import { DiscordApi } from './rest/api.ts';
import { fewConnections, restOptions } from './rest/connections.ts';
import { restError } from './rest/startup.ts';

/** With answers that take 0.2 s, 200 commands a second are acknowledged. */
const MOST_AT_ONCE = 40;

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

interface Running {
  readonly gateway: Gateway;
  readonly tokenWatch: TokenWatch;
  readonly deliveries: Deliveries;
  readonly removals: DiscordRemovals;
  readonly unsubscribe: () => void;
  /** What the log says of it. */
  readonly log: object;
}

/** The Discord adapter. `start` rejects with an OperatorError that says in a sentence what to mend. */
export function createDiscordAdapter(options: DiscordAdapterOptions): Adapter {
  const health = new Health('discord', options.logger);
  let running: Running | null = null;
  return {
    surface: 'discord',
    get trouble() {
      return health.trouble;
    },
    async start(core, onTrouble = () => undefined) {
      health.changed = onTrouble;
      try {
        running = await prepare(options, core, health);
        await running.gateway.open();
        running.tokenWatch.start();
        running.deliveries.resume();
        running.removals.start();
        options.logger.info(running.log, 'discord: ready');
      } catch (error) {
        running?.unsubscribe();
        running = null;
        throw restError(error, { apiBase: options.apiBase });
      }
    },
    async stop(deadlineMs) {
      if (!running) return;
      const { gateway, tokenWatch, deliveries, removals, unsubscribe } = running;
      running = null;
      gateway.pause();
      removals.stop();
      await deliveries.drain(Math.max(0, deadlineMs - 500));
      unsubscribe();
      tokenWatch.close();
      await gateway.close();
    },
  };
}

/** Prepares everything but the connection. */
async function prepare(options: DiscordAdapterOptions, core: Core, health: Health): Promise<Running> {
  const { token, apiBase, logger, clock: machine = systemClock, editInterval = 2500, connectWithin = 30_000 } = options;
  const rest = new REST(restOptions(apiBase)).setToken(token);
  const clock = new PlatformTime(machine);
  const application = (await rest.get(Routes.currentApplication())) as APIApplication;
  await register(options, core, rest, application);

  const open = new REST({
    ...restOptions(apiBase),
    globalRequestsPerSecond: Number.POSITIVE_INFINITY,
    makeRequest: fewConnections(MOST_AT_ONCE),
  });
  const api = new DiscordApi(rest, open, application.id);
  const self = application.bot?.id ?? application.id;
  const showing = { core, api, clock, logger, self, editInterval };
  const deliveries = new Deliveries(showing);
  const removals = new DiscordRemovals(showing);
  const callers = new Callers(api, clock);
  const interactions = new Interactions({
    ...{ core, api, callers, deliveries, removals, clock, logger },
    attachmentOrigins: attachmentOrigins(apiBase),
  });

  const onInteraction = (interaction: APIInteraction) => {
    clock.saw(timeOf(interaction.id));
    void interactions.handle(interaction);
  };
  const gateway = new Gateway({ token, apiBase, connectWithin, rest, clock, health, logger, onInteraction });
  const tokenWatch = new TokenWatch({ rest, token, apiBase, clock, health });
  const unsubscribe = core.subscribe((event) => deliveries.onEvent(event));
  return {
    gateway,
    tokenWatch,
    deliveries,
    removals,
    unsubscribe,
    log: { application: application.id, invite: inviteUrl(application.id) },
  };
}

async function register(
  { guildId, apiBase, logger }: DiscordAdapterOptions,
  core: Core,
  rest: REST,
  application: APIApplication,
): Promise<void> {
  try {
    const changed = await registerCommands(rest, application, commandsWithin(core.limits()), guildId);
    logger.info({ changed, guild: guildId ?? null }, 'discord: commands are registered');
  } catch (error) {
    throw restError(error, { apiBase, guild: guildId, application: application.id });
  }
}
