import { resolve } from 'node:path';
import type { z } from 'zod';
import { isLoopback } from './adapters/web/server/options.ts';
import { nearest } from './bot/command/edit-distance.ts';
import { type ConfigSetting, ENTRIES, type Entry, type LOG_LEVELS } from './config-entries.ts';
import { currentModelFolder, modelsFolder } from './models/model-folder.ts';
import { OperatorError } from './system/errors.ts';

export type { ConfigSetting } from './config-entries.ts';

/** Everything that `wuerst start` goes by. */
export interface Config {
  /** Folder of the database and the pictures; absolute. */
  readonly data: string;
  /** Model folder; absolute. */
  readonly model: string;
  readonly provider: string;
  readonly precision: string;
  readonly residency: 'auto' | 'resident' | 'stage';
  /** Sizes to make ready for at start; `auto` is the engine's choice. */
  readonly warmUp: 'auto' | readonly { readonly width: number; readonly height: number }[];
  /** GPU that CUDA computes on; null: the first. */
  readonly device: number | null;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  /** Milliseconds that the running job may go on after the bot was told to stop. */
  readonly drainMs: number;
  readonly keep: {
    /** Milliseconds; `null` keeps pictures however old. */
    readonly maxAgeMs: number | null;
    /** Bytes of all pictures; `null` for no limit. */
    readonly maxBytes: number | null;
  };
  readonly web: WebConfig | null;
  readonly discord: DiscordConfig | null;
  readonly slack: SlackConfig | null;
  /** Values that no log may show. */
  readonly secrets: readonly string[];
}

export interface WebConfig {
  readonly host: string;
  readonly port: number;
  readonly token: string | null;
  readonly adminToken: string | null;
  readonly hostnames: readonly string[];
  readonly ageRestrictedRooms: readonly string[];
}

export interface DiscordConfig {
  readonly token: string;
  readonly guildId: string | null;
  readonly apiBase: string | null;
}

export interface SlackConfig {
  /** Of the one workspace; `null` where `oauth` says how many install the app. */
  readonly botToken: string | null;
  readonly oauth: {
    readonly clientId: string;
    readonly clientSecret: string;
    readonly stateSecret: string;
    readonly redirectUri: string | null;
  } | null;
  readonly appToken: string | null;
  readonly signingSecret: string | null;
  readonly apiUrl: string | null;
  readonly port: number;
}

const DAY_MS = 86_400_000;

type Name = keyof typeof ENTRIES;
type Values = { [K in Name]?: z.output<(typeof ENTRIES)[K]['schema']> };

const NAMES = Object.keys(ENTRIES) as Name[];

/** Every setting, in the order to list them in. */
export const CONFIG_SETTINGS: readonly ConfigSetting[] = NAMES.map((name) => {
  const { option, help, otherwise } = ENTRIES[name];
  return { name, option, help, otherwise };
});

/** Adds what `.env` in this folder says to the environment, where it says nothing yet. A missing file is fine. */
export function loadDotEnv(folder: string = process.cwd()): void {
  try {
    process.loadEnvFile(resolve(folder, '.env'));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return;
    throw new OperatorError('env_unreadable', `The file ${resolve(folder, '.env')} cannot be read.`, { cause });
  }
}

/**
 * The settings, from environment variables (or options under the same names). Empty ones count as not set.
 *
 * @throws OperatorError `config_invalid` with every mistake, one a line; secrets are never part of it.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const mistakes: string[] = [];
  const values: Values = {};
  for (const name of NAMES) Object.assign(values, readEntry(name, env[name], mistakes));
  for (const name of Object.keys(env)) {
    if (!name.startsWith('WUERST_') || NAMES.some((known) => known === name)) continue;
    const meant = nearest(name, NAMES, 2);
    if (meant !== null) mistakes.push(`${name} is no setting; did you mean ${meant}?`);
  }
  mistakes.push(...combinations(values));
  const model = mistakes.length === 0 ? modelOf(values, env, mistakes) : '';
  if (mistakes.length > 0) {
    throw new OperatorError('config_invalid', `The settings cannot be used:\n- ${mistakes.join('\n- ')}`, {
      hint: 'They are environment variables, also from a file .env; "wuerst start --help" lists them.',
    });
  }
  return configFrom(values, model);
}

function readEntry(name: Name, value: string | undefined, mistakes: string[]): Values {
  const typed = value?.trim() ?? '';
  if (typed === '') return {};
  const { schema, secret }: Entry<unknown> = ENTRIES[name];
  const result = schema.safeParse(typed);
  if (result.success) return { [name]: result.data };
  const got = secret === true ? '' : `, got "${typed.slice(0, 80)}"`;
  mistakes.push(`${name}: ${result.error.issues[0]?.message ?? 'not understood'}${got}`);
  return {};
}

/** Settings that do not go together. */
function combinations(values: Values): string[] {
  const mistakes: string[] = [];
  const web = values.WUERST_WEB ?? true;
  const host = values.WUERST_WEB_HOST ?? '127.0.0.1';
  const { WUERST_WEB_TOKEN: userToken, WUERST_WEB_ADMIN_TOKEN: adminToken } = values;
  if (web && userToken === undefined && !isLoopback(host)) {
    mistakes.push(`WUERST_WEB_HOST is ${host}, which others can reach: set WUERST_WEB_TOKEN, or listen on 127.0.0.1`);
  }
  if (adminToken !== undefined && userToken === undefined) {
    mistakes.push('WUERST_WEB_ADMIN_TOKEN needs WUERST_WEB_TOKEN: without it everyone is admin already');
  }
  if (adminToken !== undefined && adminToken === userToken) {
    mistakes.push('WUERST_WEB_ADMIN_TOKEN and WUERST_WEB_TOKEN are the same: everyone would be admin');
  }
  mistakes.push(...slackCombinations(values));
  if (!web && !isSlackServed(values) && values.DISCORD_TOKEN === undefined) {
    mistakes.push(
      'WUERST_WEB is off, and neither DISCORD_TOKEN nor SLACK_BOT_TOKEN is set: nobody could ask for anything',
    );
  }
  return mistakes;
}

function isSlackServed({ SLACK_BOT_TOKEN: bot, SLACK_CLIENT_ID: client }: Values): boolean {
  return bot !== undefined || client !== undefined;
}

const INSTALLING = ['SLACK_CLIENT_ID', 'SLACK_CLIENT_SECRET', 'SLACK_STATE_SECRET'] as const;

function slackCombinations(values: Values): string[] {
  const mistakes: string[] = [];
  const { SLACK_BOT_TOKEN: bot, SLACK_APP_TOKEN: app, SLACK_SIGNING_SECRET: signing } = values;
  const isReachable = app !== undefined || signing !== undefined;
  const missing = INSTALLING.filter((name) => values[name] === undefined);
  if (missing.length < INSTALLING.length && bot !== undefined) {
    mistakes.push(
      'SLACK_BOT_TOKEN serves one workspace and SLACK_CLIENT_ID many: unset SLACK_BOT_TOKEN, or everything of the other',
    );
  } else if (missing.length > 0 && missing.length < INSTALLING.length) {
    mistakes.push(`${INSTALLING.join(', ')} go together: set ${missing.join(' and ')} too`);
  }
  if (isSlackServed(values) && !isReachable) {
    const served = bot === undefined ? 'SLACK_CLIENT_ID' : 'SLACK_BOT_TOKEN';
    mistakes.push(`${served} needs SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP)`);
  }
  if (!isSlackServed(values) && isReachable) {
    mistakes.push('SLACK_APP_TOKEN and SLACK_SIGNING_SECRET are of no use without SLACK_BOT_TOKEN or SLACK_CLIENT_ID');
  }
  return mistakes;
}

function modelOf(values: Values, env: Readonly<Record<string, string | undefined>>, mistakes: string[]): string {
  if (values.WUERST_MODEL !== undefined) return resolve(values.WUERST_MODEL);
  try {
    return currentModelFolder(modelsFolder({ ...env }));
  } catch (error) {
    mistakes.push(error instanceof Error ? error.message : String(error));
    return '';
  }
}

function configFrom(values: Values, model: string): Config {
  const { WUERST_KEEP_DAYS: days, DISCORD_TOKEN: discordToken } = values;
  const secrets = NAMES.flatMap((name) => {
    const { secret }: Entry<unknown> = ENTRIES[name];
    const value = values[name];
    return secret === true && typeof value === 'string' ? [value] : [];
  });
  return {
    data: resolve(values.WUERST_DATA ?? 'wuerst-data'),
    model,
    provider: values.WUERST_PROVIDER ?? 'auto',
    precision: values.WUERST_PRECISION ?? 'auto',
    residency: values.WUERST_RESIDENCY ?? 'auto',
    warmUp: values.WUERST_WARM_UP ?? 'auto',
    device: values.WUERST_DEVICE ?? null,
    logLevel: values.WUERST_LOG_LEVEL ?? 'info',
    drainMs: (values.WUERST_DRAIN_SECONDS ?? 20) * 1000,
    keep: { maxAgeMs: days === undefined ? null : days * DAY_MS, maxBytes: values.WUERST_KEEP_BYTES ?? null },
    web: (values.WUERST_WEB ?? true) ? webFrom(values) : null,
    discord:
      discordToken === undefined
        ? null
        : {
            token: discordToken,
            guildId: values.DISCORD_GUILD_ID ?? null,
            apiBase: values.DISCORD_API_BASE ?? null,
          },
    slack: isSlackServed(values) ? slackFrom(values) : null,
    secrets,
  };
}

function slackFrom(values: Values): SlackConfig {
  const { SLACK_CLIENT_ID: clientId, SLACK_CLIENT_SECRET: clientSecret, SLACK_STATE_SECRET: stateSecret } = values;
  const isInstalled = clientId !== undefined && clientSecret !== undefined && stateSecret !== undefined;
  return {
    botToken: values.SLACK_BOT_TOKEN ?? null,
    oauth: isInstalled ? { clientId, clientSecret, stateSecret, redirectUri: values.SLACK_REDIRECT_URI ?? null } : null,
    appToken: values.SLACK_APP_TOKEN ?? null,
    signingSecret: values.SLACK_SIGNING_SECRET ?? null,
    apiUrl: values.SLACK_API_URL ?? null,
    port: values.SLACK_PORT ?? 3000,
  };
}

function webFrom(values: Values): WebConfig {
  return {
    host: values.WUERST_WEB_HOST ?? '127.0.0.1',
    port: values.WUERST_WEB_PORT ?? 3210,
    token: values.WUERST_WEB_TOKEN ?? null,
    adminToken: values.WUERST_WEB_ADMIN_TOKEN ?? null,
    hostnames: values.WUERST_WEB_HOSTNAMES ?? [],
    ageRestrictedRooms: values.WUERST_WEB_ADULT_ROOMS ?? [],
  };
}
