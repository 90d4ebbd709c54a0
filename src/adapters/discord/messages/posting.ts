import { type APIMessage, InteractionResponseType } from 'discord.js';
import type { Job } from '../../../bot/job.ts';
import type { Core } from '../../adapter.ts';
import type { MessageBody } from '../rest/api.ts';
import { classify } from '../rest/errors.ts';
import type { EditOptions } from './edit.ts';
import { type MessageRef, snowflakeAt, timeOf } from './message-ref.ts';

/** Discord remembers a nonce for "a few minutes"; within this the same nonce makes no second message. In ms. */
const NONCE_LIFE = 2 * 60 * 1000;
/** How far back in a channel a message is looked for, in pages of 100. */
const HISTORY_PAGES = 10;

interface PostingOptions extends EditOptions {
  readonly core: Core;
  /** The bot's own user id. */
  readonly self: string;
}

function customIds(message: Pick<APIMessage, 'components'>): string[] {
  return (message.components ?? []).flatMap((row) =>
    'components' in row ? row.components.flatMap((part) => ('custom_id' in part ? [part.custom_id] : [])) : [],
  );
}

/** Whether a message in the channel is this job's: by interaction, by the id in its footer, or by its buttons. */
function belongsTo(message: APIMessage, job: Pick<Job, 'id'>, ref: MessageRef, self: string): boolean {
  const metadata = message.interaction_metadata;
  if (ref.place === 'reply') return metadata !== undefined && metadata.id === ref.interaction?.id;
  // The deferred reply has the same footer, but is another message.
  if (metadata !== undefined || message.author.id !== self) return false;
  if (message.embeds.some((embed) => embed.footer?.text === job.id)) return true;
  return customIds(message).some((id) => id.split(':').includes(job.id));
}

/** The job's message in recent history; `'unreadable'` where the bot may not read it. */
export async function search(
  { api, self }: Pick<PostingOptions, 'api' | 'self'>,
  job: Pick<Job, 'id'>,
  ref: MessageRef,
  since: number,
): Promise<string | null | 'unreadable'> {
  let after = snowflakeAt(since - 5000);
  try {
    for (let page = 0; page < HISTORY_PAGES; page++) {
      const messages = await api.history(ref.target.channel, after);
      const found = messages.find((message) => belongsTo(message, job, ref, self));
      if (found) return found.id;
      const last = messages.at(-1);
      if (!last) break;
      after = last.id;
      if (messages.length < 100) return null;
    }
    // Without Read Message History Discord answers with an empty page rather than an error.
    return (await api.history(ref.target.channel)).length > 0 ? null : 'unreadable';
  } catch (error) {
    if (classify(error) === 'no_access') return 'unreadable';
    throw error;
  }
}

/**
 * Posts the bot's own message for a job, at most once: the attempt is stored first, repeated with the same
 * nonce while Discord remembers it, and later only after looking for the message.
 * Resolves with `'unreadable'` where that can't be known.
 * @param shown without pictures: they come with the edit that follows, which may be repeated freely
 */
export async function postOwn(
  options: PostingOptions,
  job: Job,
  ref: MessageRef,
  shown: MessageBody,
): Promise<string | 'unreadable'> {
  const { core, api, clock } = options;
  if (ref.posted !== null && clock.now() - ref.posted >= NONCE_LIFE) {
    const found = await search(options, job, ref, ref.posted);
    if (found !== null) return found;
    ref.posted = null;
  }
  if (ref.posted === null) {
    ref.posted = clock.now();
    core.saveMessage(job.id, ref);
  }
  const nonce = `${ref.place}-${job.id}`.slice(0, 25);
  const { id } = await api.post(ref.target.channel, { body: { ...shown, nonce, enforce_nonce: true } });
  clock.saw(timeOf(id));
  return id;
}

/** The id of the deferred reply: asked for with the token, made now if it never was, else looked up in history. */
export async function locateReply(options: PostingOptions, job: Job, ref: MessageRef): Promise<string | null> {
  const { api, clock } = options;
  const { interaction } = ref;
  if (interaction && clock.now() < interaction.expires) {
    try {
      return (await api.original(interaction.token)).message;
    } catch (error) {
      if (classify(error) === 'gone') return null;
      if (classify(error) !== 'token') throw error;
    }
    try {
      const type = InteractionResponseType.DeferredChannelMessageWithSource;
      return ((await api.respond(interaction, type)) ?? (await api.original(interaction.token))).message;
    } catch (error) {
      if (classify(error) === 'transient') throw error;
      interaction.expires = 0;
    }
  }
  if (!interaction || !ref.access) return null;
  const found = await search(options, job, ref, timeOf(interaction.id));
  return found === 'unreadable' ? null : found;
}
