import type { APIApplicationCommandAutocompleteInteraction, APIApplicationCommandOptionChoice } from 'discord.js';
import { ApplicationCommandOptionType } from 'discord.js';
import type { Caller } from '../../bot/job.ts';
import type { Core } from '../adapter.ts';
import { plainText } from './escape.ts';
import { PROMPT_MARK } from './options.ts';
import { LIMITS } from './render.ts';

type Choice = APIApplicationCommandOptionChoice<string | number>;

const RATIOS = ['1:1', '2:3', '3:2', '3:4', '4:3', '9:16', '16:9'];

function prompts(core: Core, caller: Caller, typed: string): Choice[] {
  return core.recentPrompts(caller, typed, LIMITS.choices).map(({ id, prompt }) => {
    const fits = prompt.length <= LIMITS.choice && !prompt.startsWith(PROMPT_MARK);
    return { name: plainText(prompt, LIMITS.choice) || '…', value: fits ? prompt : `${PROMPT_MARK}${id}` };
  });
}

function words(all: readonly string[], typed: string): Choice[] {
  const start = typed.toLowerCase();
  return all.filter((word) => word.toLowerCase().startsWith(start)).map((word) => ({ name: word, value: word }));
}

function numbers(all: readonly number[], typed: string): Choice[] {
  const unique = [...new Set(all)].sort((a, b) => a - b);
  return unique.filter((n) => String(n).startsWith(typed)).map((n) => ({ name: String(n), value: n }));
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
  const sizes = core.sizes();
  const choices = () => {
    switch (focused.name) {
      case 'prompt':
        return prompts(core, caller, typed);
      case 'style':
        return words(core.styles(), typed);
      case 'ar':
        return words(RATIOS, typed);
      case 'size': {
        const named = sizes.map(({ width, height }) => `${width}x${height}`);
        return words(named, typed);
      }
      case 'width':
        return numbers(
          sizes.map(({ width }) => width),
          typed,
        );
      case 'height':
        return numbers(
          sizes.map(({ height }) => height),
          typed,
        );
      default:
        return [];
    }
  };
  return choices().slice(0, LIMITS.choices);
}
