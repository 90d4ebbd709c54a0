import {
  type APIActionRowComponent,
  type APIAllowedMentions,
  type APIChannel,
  type APIComponentInMessageActionRow,
  type APIEmbed,
  type APIMessage,
  InteractionResponseType,
  MessageFlags,
  makeURLSearchParams,
  type RawFile,
  type REST,
  type RESTPostAPIInteractionCallbackWithResponseResult,
  Routes,
} from 'discord.js';
import { classify } from './errors.ts';

/** Nobody is ever pinged, whatever a prompt says. */
const NO_MENTIONS: APIAllowedMentions = { parse: [] };

/** An invalid interaction token is a 401, for which discord.js would forget a bot's token. */
const BY_TOKEN = { auth: false } as const;

/** Answers that are messages. */
const WITH_MESSAGE: readonly InteractionResponseType[] = [
  InteractionResponseType.ChannelMessageWithSource,
  InteractionResponseType.UpdateMessage,
];

/** An answer must have arrived this long after the interaction, in ms. */
const ANSWER_WITHIN = 3000;

/** A post must not wait for a rate limit until Discord has forgotten its nonce, in ms. */
const POST_WITHIN = 30_000;

export interface MessageBody {
  readonly content?: string;
  readonly embeds?: readonly APIEmbed[];
  readonly components?: readonly APIActionRowComponent<APIComponentInMessageActionRow>[];
  readonly attachments?: readonly {
    readonly id: string | number;
    readonly filename?: string;
    readonly description?: string;
  }[];
  readonly flags?: number;
  readonly nonce?: string;
  readonly enforce_nonce?: boolean;
}

export interface Outgoing {
  readonly body: MessageBody;
  readonly files?: readonly RawFile[];
}

/** The message that answers an interaction. */
export interface Answered {
  readonly message: string;
  /** Only the person who acted sees it; Discord may decide so by itself. */
  readonly ephemeral: boolean;
}

/** Whether only one person sees the message. */
export function isEphemeral(message: Pick<APIMessage, 'flags'> | undefined): boolean {
  return ((message?.flags ?? 0) & MessageFlags.Ephemeral) !== 0;
}

/**
 * The requests that the adapter makes. Each rejects with what discord.js threw; `classify` reads it. Discord is trusted
 * to answer in its own shapes; the casts here are the border.
 */
export class DiscordApi {
  readonly #rest: REST;
  readonly #open: REST;
  readonly #application: string;

  /**
   * `open` makes the requests that an interaction's token authorises. It is apart from `rest`, which holds the bot's
   * token, since those requests do not count towards the bot's global rate limit.
   * https://discord.com/developers/docs/topics/rate-limits#global-rate-limit
   */
  constructor(rest: REST, open: REST, application: string) {
    this.#rest = rest;
    this.#open = open;
    this.#application = application;
  }

  /** Answers an interaction; resolves with the message that is its answer, or `null` where Discord names none. */
  async respond(
    { id, token }: { readonly id: string; readonly token: string },
    type: InteractionResponseType,
    data?: object,
  ): Promise<Answered | null> {
    const payload = data && WITH_MESSAGE.includes(type) ? { ...data, allowed_mentions: NO_MENTIONS } : data;
    for (let attempt = 1; ; attempt++) {
      try {
        const result = (await this.#open.post(Routes.interactionCallback(id, token), {
          ...BY_TOKEN,
          body: payload === undefined ? { type } : { type, data: payload },
          query: makeURLSearchParams({ with_response: true }),
          signal: AbortSignal.timeout(ANSWER_WITHIN),
        })) as RESTPostAPIInteractionCallbackWithResponseResult | undefined;
        // For a deferral Discord promises the id alone, not the message.
        const made = result?.interaction.response_message_id ?? result?.resource?.message?.id;
        const ephemeral = result?.interaction.response_message_ephemeral ?? isEphemeral(result?.resource?.message);
        return made === undefined ? null : { message: made, ephemeral };
      } catch (error) {
        const failure = classify(error);
        if (failure === 'acknowledged') return null;
        if (failure !== 'transient' || attempt === 3) throw error;
      }
    }
  }

  async original(token: string): Promise<Answered> {
    const original = (await this.#open.get(Routes.webhookMessage(this.#application, token), BY_TOKEN)) as APIMessage;
    return { message: original.id, ephemeral: isEphemeral(original) };
  }

  /** @param message its id; `null` for the interaction's original, which for a click is the message clicked on */
  async editOriginal(token: string, message: string | null, outgoing: Outgoing): Promise<APIMessage> {
    const route = Routes.webhookMessage(this.#application, token, ...(message === null ? [] : [message]));
    return (await this.#open.patch(route, { ...BY_TOKEN, ...requestOf(outgoing) })) as APIMessage;
  }

  /** Deletes a message that an interaction's token reaches. @param message as for `editOriginal` */
  async deleteByToken(token: string, message: string | null): Promise<void> {
    await this.#open.delete(
      Routes.webhookMessage(this.#application, token, ...(message === null ? [] : [message])),
      BY_TOKEN,
    );
  }

  /** Deletes a message of the bot's own. */
  async delete(channel: string, message: string): Promise<void> {
    await this.#rest.delete(Routes.channelMessage(channel, message));
  }

  async deleteOriginal(token: string): Promise<void> {
    await this.#open.delete(Routes.webhookMessage(this.#application, token), BY_TOKEN);
  }

  async followUp(token: string, outgoing: Outgoing): Promise<void> {
    await this.#open.post(Routes.webhook(this.#application, token), { ...BY_TOKEN, ...requestOf(outgoing) });
  }

  async post(channel: string, outgoing: Outgoing): Promise<APIMessage> {
    const signal = AbortSignal.timeout(POST_WITHIN);
    return (await this.#rest.post(Routes.channelMessages(channel), { ...requestOf(outgoing), signal })) as APIMessage;
  }

  async edit(channel: string, message: string, outgoing: Outgoing): Promise<APIMessage> {
    return (await this.#rest.patch(Routes.channelMessage(channel, message), requestOf(outgoing))) as APIMessage;
  }

  /** At most 100 messages after an id, oldest first; without an id the newest one. */
  async history(channel: string, after?: string): Promise<readonly APIMessage[]> {
    const query = makeURLSearchParams<Record<string, unknown>>(
      after === undefined ? { limit: 1 } : { after, limit: 100 },
    );
    const messages = (await this.#rest.get(Routes.channelMessages(channel), { query })) as APIMessage[];
    return messages.sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1));
  }

  async openDm(user: string): Promise<string> {
    const dm = (await this.#rest.post(Routes.userChannels(), { body: { recipient_id: user } })) as { id: string };
    return dm.id;
  }

  async channel(id: string): Promise<APIChannel> {
    return (await this.#rest.get(Routes.channel(id))) as APIChannel;
  }
}

function requestOf({ body, files = [] }: Outgoing) {
  return {
    body: { ...body, allowed_mentions: NO_MENTIONS },
    ...(files.length > 0 ? { files: [...files] } : {}),
  };
}
