import type { webApi } from '@slack/bolt';
import * as z from 'zod';
import { type Clock, pause } from '../../../system/clock.ts';
import { OperatorError } from '../../../system/errors.ts';
import { foreignWords } from '../../../system/foreign-words.ts';
import { networkFailure } from '../../../system/network-failure.ts';
import { t } from '../../../texts/translate.ts';
import { LOST_TOKEN, NOT_SLACK, problemOf, RateLimited, Refused, type Unanswered } from './errors.ts';
import { BOT_SCOPES } from './methods.ts';

const identity = z.object({
  team_id: z.string(),
  user_id: z.string(),
  bot_id: z.string(),
  team: z.string().optional(),
  enterprise_id: z.string().nullish(),
  response_metadata: z.object({ scopes: z.array(z.string()).optional() }).optional(),
});

export interface Identity {
  readonly team: string;
  readonly enterprise: string | null;
  readonly userId: string;
  readonly botId: string;
}

export interface TokenCheck {
  readonly client: webApi.WebClient;
  readonly token: string;
  readonly apiUrl: string;
  readonly clock: Clock;
}

/** How often Slack may ask to wait. */
const MOST_TRIES = 5;

/** Who the bot token belongs to. Rejects with an OperatorError where it is bad, or lacks a scope. */
export async function checkBotToken(check: TokenCheck): Promise<Identity> {
  const answer = await callWhenAllowed('auth.test', 'SLACK_BOT_TOKEN', check);
  const parsed = identity.safeParse(answer);
  if (!parsed.success) {
    throw new OperatorError('slack_bot_token', () => t('SLACK_BOT_TOKEN is no bot token: Slack names no bot for it.'), {
      hint: HINTS.SLACK_BOT_TOKEN,
    });
  }
  const { team_id, enterprise_id, user_id, bot_id, response_metadata } = parsed.data;
  const granted = response_metadata?.scopes;
  const missing = granted === undefined ? [] : BOT_SCOPES.filter((scope) => !granted.includes(scope));
  if (missing.length > 0) throw missingScopes(missing);
  return { team: team_id, enterprise: enterprise_id ?? null, userId: user_id, botId: bot_id };
}

function missingScopes(missing: readonly string[]): OperatorError {
  const scopes = missing.join(', ');
  return new OperatorError(
    'slack_missing_scope',
    () => t('The bot token in SLACK_BOT_TOKEN lacks scopes: {scopes}.', { scopes }),
    {
      hint: () =>
        t(
          'Add them under "OAuth & Permissions" → "Bot Token Scopes" (or paste the manifest that "wuerst slack manifest" prints), then reinstall the app to the workspace.',
        ),
    },
  );
}

/** Rejects with an OperatorError where no Socket Mode connection can be had with this token. */
export async function checkAppToken(check: TokenCheck): Promise<void> {
  await callWhenAllowed('apps.connections.open', 'SLACK_APP_TOKEN', check);
}

/** Waits as long as Slack asks: a bot that was started many times in a row may have to. */
async function callWhenAllowed(method: string, variable: keyof typeof HINTS, check: TokenCheck): Promise<unknown> {
  const { client, token, apiUrl, clock } = check;
  for (let tries = 1; ; tries++) {
    try {
      return await client.apiCall(method, { token });
    } catch (error) {
      const problem = problemOf(error);
      if (!(problem instanceof RateLimited) || tries === MOST_TRIES) throw tokenError(error, variable, apiUrl);
      await pause(clock, problem.retryAfterMs);
    }
  }
}

const HINTS = {
  SLACK_BOT_TOKEN: () => t('Copy the "Bot User OAuth Token" (xoxb-…) from "OAuth & Permissions" of your app.'),
  SLACK_APP_TOKEN: () =>
    t('Make an app-level token (xapp-…) with the scope connections:write under "Basic Information" of your app.'),
} as const;

/** Why Slack cannot be reached with a token, in a sentence, and what to do about it. */
export function tokenError(error: unknown, variable: keyof typeof HINTS, apiUrl: string): OperatorError {
  const problem = problemOf(error);
  if (!(problem instanceof Refused)) {
    const { host } = new URL(apiUrl);
    const failure = networkFailure(error, { host, direct: true });
    return new OperatorError(
      'slack_unreachable',
      () => t("Slack at {host} can't be reached: {reason}.", { host, reason: failure?.reason ?? reasonOf(problem) }),
      {
        hint: () =>
          [
            failure?.hint ??
              t('Try again in a few minutes, and open a page in a browser: the network may want a sign-in.'),
            t('{variable}, if it is set, is an address such as {example}.', {
              ...{ variable: 'SLACK_API_URL', example: 'http://127.0.0.1:3300/api/' },
            }),
          ].join(' '),
        cause: error,
      },
    );
  }
  const code = variable === 'SLACK_BOT_TOKEN' ? 'slack_bot_token' : 'slack_app_token';
  if (LOST_TOKEN.has(problem.code)) {
    return new OperatorError(
      code,
      () => t('Slack does not accept the token in {variable} ({code}).', { variable, code: problem.code }),
      { hint: HINTS[variable] },
    );
  }
  if (problem.code === 'missing_scope' || problem.code === 'not_allowed_token_type') {
    const values = { variable, code: problem.code };
    return new OperatorError(
      code,
      () =>
        variable === 'SLACK_APP_TOKEN'
          ? t(
              '{variable} should hold an app-level token with the scope connections:write, and Slack answers "{code}".',
              values,
            )
          : t('{variable} should hold a bot token, and Slack answers "{code}".', values),
      { hint: HINTS[variable] },
    );
  }
  return new OperatorError(
    'slack_refused',
    () => t('Slack refused to start the bot: {reason}.', { reason: foreignWords(problem.message) }),
    {
      hint: () => t('If Socket Mode is off, switch it on under "Socket Mode" of your app.'),
      cause: error,
    },
  );
}

/** In words that can stand in a sentence. */
function reasonOf(problem: RateLimited | Unanswered): string {
  if (problem instanceof RateLimited) return t('it asks to wait');
  const { code, message } = problem;
  return code ?? (message === NOT_SLACK ? t(NOT_SLACK) : foreignWords(message));
}
