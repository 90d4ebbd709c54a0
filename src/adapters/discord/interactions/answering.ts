import {
  type APIApplicationCommandInteraction,
  type APIMessageComponentInteraction,
  type APIModalSubmitInteraction,
  InteractionResponseType,
  InteractionType,
  MessageFlags,
} from 'discord.js';
import type { Job } from '../../../bot/job.ts';
import type { Reply } from '../../../bot/reply.ts';
import { type Clock, pause } from '../../../system/clock.ts';
import { UserError } from '../../../system/errors.ts';
import type { Logger } from '../../../system/logging.ts';
import type { Core, Outcome } from '../../adapter.ts';
import { missingPermissions } from '../commands/permissions.ts';
import { composeReply } from '../messages/compose.ts';
import type { Deliveries } from '../messages/delivery.ts';
import { DEFAULT_FILE_LIMIT } from '../messages/files.ts';
import { copiesOf, newRef, parseRef, type Token, tokenOf } from '../messages/message-ref.ts';
import type { Answered, DiscordApi } from '../rest/api.ts';
import { classify, errorFields } from '../rest/errors.ts';
import { botHasAccess, userOf } from './callers.ts';

/** What the core may take before the interaction is acknowledged without knowing the outcome, in ms. */
const DECIDE_WITHIN = 120;
/** How often a request of an answer is made while it fails for reasons that pass, and the pause after the first, in ms. */
const TRIES = 4;
const RETRY_FIRST = 500;

export type Answerable = APIApplicationCommandInteraction | APIMessageComponentInteraction | APIModalSubmitInteraction;

/** The message that a click was on, and the token that reaches it. */
export interface Clicked {
  readonly message: string;
  readonly token: Token;
}

interface AnsweringOptions {
  readonly core: Core;
  readonly api: DiscordApi;
  readonly deliveries: Deliveries;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What became of acknowledging: the message where known, and whether the interaction can still be used. */
interface Acknowledged {
  readonly alive: boolean;
  readonly message: string | null;
  readonly ephemeral: boolean;
}

export function isEphemeral(interaction: Answerable): boolean {
  const message = 'message' in interaction ? interaction.message : undefined;
  return ((message?.flags ?? 0) & MessageFlags.Ephemeral) !== 0;
}

/** Answers interactions with what the core made of them. */
export function createAnswering({ core, api, deliveries, clock, logger }: AnsweringOptions) {
  /** discord.js repeats only few of the failures that pass by themselves. */
  async function insist<T>(request: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await request();
      } catch (error) {
        if (classify(error) !== 'transient' || attempt === TRIES) throw error;
        await pause(clock, RETRY_FIRST * attempt);
      }
    }
  }

  /**
   * Runs the work and answers: a new job by a deferred message that will show it, a reply at once. Where the core does
   * not decide within a moment, the answer is deferred first.
   */
  async function answer(interaction: Answerable, work: () => Promise<Outcome>, clicked: Clicked | null): Promise<void> {
    const outcome = work().catch((error: unknown): Outcome => {
      if (!(error instanceof UserError)) logger.error(errorFields(error), 'discord: a command failed');
      return { kind: 'reply', reply: core.errorReply(error) };
    });
    const early = await Promise.race([outcome, pause(clock, DECIDE_WITHIN).then(() => null)]);
    const deferred = early ? null : await acknowledge(interaction);
    const decided = early ?? (await outcome);
    if (decided.kind === 'reply') return showReply(interaction, decided.reply, deferred);
    const { job, repeated } = decided;
    const stored = parseRef(core.message(job.id));
    const own = stored?.interaction?.id === interaction.id;
    if (stored && !own && !repeated) return confirmChange(interaction, job, deferred, clicked);
    if (stored && own && stored.target.message !== null) return;
    await showJob(interaction, job, deferred, own ? null : stored);
  }

  async function acknowledge(interaction: Answerable, flags?: MessageFlags.Ephemeral): Promise<Acknowledged> {
    try {
      const data = flags === undefined ? undefined : { flags };
      const type = InteractionResponseType.DeferredChannelMessageWithSource;
      const answered: Answered =
        (await api.respond(interaction, type, data)) ?? (await insist(() => api.original(interaction.token)));
      return { alive: true, ...answered };
    } catch (error) {
      logger.warn({ interaction: interaction.id, ...errorFields(error) }, 'discord: could not acknowledge in time');
      return { alive: classify(error) === 'transient', message: null, ephemeral: false };
    }
  }

  /** By a message of its own; `left` is what showed the job before. */
  async function showJob(
    interaction: Answerable,
    job: Job,
    deferred: Acknowledged | null,
    left: ReturnType<typeof parseRef>,
  ): Promise<void> {
    const ref = newRef({
      interaction: tokenOf(interaction, clock.now()),
      user: userOf(interaction).id,
      channel: interaction.channel?.id ?? interaction.channel_id ?? '0',
      access: botHasAccess(interaction),
      limit: interaction.attachment_size_limit ?? DEFAULT_FILE_LIMIT,
    });
    if (left) ref.copies = copiesOf(left);
    // Stored before the answer exists: after a crash in between, the token finds the message.
    core.saveMessage(job.id, ref);
    const { alive, message, ephemeral } = deferred ?? (await acknowledge(interaction));
    if (ref.interaction && !alive) ref.interaction.expires = 0;
    // Only the interaction's token reaches a message that one person sees.
    if (ephemeral) ref.access = false;
    ref.target.message = message;
    core.saveMessage(job.id, ref);
    deliveries.follow(job.id, ref, left);
  }

  /** Something about a job that has its message already: that one shows it, and the person gets a short answer. */
  async function confirmChange(
    interaction: Answerable,
    job: Job,
    deferred: Acknowledged | null,
    clicked: Clicked | null,
  ): Promise<void> {
    const onItsMessage = interaction.type === InteractionType.MessageComponent && !isEphemeral(interaction);
    if (onItsMessage && !deferred) {
      await api.respond(interaction, InteractionResponseType.DeferredMessageUpdate);
    } else {
      const now = core.jobReply(job);
      const lines = now.lines.length > 0 ? now.lines : ['Done.'];
      await showReply(
        interaction,
        { ...now, lines, images: [], preview: null, buttons: [], ephemeral: true },
        deferred,
      );
    }
    if (clicked) deliveries.lend(job.id, clicked.message, clicked.token);
  }

  async function showReply(interaction: Answerable, reply: Reply, deferred: Acknowledged | null): Promise<void> {
    const hidden = reply.ephemeral || reply.tone === 'error';
    const flags = hidden ? MessageFlags.Ephemeral : undefined;
    const limit = interaction.attachment_size_limit ?? DEFAULT_FILE_LIMIT;
    const plain = missingPermissions(interaction.app_permissions, ['Embed Links']).length > 0;
    const composed = await composeReply(reply, { core, now: clock.now(), limit, plain });
    const heavy = (composed.files?.length ?? 0) > 0;
    const { token } = interaction;

    if (!deferred && !heavy) {
      const { content, embeds, components } = composed.body;
      const inPlace = hidden && interaction.type === InteractionType.MessageComponent && isEphemeral(interaction);
      const type = inPlace ? InteractionResponseType.UpdateMessage : InteractionResponseType.ChannelMessageWithSource;
      await api.respond(interaction, type, {
        ...{ content, embeds, components },
        ...(inPlace ? { attachments: [] } : {}),
        ...(flags === undefined || inPlace ? {} : { flags }),
      });
      return;
    }
    const shown = deferred ?? (await acknowledge(interaction, flags));
    const { message } = shown;
    if (message === null) return;
    if (!hidden || shown.ephemeral) {
      await insist(() => api.editOriginal(token, message, composed));
      return;
    }
    // The public "thinking…" goes away; what only one person should see follows.
    await insist(() => api.deleteOriginal(token)).catch((error: unknown) => {
      if (classify(error) !== 'gone') throw error;
    });
    await insist(() => api.followUp(token, { ...composed, body: { ...composed.body, flags: MessageFlags.Ephemeral } }));
  }

  return { answer, insist };
}
