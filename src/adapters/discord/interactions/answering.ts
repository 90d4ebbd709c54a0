import {
  type APIApplicationCommandInteraction,
  type APIInteraction,
  type APIMessageComponentInteraction,
  type APIModalSubmitInteraction,
  InteractionResponseType,
  InteractionType,
  MessageFlags,
} from 'discord.js';
import type { Job } from '../../../bot/job.ts';
import type { Reply } from '../../../bot/reply.ts';
import { pause } from '../../../system/clock.ts';
import { t } from '../../../texts/translate.ts';
import type { Outcome } from '../../adapter.ts';
import { FirstAnswers } from '../../delivery/first-answer.ts';
import type { DeliveryOptions } from '../../delivery/job-message.ts';
import type { PlatformTime } from '../../delivery/platform-time.ts';
import { type Form, replyNotice, wordless } from '../../delivery/poorer.ts';
import { missingPermissions } from '../commands/permissions.ts';
import { composeReply } from '../messages/compose.ts';
import type { Deliveries } from '../messages/delivery.ts';
import { DEFAULT_FILE_LIMIT } from '../messages/files.ts';
import { COPIES, copiesOf, newRef, parseRef, type Token, tokenOf } from '../messages/message-ref.ts';
import { type Answered, type DiscordApi, isEphemeral } from '../rest/api.ts';
import { classify, errorFields, isRefusal, reasonOf, whyOf } from '../rest/errors.ts';
import { botHasAccess, userOf } from './callers.ts';

/** How often a request is tried while its failures are temporary, and the pause after the first failure, in ms. */
const TRIES = 4;
const RETRY_FIRST = 500;

export type Answerable = APIApplicationCommandInteraction | APIMessageComponentInteraction | APIModalSubmitInteraction;

/** The message that a click was on, and the token that reaches it. */
export interface Clicked {
  readonly message: string;
  readonly token: Token;
}

export interface AnsweringOptions extends DeliveryOptions {
  readonly clock: PlatformTime;
  readonly api: DiscordApi;
  readonly deliveries: Deliveries;
}

/** The result of acknowledging: the message, if known, and whether the interaction can still be used. */
interface Acknowledged {
  readonly alive: boolean;
  readonly message: string | null;
  readonly ephemeral: boolean;
  /** Why it was not taken, in a sentence for the person. */
  readonly why: string;
}

/** Whether the interaction came from a message that only one person sees. */
export function isOnEphemeral(interaction: Answerable): boolean {
  return 'message' in interaction && isEphemeral(interaction.message);
}

/** Answers interactions with what the core made of them. */
export class Answering {
  readonly #options: AnsweringOptions;
  readonly #first: FirstAnswers;

  constructor(options: AnsweringOptions) {
    const { core, clock, logger } = options;
    this.#options = options;
    this.#first = new FirstAnswers(core, clock, (error) =>
      logger.error(errorFields(error), 'discord: a command failed'),
    );
  }

  /** `false` for what Discord sent before: after a RESUME it may send an event a second time. */
  isNew({ id }: APIInteraction): boolean {
    return this.#first.isNew(id);
  }

  /**
   * Runs the work and answers: a new job by a deferred message that will show it, a reply at once. Where the core does
   * not decide within a moment, the answer is deferred first.
   */
  async answer(interaction: Answerable, work: () => Promise<Outcome>, clicked: Clicked | null): Promise<void> {
    const { outcome, acknowledged } = await this.#first.decide(work, () => this.#acknowledge(interaction));
    if (outcome.kind === 'reply') return this.#showReply(interaction, outcome.reply, acknowledged);
    const { job, repeated } = outcome;
    const stored = parseRef(this.#options.core.message(job.id));
    const own = stored?.interaction?.id === interaction.id;
    if (stored && !own && !repeated) return this.#confirmChange(interaction, job, acknowledged, clicked);
    if (stored && own && stored.target.message !== null) return;
    await this.#showJob(interaction, job, acknowledged, own ? null : stored);
  }

  /** Repeats a request while its failures are temporary: discord.js repeats only few of them. */
  async retry<T>(request: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await request();
      } catch (error) {
        if (classify(error) !== 'transient' || attempt === TRIES) throw error;
        await pause(this.#options.clock, RETRY_FIRST * attempt);
      }
    }
  }

  async #acknowledge(interaction: Answerable, flags?: MessageFlags.Ephemeral): Promise<Acknowledged> {
    const { api, logger } = this.#options;
    try {
      const data = flags === undefined ? undefined : { flags };
      const type = InteractionResponseType.DeferredChannelMessageWithSource;
      const answered: Answered =
        (await api.respond(interaction, type, data)) ?? (await this.retry(() => api.original(interaction.token)));
      return { alive: true, ...answered, why: '' };
    } catch (error) {
      logger.warn({ interaction: interaction.id, ...errorFields(error) }, 'discord: could not acknowledge in time');
      return { alive: classify(error) === 'transient', message: null, ephemeral: false, why: whyOf(error) };
    }
  }

  /** Shows the job in this interaction's own answer; `left` is the message that showed it before. */
  async #showJob(
    interaction: Answerable,
    job: Job,
    acknowledged: Acknowledged | null,
    left: ReturnType<typeof parseRef>,
  ): Promise<void> {
    const { core, deliveries } = this.#options;
    const ref = newRef({
      interaction: tokenOf(interaction),
      user: userOf(interaction).id,
      channel: interaction.channel?.id ?? interaction.channel_id ?? '0',
      access: botHasAccess(interaction),
      limit: interaction.attachment_size_limit ?? DEFAULT_FILE_LIMIT,
    });
    if (left) {
      const copies = copiesOf(left);
      ref.copies = copies.slice(-COPIES);
      // Still to be removed with the job.
      for (const copy of copies.slice(0, -COPIES)) core.postings?.save(job, null, { messages: [copy] });
    }
    // Stored before the answer exists: after a crash in between, the token finds the message.
    core.saveMessage(job.id, ref);
    const { alive, message, ephemeral } = acknowledged ?? (await this.#acknowledge(interaction));
    if (ref.interaction && !alive) ref.interaction.expires = 0;
    // Only the interaction's token reaches a message that one person sees.
    if (ephemeral) ref.access = false;
    ref.target.message = message;
    core.saveMessage(job.id, ref);
    deliveries.follow(job.id, ref, left);
  }

  /** Something about a job changed: the job's own message shows it, and the person gets a short answer. */
  async #confirmChange(
    interaction: Answerable,
    job: Job,
    acknowledged: Acknowledged | null,
    clicked: Clicked | null,
  ): Promise<void> {
    const { core, api, deliveries } = this.#options;
    const onItsMessage = interaction.type === InteractionType.MessageComponent && !isOnEphemeral(interaction);
    if (onItsMessage && !acknowledged) {
      await api.respond(interaction, InteractionResponseType.DeferredMessageUpdate);
    } else {
      const now = core.jobReply(job);
      const lines = now.lines.length > 0 ? now.lines : [t('Done.')];
      const short: Reply = { ...now, lines, images: [], preview: null, buttons: [], ephemeral: true };
      await this.#showReply(interaction, short, acknowledged);
    }
    if (clicked) deliveries.renewToken(job.id, clicked.message, clicked.token);
  }

  /** Shows a reply; in a poorer form each time that Discord refuses it, at last by direct message. */
  async #showReply(interaction: Answerable, reply: Reply, acknowledged: Acknowledged | null): Promise<void> {
    const { deliveries, logger } = this.#options;
    const state = { acknowledged };
    let why = '';
    for (const form of FORMS) {
      if (form === 'wordless' && reply.images.length === 0) continue;
      try {
        return await this.#tryReply(interaction, inForm(reply, form, why), state);
      } catch (error) {
        deliveries.refused(reasonOf(error));
        logger.debug({ interaction: interaction.id, form, ...errorFields(error) }, 'discord: an answer was refused');
        why = error instanceof Unacknowledged ? error.message : whyOf(error);
        if (!isRefusal(error)) break;
      }
    }
    await this.#replyByDm(interaction, reply, why);
  }

  /** @param state whether the interaction is acknowledged, which this may change */
  async #tryReply(interaction: Answerable, reply: Reply, state: { acknowledged: Acknowledged | null }): Promise<void> {
    const { core, api, clock } = this.#options;
    const hidden = reply.ephemeral || reply.tone === 'error';
    const flags = hidden ? MessageFlags.Ephemeral : undefined;
    const limit = interaction.attachment_size_limit ?? DEFAULT_FILE_LIMIT;
    const plain = missingPermissions(interaction.app_permissions, ['Embed Links']).length > 0;
    const composed = await composeReply(reply, { core, now: clock.now(), ahead: clock.ahead, limit, plain });
    const heavy = (composed.files?.length ?? 0) > 0;
    const { token } = interaction;

    if (!state.acknowledged && !heavy) {
      const { content, embeds, components } = composed.body;
      const inPlace = hidden && interaction.type === InteractionType.MessageComponent && isOnEphemeral(interaction);
      const type = inPlace ? InteractionResponseType.UpdateMessage : InteractionResponseType.ChannelMessageWithSource;
      await api.respond(interaction, type, {
        ...{ content, embeds, components },
        ...(inPlace ? { attachments: [] } : {}),
        ...(flags === undefined || inPlace ? {} : { flags }),
      });
      return;
    }
    state.acknowledged ??= await this.#acknowledge(interaction, flags);
    const { message, ephemeral, why } = state.acknowledged;
    if (message === null) throw new Unacknowledged(why);
    if (!hidden || ephemeral) {
      await this.retry(() => api.editOriginal(token, message, composed));
      return;
    }
    // The public "thinking…" goes away; what only one person should see follows.
    await this.retry(() => api.deleteOriginal(token)).catch((error: unknown) => {
      if (classify(error) !== 'gone') throw error;
    });
    await this.retry(() =>
      api.followUp(token, { ...composed, body: { ...composed.body, flags: MessageFlags.Ephemeral } }),
    );
  }

  async #replyByDm(interaction: Answerable, reply: Reply, why: string): Promise<void> {
    const { core, api, clock } = this.#options;
    const dm = await this.retry(() => api.openDm(userOf(interaction).id));
    const channel = `<#${interaction.channel?.id ?? interaction.channel_id ?? '0'}>`;
    const note = `${t('You asked for this in {channel}.', { channel })} ${why}`;
    const composed = await composeReply(reply, {
      core,
      now: clock.now(),
      ahead: clock.ahead,
      limit: DEFAULT_FILE_LIMIT,
      note,
    });
    const body = { ...composed.body, nonce: interaction.id.slice(0, 25), enforce_nonce: true };
    const { id } = await this.retry(() => api.post(dm, { ...composed, body }));
    const reach = { channel: dm, message: id, access: true, interaction: null };
    for (const image of reply.images) {
      const job = core.jobOfImage(image.id);
      if (job !== null) core.postings?.save(job, image.id, { messages: [reach] });
    }
  }
}

/** Discord did not take the acknowledgement; the message says why, to the person. */
class Unacknowledged extends Error {
  override readonly name = 'Unacknowledged';
}

const FORMS: readonly Form[] = ['whole', 'wordless', 'notice'];

function inForm(reply: Reply, form: Form, why: string): Reply {
  if (form === 'whole') return reply;
  return form === 'wordless' ? wordless(reply, why) : replyNotice(why);
}
