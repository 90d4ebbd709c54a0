import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type App, HTTPReceiver, SocketModeReceiver } from '@slack/bolt';
import { doneWithin, systemClock } from '../../system/clock.ts';
import type { Logger } from '../../system/logging.ts';
import type { Adapter, Core } from '../adapter.ts';
import { Health } from '../delivery/health.ts';
import { PlatformTime } from '../delivery/platform-time.ts';
import { AckAfterApp } from './connection/ack-after-app.ts';
import { INSTALL_PATH, portError, REDIRECT_PATH, serveInstallPages } from './connection/install-pages.ts';
import { Installations } from './connection/installations.ts';
import { Connection, openAll, reportConnections } from './connection/socket-mode.ts';
import { TokenWatch } from './connection/token-watch.ts';
import { Answering } from './interactions/answering.ts';
import { Callers } from './interactions/callers.ts';
import { Interactions, type Uninstalled } from './interactions/interactions.ts';
import { Deliveries } from './messages/delivery.ts';
import { SlackRemovals } from './messages/removing.ts';
import { SharedFiles } from './messages/shared-files.ts';
import type { SlackAdapterOptions } from './options.ts';
import { readable } from './web-api/answers.ts';
import { type ApiOptions, createClient } from './web-api/api.ts';
import { errorText, Refused } from './web-api/errors.ts';
import { boltLogger } from './web-api/logger.ts';
import { BOT_SCOPES } from './web-api/methods.ts';
import { checkAppToken, checkBotToken, type Identity } from './web-api/startup.ts';
import { Workspaces } from './web-api/workspaces.ts';

/**
 * Simultaneous Socket Mode connections: while Slack closes one, as it does every few hours, the other one listens. Each
 * has two clients, which take turns; Slack allows ten connections.
 */
const SOCKETS = 2;
/** How long `start` waits for Socket Mode, in ms. */
const CONNECT_WITHIN = 30_000;

interface Running {
  readonly deliveries: Deliveries;
  readonly answering: Answering;
  readonly intake: Intake;
  /** Releases everything but connections and messages. */
  readonly end: () => void;
}

/** The Slack adapter. `start` rejects with an OperatorError that says in a sentence what to mend. */
export function createSlackAdapter(options: SlackAdapterOptions): Adapter {
  const health = new Health('slack', options.logger);
  let running: Running | null = null;
  return {
    surface: 'slack',
    get trouble() {
      return health.trouble;
    },
    async start(core, onTrouble = () => undefined) {
      health.changed = onTrouble;
      running = await start(options, core, health);
    },
    async stop(deadlineMs) {
      if (!running) return;
      const { deliveries, answering, intake, end } = running;
      running = null;
      intake.pause();
      const ended = async () => {
        await answering.settled();
        await Promise.all([intake.close(), deliveries.drain(Math.max(0, deadlineMs - 500))]);
      };
      await doneWithin(ended(), deadlineMs);
      await deliveries.drain(0);
      end();
    },
  };
}

async function start(options: SlackAdapterOptions, core: Core, health: Health): Promise<Running> {
  const { logger, clock = systemClock, transport, botToken, apiUrl, updatesPerMinute = 45 } = options;
  const api: ApiOptions = { apiUrl, fetch: readable(options.fetch ?? fetch), logger: boltLogger(logger) };
  const client = createClient(api);
  const checked = { client, apiUrl, clock };
  const identity = botToken === undefined ? null : await checkBotToken({ ...checked, token: botToken });
  if (transport.kind === 'socket') await checkAppToken({ ...checked, token: transport.appToken });

  const installations = options.oauth && new Installations(options.installations ?? 'slack-installations.sqlite');
  const receivers = receiversOf(options, api, installations);
  const app = appOf(options, api, receivers[0], identity);
  const tokenOf = async (team: string, enterprise: string | null) =>
    botToken ?? (await installedToken(receivers[0].installer, team, enterprise));
  const workspaces = new Workspaces({
    ...{ api, client, clock, updatesPerMinute, tokenOf, time: new PlatformTime(clock) },
    tokenLost: () => void tokenWatch?.check(),
  });
  const files = new SharedFiles(core, clock);
  const callers = new Callers(workspaces, clock, logger);
  const deliveries = new Deliveries({ core, workspaces, files, clock, logger });
  const removals = new SlackRemovals({ core, workspaces, clock, logger });
  const { decideMs } = options;
  const parts = { core, workspaces, callers, deliveries, files, clock, logger, decideMs };
  const answering = new Answering(parts);
  const retryNow = (team: string) => {
    deliveries.retryNow(team);
    core.postings?.hasten('slack');
  };
  const restored = () => identity && retryNow(identity.team);
  const tokenWatch = botToken === undefined ? null : new TokenWatch({ ...checked, token: botToken, health, restored });
  const uninstalled = (from: Uninstalled) => uninstall(from, installations, logger);
  new Interactions({ ...parts, answering, home: identity, uninstalled }).register(app);
  for (const receiver of receivers) receiver.init(app);
  if (installations) {
    installations.installed = (team) => {
      logger.info({ team }, 'slack: installed');
      retryNow(team);
      deliveries.resume();
    };
  }

  const unsubscribe = core.subscribe((event) => deliveries.onEvent(event));
  const end = () => {
    unsubscribe();
    removals.stop();
    tokenWatch?.close();
    installations?.close();
  };
  try {
    const intake = await listen(options, receivers, health);
    tokenWatch?.start();
    deliveries.resume();
    removals.start();
    logger.info({ transport: transport.kind, team: identity?.team ?? null }, 'slack: ready');
    return { deliveries, answering, intake, end };
  } catch (error) {
    end();
    throw error;
  }
}

async function installedToken(installer: Installer, team: string, enterprise: string | null): Promise<string> {
  const query = { teamId: team, enterpriseId: enterprise ?? undefined, isEnterpriseInstall: false };
  const found = await installer?.authorize(query).catch(() => undefined);
  if (found?.botToken === undefined) throw new Refused('not_installed', [`workspace ${team}`]);
  return found.botToken;
}

function uninstall(from: Uninstalled, installations: Installations | undefined, logger: Logger): void {
  const { team, enterprise, wholeOrganisation } = from;
  logger.warn({ team }, 'slack: the app was removed from a workspace');
  const query = { teamId: team, enterpriseId: enterprise ?? undefined, isEnterpriseInstall: wholeOrganisation };
  installations?.deleteInstallation(query).catch((error: unknown) => {
    logger.error({ team, problem: errorText(error) }, 'slack: an installation could not be deleted');
  });
}

type Installer = SocketModeReceiver['installer'];
type Receivers = readonly [SocketModeReceiver, ...SocketModeReceiver[]] | readonly [HTTPReceiver];

function receiversOf(options: SlackAdapterOptions, api: ApiOptions, store: Installations | undefined): Receivers {
  const { transport, oauth, apiUrl } = options;
  const logger = boltLogger(options.logger);
  const clientOptions = { slackApiUrl: apiUrl, fetch: api.fetch, retryConfig: { retries: 0 }, timeout: 15_000 };
  const installing =
    oauth === undefined || store === undefined
      ? {}
      : {
          clientId: oauth.clientId,
          clientSecret: oauth.clientSecret,
          stateSecret: oauth.stateSecret,
          installationStore: store,
          scopes: [...BOT_SCOPES],
          ...(oauth.redirectUri === undefined ? {} : { redirectUri: oauth.redirectUri }),
        };
  const installerOptions = {
    clientOptions,
    installPath: INSTALL_PATH,
    redirectUriPath: REDIRECT_PATH,
    authorizationUrl: new URL('../oauth/v2/authorize', apiUrl).href,
    port: options.port,
  };
  if (transport.kind === 'http') {
    return [new HTTPReceiver({ signingSecret: transport.signingSecret, logger, ...installing, installerOptions })];
  }
  const socket = (more: object) =>
    new SocketModeReceiver({
      appToken: transport.appToken,
      logger,
      autoReconnectEnabled: false,
      ...more,
      installerOptions,
    });
  return [socket(installing), ...Array.from({ length: 2 * SOCKETS - 1 }, () => socket({}))];
}

function appOf(options: SlackAdapterOptions, api: ApiOptions, receiver: Receivers[0], identity: Identity | null): App {
  const { botToken, apiUrl, logger } = options;
  return new AckAfterApp({
    receiver,
    logger: boltLogger(logger),
    clientOptions: { slackApiUrl: apiUrl, fetch: api.fetch, retryConfig: { retries: 0 } },
    // No interaction depends on earlier ones of its conversation.
    convoStore: false,
    ...(botToken === undefined || identity === null
      ? {}
      : { token: botToken, botId: identity.botId, botUserId: identity.userId, tokenVerificationEnabled: false }),
  });
}

/** Where interactions come in. */
interface Intake {
  /** Accepts nothing new; what was accepted can still be acknowledged. */
  pause(): void;
  close(): Promise<void>;
}

async function listen(
  { port, oauth, clock = systemClock, logger }: SlackAdapterOptions,
  receivers: Receivers,
  health: Health,
): Promise<Intake> {
  const [first] = receivers;
  if (first instanceof HTTPReceiver) {
    let server: Server;
    try {
      server = (await first.start(port)) as Server;
    } catch (error) {
      throw portError(error, port);
    }
    logger.info({ port: portOf(server) }, 'slack: listening');
    return { pause: () => void server.close(), close: async () => server.closeIdleConnections() };
  }
  const clients = receivers.flatMap((receiver) => (receiver instanceof SocketModeReceiver ? [receiver.client] : []));
  const connection = { clock, logger, changed: () => reportConnections(connections, health) };
  const connections: readonly Connection[] = clients
    .slice(0, SOCKETS)
    .map((client, k) => new Connection([client, ...clients.slice(SOCKETS + k, SOCKETS + k + 1)], connection));
  const { installer } = first;
  const pages = installer && (await serveInstallPages(installer, { port, redirectUri: oauth?.redirectUri, logger }));
  if (pages) logger.info({ port: portOf(pages) }, 'slack: installation pages are served');
  const intake: Intake = {
    pause() {
      for (const connection of connections) connection.stopListening();
      pages?.close();
    },
    async close() {
      pages?.closeIdleConnections();
      await Promise.all(connections.map((connection) => connection.close()));
    },
  };
  try {
    await openAll(connections, CONNECT_WITHIN);
    return intake;
  } catch (error) {
    intake.pause();
    await intake.close();
    throw error;
  }
}

function portOf(server: Server): number | null {
  const address = server.address() as AddressInfo | null;
  return address?.port ?? null;
}
