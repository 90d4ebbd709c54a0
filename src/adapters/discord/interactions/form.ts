import {
  type APIModalInteractionResponseCallbackData,
  type APIModalSubmitInteraction,
  ComponentType,
  TextInputStyle,
} from 'discord.js';
import type { Form } from '../../../bot/reply.ts';
import { plainText, withoutControls } from '../messages/escape.ts';
import { LIMITS } from '../messages/render.ts';

const INPUT = 'text';

/** A modal with one input, prefilled, whose submission is the action. */
export function formView(action: string, form: Form): APIModalInteractionResponseCallbackData {
  const max = Math.min(LIMITS.textInput, Math.max(1, form.maxLength));
  const value = withoutControls(form.value.slice(0, max));
  return {
    custom_id: action,
    title: plainText(form.title, LIMITS.modalTitle),
    components: [
      {
        type: ComponentType.Label,
        label: plainText(form.label, LIMITS.label),
        component: {
          type: ComponentType.TextInput,
          custom_id: INPUT,
          style: TextInputStyle.Paragraph,
          max_length: max,
          required: form.optional !== true,
          ...(value === '' ? {} : { value }),
        },
      },
    ],
  };
}

/** What was typed into a form. */
export function readForm({ data }: APIModalSubmitInteraction): string {
  const inputs = data.components.flatMap((row) =>
    'component' in row ? [row.component] : 'components' in row ? row.components : [],
  );
  const input = inputs.find((part) => part.custom_id === INPUT);
  return input && 'value' in input && typeof input.value === 'string' ? input.value : '';
}
