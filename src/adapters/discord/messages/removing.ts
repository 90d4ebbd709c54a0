import { DiscordAPIError } from 'discord.js';
import * as z from 'zod';
import type { Doomed } from '../../../bot/core.ts';
import { RecentMap } from '../../../system/memo.ts';
import { t, translatable } from '../../../texts/translate.ts';
import type { PlatformTime } from '../../delivery/platform-time.ts';
import { Removals, type Rest } from '../../delivery/removals.ts';
import { classify, errorFields, whyOf } from '../rest/errors.ts';
import { type EditOptions, editMessage } from './edit.ts';
import { type MessageRef, parseRef, type Reach, reach, reachOf, type Token } from './message-ref.ts';
import { search } from './posting.ts';
import type { ShowingOptions } from './showing.ts';

/** What is known of messages besides those of jobs, and what is left of a job's that was erased. */
const handle = z.object({ messages: z.array(reach) });

/** Messages that are remembered because only a click reaches them, and clicks on them. */
const REMEMBERED = 5000;

const ERASED = translatable('This was erased by the person who asked for it.');
const OUT_OF_REACH = translatable(
  'A message is in a place where I can write only after a click: it goes when somebody clicks one of its buttons, or someone who manages the channel can delete it.',
);

/** Removes Discord's messages of people who were erased, and of pictures that were deleted. */
export class DiscordRemovals extends Removals {
  readonly #options: ShowingOptions & { readonly clock: PlatformTime };
  /** By message, the token of the last click; `null` before one. */
  readonly #outOfReach = new RecentMap<string, Token | null>(REMEMBERED);

  constructor(options: ShowingOptions) {
    super('discord', options);
    this.#options = options;
  }

  /** Whether a message is to be removed, and only a click on it can do that. */
  needsClick(message: string): boolean {
    return this.#outOfReach.has(message);
  }

  /** A click on a message was acknowledged as one on it: its token reaches it for a while. */
  clicked(message: string, token: Token): void {
    this.#outOfReach.set(message, { ...token, source: true });
    this.options.core.postings?.hasten('discord');
  }

  protected whyOf(error: unknown): string {
    return whyOf(error);
  }

  protected async remove({ job, handle: stored }: Doomed): Promise<Rest | null> {
    const left: Reach[] = [];
    let why: (() => string) | null = null;
    for (const message of await this.#messagesOf(job, stored)) {
      const problem = await this.#delete(this.#withClick(message));
      if (problem === null) {
        this.#outOfReach.delete(message.message);
        continue;
      }
      if (!message.access) this.#outOfReach.set(message.message, null);
      left.push(message);
      why ??= problem;
    }
    return why === null ? null : { handle: { messages: left }, why };
  }

  #withClick(message: Reach): Reach {
    const token = this.#outOfReach.get(message.message);
    return token ? { ...message, interaction: token } : message;
  }

  async #messagesOf(job: string, stored: unknown): Promise<readonly Reach[]> {
    const rest = handle.safeParse(stored);
    if (rest.success) return rest.data.messages;
    const ref = parseRef(stored);
    if (ref === null) return [];
    const shown = reachOf(ref) ?? (await this.#find(job, ref));
    return [...ref.copies, ...(shown === null ? [] : [shown])];
  }

  /** A message that may have been made although its id was never stored. */
  async #find(job: string, ref: MessageRef): Promise<Reach | null> {
    const { api, clock } = this.#options;
    const { interaction, place, target, posted } = ref;
    if (place === 'none') return null;
    const found = (message: string): Reach => ({
      ...{ channel: target.channel, message, access: place !== 'reply' || ref.access },
      interaction: place === 'reply' ? interaction : null,
    });
    if (place === 'reply' && interaction !== null && clock.now() < interaction.expires) {
      try {
        return found((await api.original(interaction.token)).message);
      } catch (error) {
        if (classify(error) === 'transient') throw error;
      }
    }
    const since = posted ?? (place === 'reply' && ref.access ? interaction?.expires : undefined);
    if (since === undefined) return null;
    const id = await search(this.#options, { id: job }, ref, posted ?? since - 15 * 60_000);
    return id === null || id === 'unreadable' ? null : found(id);
  }

  /** Resolves with why a message could not be removed, or `null`. */
  async #delete(to: Reach): Promise<(() => string) | null> {
    const { api, clock } = this.#options;
    const { interaction, channel, message } = to;
    const ways = [
      ...(interaction !== null && clock.now() < interaction.expires
        ? [() => api.deleteByToken(interaction.token, interaction.source ? null : message)]
        : []),
      ...(to.access ? [() => api.delete(channel, message)] : []),
    ];
    let why: (() => string) | null = null;
    for (const way of ways) {
      try {
        await way();
        return null;
      } catch (error) {
        if (isGone(error)) return null;
        if (classify(error) === 'transient') throw error;
        this.options.logger.debug(errorFields(error), 'discord: a message could not be deleted');
        why = () => whyOf(error);
      }
    }
    if (ways.length > 0 && (await this.#empty(this.#options, to))) return null;
    return why ?? (() => t(OUT_OF_REACH));
  }

  /** Where it may not be deleted, nothing is left in it. */
  async #empty(options: EditOptions, to: Reach): Promise<boolean> {
    try {
      const { kind } = await editMessage(options, to, 0, async (request) => {
        await request({ body: { content: t(ERASED), embeds: [], components: [], attachments: [] } });
      });
      return kind !== 'unreachable';
    } catch (error) {
      if (classify(error) === 'transient') throw error;
      return false;
    }
  }
}

/** The message or its channel does not exist any more. */
function isGone(error: unknown): boolean {
  return error instanceof DiscordAPIError && [10003, 10008].includes(Number(error.code));
}
