import { MessageFlags } from 'discord.js';
import { type Job, titleOf } from '../../../bot/job.ts';
import { classify } from '../rest/errors.ts';
import { type EditOptions, editMessage } from './edit.ts';
import { escapeText } from './escape.ts';
import { type MessageRef, originalOf, type Reach } from './message-ref.ts';

interface TellingOptions extends EditOptions {
  /** Told of every request that fails. */
  readonly note: (error: unknown) => void;
}

/**
 * Says in a message that is left where its job is shown now; without the prompt if Discord refuses that. Resolves with
 * whether it could be said.
 */
export async function sayIn(options: TellingOptions, reach: Reach | null, job: Job, text: string): Promise<boolean> {
  if (reach === null) return false;
  const prompt = escapeText(titleOf(job.request).replace(/\s+/g, ' '), 300);
  for (const content of [`${text}\n${prompt}`, text]) {
    try {
      const edited = await editMessage(options, reach, 0, async (request) => {
        await request({ body: { content, embeds: [], components: [], attachments: [] } });
      });
      return edited.kind === 'done';
    } catch (error) {
      options.note(error);
      if (classify(error) !== 'rejected') return false;
    }
  }
  return false;
}

/** Tells the person who asked, in the interaction's own answer, or else beside it. Resolves with whether that worked. */
export async function tell(options: TellingOptions, ref: MessageRef, job: Job, text: string): Promise<boolean> {
  const { interaction } = ref;
  if (await sayIn(options, originalOf(ref), job, text)) return true;
  if (interaction === null || options.clock.now() >= interaction.expires) return false;
  try {
    await options.api.followUp(interaction.token, { body: { content: text, flags: MessageFlags.Ephemeral } });
    return true;
  } catch (error) {
    options.note(error);
    return false;
  }
}
