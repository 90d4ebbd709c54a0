import * as z from 'zod';
import type { Clock } from '../../system/clock.ts';
import type { Logger } from '../../system/logging.ts';
import { address, text, variable } from '../../system/variables.ts';
import { t } from '../../texts/translate.ts';

/** The options of the Discord adapter; `undefined` where Discord is not served. */
export const discordOptions = z
  .object({
    token: variable(
      'DISCORD_TOKEN',
      () => t('bot token; Discord is served when it is set'),
      text.optional(),
      () => t('without Discord'),
    ),
    guildId: variable(
      'DISCORD_GUILD_ID <id>',
      () => t('register the commands in this server only'),
      z
        .string()
        .regex(/^\d{5,20}$/, { error: () => t('expected the id of a server: digits') })
        .optional(),
      () => t('everywhere'),
    ),
    /** Without the version. */
    apiBase: variable(
      'DISCORD_API_BASE <url>',
      () => t('another server that speaks the API of Discord'),
      address.optional(),
      () => 'https://discord.com/api',
    ),
  })
  .transform(({ token, ...options }) => (token === undefined ? undefined : { token, ...options }));

export type DiscordOptions = NonNullable<z.output<typeof discordOptions>>;

export interface DiscordAdapterOptions extends DiscordOptions {
  readonly logger: Logger;
  /** @default the system's */
  readonly clock?: Clock;
  /** The least time between two edits of one message, in ms. @default 2500 */
  readonly editInterval?: number;
  /** How long `start` waits for the gateway, in ms. @default 30000 */
  readonly connectWithin?: number;
}
