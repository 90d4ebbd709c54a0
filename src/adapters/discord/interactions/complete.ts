import {
  type APIApplicationCommandAutocompleteInteraction,
  type APIApplicationCommandOptionChoice,
  ApplicationCommandOptionType,
} from 'discord.js';
import { formatPrompt } from '../../../bot/command/format.ts';
import { KEYS, type Key } from '../../../bot/command/keys.ts';
import type { Caller } from '../../../bot/job.ts';
import type { Core } from '../../adapter.ts';
import { COMPLETED } from '../commands/commands.ts';
import { optionName, PROMPT_MARK } from '../commands/option-values.ts';
import { plainText } from '../messages/escape.ts';
import { LIMITS } from '../messages/render.ts';

type Choice = APIApplicationCommandOptionChoice<string | number>;

function prompts(core: Core, caller: Caller, typed: string): Choice[] {
  return core.recentPrompts(caller, typed, LIMITS.choices).map(({ id, prompt }) => {
    const text = formatPrompt(prompt, true);
    const fits = text.length <= LIMITS.choice && !text.startsWith(PROMPT_MARK);
    return { name: plainText(prompt, LIMITS.choice) || '…', value: fits ? text : `${PROMPT_MARK}${id}` };
  });
}

/** Values that the grammar offers for a setting, as its option wants them. */
function values(key: Key, core: Core, caller: Caller, typed: string): Choice[] {
  if (/[\s:"']/.test(key.name === 'ar' ? typed.replace(':', '') : typed)) return [];
  return core.completions(`x ${key.name}:${typed}`, caller).map(({ label }) => ({
    name: label,
    value: key.type === 'integer' || key.type === 'number' ? Number(label) : label,
  }));
}

/** Choices for the option that is being typed, at most 25; nothing here waits for anything. */
export function completions(
  interaction: APIApplicationCommandAutocompleteInteraction,
  core: Core,
  caller: Caller,
): readonly Choice[] {
  const focused = interaction.data.options.find((option) => 'focused' in option && option.focused === true);
  if (!focused || focused.type === ApplicationCommandOptionType.Subcommand || !('value' in focused)) return [];
  const typed = String(focused.value);
  if (focused.name === 'prompt') return prompts(core, caller, typed).slice(0, LIMITS.choices);
  const key = KEYS.find((one) => optionName(one) === focused.name && COMPLETED.includes(one.name));
  return key === undefined ? [] : values(key, core, caller, typed).slice(0, LIMITS.choices);
}
