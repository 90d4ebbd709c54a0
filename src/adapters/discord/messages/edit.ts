import type { APIMessage } from 'discord.js';
import type { PlatformTime } from '../../delivery/platform-time.ts';
import type { DiscordApi, Outgoing } from '../rest/api.ts';
import { classify, whyOf } from '../rest/errors.ts';
import { DEFAULT_FILE_LIMIT } from './files.ts';
import type { Reach } from './message-ref.ts';

export interface EditOptions {
  readonly api: DiscordApi;
  readonly clock: PlatformTime;
}

export type Edited =
  | { readonly kind: 'done' }
  | { readonly kind: 'gone' }
  /** `why` is a sentence for the person who waits; `null` where no request was made. */
  | { readonly kind: 'unreachable'; readonly why: string | null };

/** Makes the request, several times if needed, each time with less; `limit` is bytes per file. */
export type Send = (request: (outgoing: Outgoing) => Promise<APIMessage>, limit: number) => Promise<void>;

/**
 * Edits a message by the interaction's token while that lives, else by the bot's own where it has access.
 * Rejects with what `send` threw where another way would not help.
 */
export async function editMessage({ api, clock }: EditOptions, to: Reach, limit: number, send: Send): Promise<Edited> {
  const { interaction, channel, message } = to;
  let why: string | null = null;
  let gone = false;
  if (interaction !== null && clock.now() < interaction.expires) {
    const name = interaction.source ? null : message;
    try {
      await send((outgoing) => api.editOriginal(interaction.token, name, outgoing), limit);
      return { kind: 'done' };
    } catch (error) {
      if (isFinal(error)) throw error;
      const failure = classify(error);
      if (failure === 'token') interaction.expires = 0;
      else why = whyOf(error);
      gone = failure === 'gone';
    }
  }
  if (!to.access) return gone ? { kind: 'gone' } : { kind: 'unreachable', why };
  try {
    await send((outgoing) => api.edit(channel, message, outgoing), Math.min(limit, DEFAULT_FILE_LIMIT));
    return { kind: 'done' };
  } catch (error) {
    if (isFinal(error)) throw error;
    const failure = classify(error);
    if (failure === 'gone' || failure === 'token') return { kind: 'gone' };
    return { kind: 'unreachable', why: whyOf(error) };
  }
}

function isFinal(error: unknown): boolean {
  return ['transient', 'rejected', 'too_large'].includes(classify(error));
}
