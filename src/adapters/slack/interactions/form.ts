import * as z from 'zod';
import type { Form } from '../../../bot/reply.ts';
import { t } from '../../../texts/translate.ts';
import { plain } from '../messages/render.ts';
import { sentFile } from './given-files.ts';

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
  /** Pictures of the message, to start from. */
  files: z.array(sentFile).readonly().optional(),
});
export type Subject = z.infer<typeof subject>;

/** Longer than any command: a form prefilled with a long message shows so much of it. */
const MAX_PARTS = 6;

/** A modal, prefilled; a text that is longer than Slack's longest input goes into several. */
export function formView({ title, label, value, maxLength, optional = false }: Form, about: Subject): object {
  return {
    type: 'modal',
    callback_id: FORM,
    private_metadata: JSON.stringify(about),
    title: plain(title, 24),
    submit: plain(t('Paint'), 24),
    close: plain(t('Not now'), 24),
    blocks: partsOf(value.toWellFormed(), maxLength).map((part, index) => ({
      type: 'input',
      block_id: blockId(index),
      optional: index > 0 || optional,
      label: plain(index === 0 ? label : t('{label}, continued', { label }), 2000),
      element: {
        type: 'plain_text_input',
        action_id: INPUT,
        multiline: true,
        max_length: MAX_INPUT,
        ...(part.trim() === '' ? {} : { initial_value: part }),
      },
    })),
  };
}

function blockId(index: number): string {
  return index === 0 ? INPUT : `${INPUT}-${index + 1}`;
}

/** Cut inside a word and between characters: Slack trims inputs, counts UTF-16 units and refuses halves. */
function partsOf(value: string, maxLength: number): readonly string[] {
  const parts: string[] = [];
  let rest = value.slice(0, Math.min(Math.max(0, maxLength), MAX_INPUT * MAX_PARTS));
  while (rest.length > MAX_INPUT) {
    let end = MAX_INPUT;
    while (end > MAX_INPUT / 2 && !/^[^\s\p{Surrogate}]{2}$/u.test(rest.slice(end - 1, end + 1))) end -= 1;
    if (end <= MAX_INPUT / 2) end = /[\ud800-\udbff]$/.test(rest.slice(0, MAX_INPUT)) ? MAX_INPUT - 1 : MAX_INPUT;
    parts.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return [...parts, rest.replace(/[\ud800-\udbff]$/, '')];
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
  const { values } = parsed.data.state;
  const parts = Array.from({ length: MAX_PARTS }, (_, index) => values[blockId(index)]?.[INPUT]?.value ?? '');
  return { about: about.data, text: parts.join('') };
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
