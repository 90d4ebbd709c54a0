import { z } from 'zod';
import type { Button } from '../../../bot/reply.ts';
import { plain } from '../messages/render.ts';

export const FORM = 'wuerst-form';
const INPUT = 'text';
/** Slack's longest input. https://docs.slack.dev/reference/block-kit/block-elements/plain-text-input-element */
const MAX_INPUT = 3000;

/** What a form is about, kept in the form itself. */
const subject = z.object({
  /** `verb:id`, or `null` for a new request. */
  action: z.string().nullable(),
  channel: z.string(),
  thread: z.string().nullable(),
});
export type Subject = z.infer<typeof subject>;

/** A modal with one input, prefilled. */
export function formView({ title, label, value, maxLength }: NonNullable<Button['ask']>, about: Subject): object {
  const most = Math.min(MAX_INPUT, Math.max(1, maxLength));
  // Cut between characters: Slack counts UTF-16 units and refuses halves.
  const initial = value
    .slice(0, most)
    .toWellFormed()
    .replace(/\ufffd$/, '');
  return {
    type: 'modal',
    callback_id: FORM,
    private_metadata: JSON.stringify(about),
    title: plain(title, 24),
    submit: plain('Paint', 24),
    close: plain('Not now', 24),
    blocks: [
      {
        type: 'input',
        block_id: INPUT,
        label: plain(label, 2000),
        element: {
          type: 'plain_text_input',
          action_id: INPUT,
          multiline: true,
          max_length: most,
          ...(initial.trim() === '' ? {} : { initial_value: initial }),
        },
      },
    ],
  };
}

const submitted = z.object({
  private_metadata: z.string(),
  state: z.object({ values: z.record(z.string(), z.record(z.string(), z.object({ value: z.string().nullish() }))) }),
});

/** What was typed into a form, and what about; `null` for a form that is not (or no longer) ours. */
export function readForm(view: unknown): { readonly about: Subject; readonly text: string } | null {
  const parsed = submitted.safeParse(view);
  if (!parsed.success) return null;
  const about = subject.safeParse(parseJson(parsed.data.private_metadata));
  if (!about.success) return null;
  return { about: about.data, text: parsed.data.state.values[INPUT]?.[INPUT]?.value ?? '' };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The answer to a submission that shows an error below the input. At most 2000 characters. */
export function formErrors(message: string) {
  return { response_action: 'errors' as const, errors: { [INPUT]: message.slice(0, 1900) } };
}
