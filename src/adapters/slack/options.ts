import * as z from 'zod';
import type { Clock } from '../../system/clock.ts';
import type { Logger } from '../../system/logging.ts';
import { address, port, secret, text, together, variable } from '../../system/variables.ts';
import { listedAs, t } from '../../texts/translate.ts';

export interface SlackOAuth {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Signs what travels through the browser. Any long random text. */
  readonly stateSecret: string;
  /** Where Slack sends the browser back to, ending in `/slack/oauth_redirect`. @default the app's first one */
  readonly redirectUri?: string | undefined;
}

export interface SlackOptions {
  /** Socket Mode, or HTTP requests that Slack signs. */
  readonly transport:
    | { readonly kind: 'socket'; readonly appToken: string }
    | { readonly kind: 'http'; readonly signingSecret: string };
  /** `xoxb-…`, of the one workspace; left out with `oauth`. */
  readonly botToken?: string | undefined;
  /** Many workspaces, each of which installs the app through the browser. */
  readonly oauth?: SlackOAuth | undefined;
  /** Base of the Web API, ending in a slash. */
  readonly apiUrl: string;
  /** Where HTTP requests and installation pages are served. */
  readonly port: number;
}

/** The options of the Slack adapter; `undefined` where Slack is not served. */
export const slackOptions = z
  .object({
    botToken: variable(
      'SLACK_BOT_TOKEN',
      () => t('bot token; serves one workspace of Slack'),
      z
        .string()
        .startsWith('xoxb-', {
          error: () =>
            t(
              'expected a bot token, which starts with "xoxb-": the "Bot User OAuth Token" under "OAuth & Permissions"',
            ),
        })
        .optional(),
      () => t('without Slack, unless SLACK_CLIENT_ID is set'),
    ),
    appToken: variable(
      'SLACK_APP_TOKEN',
      () => t('app-level token for Socket Mode'),
      z
        .string()
        .startsWith('xapp-', {
          error: () =>
            t(
              'expected an app-level token, which starts with "xapp-": make one with the scope connections:write under "Basic Information"',
            ),
        })
        .optional(),
      () => t('Slack comes over HTTP'),
    ),
    signingSecret: variable(
      'SLACK_SIGNING_SECRET',
      () => t('shows that HTTP requests come from Slack'),
      text.optional(),
      () => t('Socket Mode is needed'),
    ),
    apiUrl: variable(
      'SLACK_API_URL <url>',
      () => t('another server that speaks the API of Slack'),
      address.transform((url) => (url.endsWith('/') ? url : `${url}/`)).prefault('https://slack.com/api/'),
    ),
    port: variable(
      'SLACK_PORT <port>',
      () => t('port for HTTP requests from Slack, and for installations through the browser'),
      port.prefault('3000'),
    ),
    clientId: variable(
      'SLACK_CLIENT_ID <id>',
      () => t('serves every workspace that installs the app through the browser, in place of SLACK_BOT_TOKEN'),
      z
        .string()
        .regex(/^\d+\.\d+$/, { error: () => t('expected a client ID such as 123456.789012') })
        .optional(),
      () => t('one workspace'),
    ),
    clientSecret: variable(
      'SLACK_CLIENT_SECRET',
      () => t('goes with SLACK_CLIENT_ID'),
      text.optional(),
      () => t('one workspace of Slack'),
    ),
    stateSecret: variable(
      'SLACK_STATE_SECRET',
      () => t('any random text; signs what travels through the browser during an installation'),
      secret.optional(),
      () => t('one workspace of Slack'),
    ),
    redirectUri: variable(
      'SLACK_REDIRECT_URI <url>',
      () => t('where Slack sends the browser after an installation, ending in /slack/oauth_redirect'),
      address
        .refine((url) => url.replace(/[?#].*$/, '').endsWith('/slack/oauth_redirect'), {
          error: 'expected an address that ends in /slack/oauth_redirect',
        })
        .optional(),
      () => t('the first one that the app names'),
    ),
  })
  .superRefine(({ botToken, appToken, signingSecret, clientId, clientSecret, stateSecret }, { addIssue }) => {
    const installing = {
      SLACK_CLIENT_ID: clientId,
      SLACK_CLIENT_SECRET: clientSecret,
      SLACK_STATE_SECRET: stateSecret,
    };
    const names = Object.keys(installing);
    const missing = Object.entries(installing).flatMap(([name, value]) => (value === undefined ? [name] : []));
    const served = botToken ?? clientId;
    const reachable = appToken ?? signingSecret;
    if (missing.length < names.length && botToken !== undefined) {
      addIssue(
        t(
          'SLACK_BOT_TOKEN serves one workspace and SLACK_CLIENT_ID many: unset SLACK_BOT_TOKEN, or everything of the other',
        ),
      );
    } else if (missing.length > 0 && missing.length < names.length) {
      addIssue(
        t('{names} go together: set {missing} too', {
          names: names.join(', '),
          missing: listedAs('conjunction', missing),
        }),
      );
    }
    if (served !== undefined && reachable === undefined) {
      const by = botToken === undefined ? 'SLACK_CLIENT_ID' : 'SLACK_BOT_TOKEN';
      addIssue(
        t('{by} needs SLACK_APP_TOKEN (Socket Mode, without a public address) or SLACK_SIGNING_SECRET (HTTP)', { by }),
      );
    }
    if (served === undefined && reachable !== undefined) {
      addIssue(t('SLACK_APP_TOKEN and SLACK_SIGNING_SECRET are of no use without SLACK_BOT_TOKEN or SLACK_CLIENT_ID'));
    }
  }, together)
  .transform(({ botToken, apiUrl, port, ...typed }): SlackOptions | undefined => {
    const { appToken, signingSecret, clientId, clientSecret, stateSecret, redirectUri } = typed;
    let transport: SlackOptions['transport'];
    if (appToken !== undefined) transport = { kind: 'socket', appToken };
    else if (signingSecret !== undefined) transport = { kind: 'http', signingSecret };
    else return undefined;
    if (botToken !== undefined) return { transport, botToken, apiUrl, port };
    if (clientId === undefined || clientSecret === undefined || stateSecret === undefined) return undefined;
    return { transport, oauth: { clientId, clientSecret, stateSecret, redirectUri }, apiUrl, port };
  });

export interface SlackAdapterOptions extends SlackOptions {
  readonly logger: Logger;
  /** The SQLite file that keeps the tokens of installations. @default `slack-installations.sqlite` in the current folder */
  readonly installations?: string;
  /** @default the system's */
  readonly clock?: Clock;
  /** Calls of `chat.update` a minute for all jobs of a workspace together, 10 to 50. @default 45 */
  readonly updatesPerMinute?: number;
  /** Milliseconds after which a command is acknowledged although it is not stored yet. @default 120 */
  readonly decideMs?: number;
  /** For proxies and tests. @default the global `fetch` */
  readonly fetch?: typeof fetch;
}
