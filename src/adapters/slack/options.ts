import { type Clock, systemClock } from '../../system/clock.ts';
import { OperatorError } from '../../system/errors.ts';
import type { Logger } from '../../system/logging.ts';

export interface SlackOAuth {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Signs the state that travels through the browser. Any long random string. */
  readonly stateSecret: string;
  /** The SQLite file that keeps the installations. */
  readonly file: string;
  /** The address Slack sends the browser back to, ending in `/slack/oauth_redirect`; `null` for the app's first one. */
  readonly redirectUri: string | null;
}

export interface SlackOptions {
  /** `xoxb-…`: one workspace. Left out with `oauth`. */
  readonly botToken?: string;
  /** `xapp-…` with `connections:write`: Socket Mode. Left out, Slack must reach us over HTTP. */
  readonly appToken?: string;
  /** Checks that HTTP requests come from Slack. Needed without `appToken`. */
  readonly signingSecret?: string;
  /** Base of the Web API, for compatible servers. @default https://slack.com/api/ */
  readonly apiUrl?: string;
  /** Many workspaces, each installed through the browser. */
  readonly oauth?: SlackOAuth;
  /** Where HTTP requests and installation pages are served. @default 3000 */
  readonly port?: number;
  readonly logger: Logger;
  /** @default the system's */
  readonly clock?: Clock;
  /** Calls of `chat.update` a minute for all jobs of a workspace together, 10 to 50. @default 45 */
  readonly updatesPerMinute?: number;
  /** For proxies and tests. @default the global `fetch` */
  readonly fetch?: typeof fetch;
}

export type Transport =
  | { readonly kind: 'socket'; readonly appToken: string }
  | { readonly kind: 'http'; readonly signingSecret: string };

export interface Settings {
  readonly transport: Transport;
  readonly botToken: string | null;
  readonly oauth: SlackOAuth | null;
  readonly apiUrl: string;
  readonly port: number;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly updatesPerMinute: number;
  readonly fetch: typeof fetch;
}

/** Checks what can be checked without a connection. Throws OperatorError with what to mend. */
export function settingsFrom(options: SlackOptions): Settings {
  const { botToken, appToken, signingSecret, oauth } = options;
  if (botToken === undefined && oauth === undefined) {
    throw new OperatorError('slack_bot_token', 'Slack needs a bot token, and SLACK_BOT_TOKEN is empty', {
      hint: 'Copy the "Bot User OAuth Token" (xoxb-…) from "OAuth & Permissions" of your app, or configure OAuth for many workspaces.',
    });
  }
  if (botToken !== undefined && oauth !== undefined) {
    throw new OperatorError('slack_bot_token', 'Both a bot token and OAuth are configured, and only one can be used', {
      hint: 'Unset SLACK_BOT_TOKEN to serve many workspaces, or the OAuth settings to serve one.',
    });
  }
  if (botToken !== undefined && !botToken.startsWith('xoxb-')) {
    throw new OperatorError(
      'slack_bot_token',
      `SLACK_BOT_TOKEN should start with "xoxb-" and starts with "${start(botToken)}"`,
      {
        hint: 'The bot token is the "Bot User OAuth Token" under "OAuth & Permissions"; "xapp-…" belongs into SLACK_APP_TOKEN.',
      },
    );
  }
  if (appToken !== undefined && !appToken.startsWith('xapp-')) {
    throw new OperatorError(
      'slack_app_token',
      `SLACK_APP_TOKEN should start with "xapp-" and starts with "${start(appToken)}"`,
      {
        hint: 'Make an app-level token with the scope connections:write under "Basic Information"; "xoxb-…" belongs into SLACK_BOT_TOKEN.',
      },
    );
  }
  return {
    transport: transportOf(appToken, signingSecret),
    botToken: botToken ?? null,
    oauth: oauth ?? null,
    apiUrl: apiUrlOf(options.apiUrl),
    port: options.port ?? 3000,
    logger: options.logger,
    clock: options.clock ?? systemClock,
    updatesPerMinute: options.updatesPerMinute ?? 45,
    fetch: options.fetch ?? fetch,
  };
}

function transportOf(appToken: string | undefined, signingSecret: string | undefined): Transport {
  if (appToken !== undefined) return { kind: 'socket', appToken };
  if (signingSecret !== undefined && signingSecret !== '') return { kind: 'http', signingSecret };
  throw new OperatorError(
    'slack_transport',
    'Slack needs SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP), and both are empty',
    {
      hint: 'Without a public address take Socket Mode: make an app-level token (xapp-…) with the scope connections:write.',
    },
  );
}

function apiUrlOf(text: string | undefined): string {
  if (text === undefined) return 'https://slack.com/api/';
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new OperatorError('slack_api_url', `SLACK_API_URL should be an http or https address and is "${text}"`, {
      hint: 'For example http://127.0.0.1:3300/api/',
    });
  }
  return text.endsWith('/') ? text : `${text}/`;
}

/** The kind of a token, which is no secret. */
function start(token: string): string {
  return /^x[a-z]{2,4}-/.exec(token)?.[0] ?? '…';
}
