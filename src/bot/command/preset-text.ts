import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import type { RequestLimits } from '../request-limits.ts';
import { typedForm } from './layers.ts';
import { withEdits } from './mending.ts';
import type { Preset } from './presets.ts';
import { CommandProblem } from './problem.ts';
import { clashing, readSettings } from './read-settings.ts';

/**
 * A preset as it is typed: a text with settings in it, as a command has them.
 *
 * @param command what stands before the text, for a corrected example: `presets save film`
 * @throws UserError as `parseCommand` does, and `preset_in_preset`
 */
export function readPresetText(text: string, limits: RequestLimits, command: string): Preset {
  const { template, typed } = mendable(text, command, () => readSettings(text, limits));
  for (const [i, { key }] of typed.entries()) {
    if (key.name === 'preset') {
      throw new UserError('preset_in_preset', t('A preset holds no other preset.'), {
        hint: t('Write its words and settings instead; {command} tells them.', {
          command: '/wuerst presets show night',
        }),
      });
    }
    if (clashing(typed, i) === null) continue;
    throw new UserError('setting_given_twice', t('Expected {name} once, got it twice.', { name: key.name }));
  }
  const loras = typed.flatMap(({ settings }) => settings.loras ?? []);
  const settings = Object.assign({}, ...typed.map((one) => one.settings), loras.length > 0 ? { loras } : {});
  const { negative: _, ...values } = typedForm(settings);
  const negative = typed.find(({ key }) => key.name === 'negative')?.template ?? '';
  return { prompt: template.trim(), negative, settings: values };
}

function mendable<T>(text: string, command: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CommandProblem)) throw error;
    const { code, message, allowed, edits } = error.details;
    const again = edits && t('Try: {command}', { command: `/wuerst ${command} ${withEdits(text, edits)}` });
    throw new UserError(code, message, { hint: [allowed, again].filter((part) => part !== undefined).join(' ') });
  }
}
