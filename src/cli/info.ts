import { basename } from 'node:path';
import { Command } from 'commander';
import { bracketed, formatPrompt } from '../bot/command/format.ts';
import { KEYS, type KeyName } from '../bot/command/keys.ts';
import { isVisible, normaliseText } from '../bot/command/lexer.ts';
import { hasDraws, withoutDraws } from '../bot/command/wildcards.ts';
import { DEFAULT_LIMITS } from '../bot/request-limits.ts';
import { modelInUse } from '../models/model-folder.ts';
import { ownTexts } from '../pipeline/images/image-file.ts';
import { pictureTexts } from '../pipeline/images/picture-texts.ts';
import { UserError } from '../system/errors.ts';
import { printable, printableJson } from '../system/printable.ts';
import { currentLanguage, inLanguage } from '../texts/language.ts';
import { t } from '../texts/translate.ts';
import { type FoundRecipe, foundRecipe, LIKE_WEB_UI, UNNAMED } from './found-recipe.ts';
import { pictureContent } from './picture-content.ts';
import { shellWord } from './shell-word.ts';

interface Options {
  readonly json?: boolean;
}

export function infoCommand(): Command {
  return new Command('info')
    .description(t('print the parameters that pictures were made with, and the command to make them again'))
    .argument('<files...>', t('PNG, WebP or JPEG files, also of A1111, ComfyUI and InvokeAI; - is the standard input'))
    .option('--json', t('print one JSON object a file, with every number'))
    .action(async (paths: readonly string[], options: Options) => {
      const failures: unknown[] = [];
      for (const [i, path] of paths.entries()) {
        try {
          const lines = await describe(path, options);
          const heading = options.json || paths.length === 1 ? [] : [...(i > 0 ? [''] : []), `${printable(path)}:`];
          process.stdout.write(`${[...heading, ...lines].join('\n')}\n`);
        } catch (error) {
          failures.push(error);
        }
      }
      const [first, ...others] = failures;
      for (const error of others) process.stderr.write(`wuerst: ${printable((error as Error).message)}\n`);
      if (first) throw first;
    });
}

/** @throws UserError `file_unreadable`, `file_too_large`, `not_an_image`, `no_parameters` */
async function describe(path: string, { json }: Options): Promise<readonly string[]> {
  const content = await pictureContent(path);
  const { texts, problems } = inLanguage(json ? 'en' : currentLanguage(), () => pictureTexts(content));
  for (const problem of problems) process.stderr.write(`${printable(`${path}: ${problem}`)}\n`);
  const recipe = foundRecipe(ownTexts(texts));
  if (recipe === null) {
    throw new UserError('no_parameters', t('{path} has no parameters in it.', { path }), {
      ...(problems.length > 0 ? {} : { hint: t('Chat apps remove them from pictures that they recompress.') }),
    });
  }
  const command = commandOf(recipe);
  if (json) return [printableJson({ ...jsonOf(path, recipe, command), problems })];
  const told = recipe.text === '' ? [] : [printable(recipe.text), ''];
  if (command !== null) return [...told, introduction(recipe), `  ${command}`];
  const program = printable(recipe.program);
  return [...told, t('Made with {program}; its prompt cannot be told from its workflow.', { program })];
}

function introduction({ program, difference }: FoundRecipe): string {
  if (difference === 'derived') {
    return t(
      'To paint its words, but not the same picture, since it was made from another picture (a variation, or larger):',
    );
  }
  if (difference === 'start') {
    return t(
      'To paint its words, but not the same picture, since it starts from a picture, which belongs behind --image:',
    );
  }
  if (program === 'wuerst') return t('To make it again:');
  if (program === UNNAMED) return t('Made with another program. To paint the same words here:');
  if (program === LIKE_WEB_UI) {
    return t("Made with a program that writes like A1111's web UI. To paint the same words here:");
  }
  return t('Made with {program}. To paint the same words here:', { program: printable(program) });
}

/** What was used, in numbers where it is that; texts otherwise, as seeds are too large for numbers. */
function jsonOf(file: string, { program, prompt, settings, text, own }: FoundRecipe, command: string | null): object {
  if (own !== undefined) return { ...own, file, program, command };
  const values = Object.entries(settings).map(([name, value]) => {
    const { type } = KEYS.find((key) => key.name === name) ?? {};
    const number = Number(value);
    return [name, type !== 'text' && Number.isFinite(number) ? number : value];
  });
  return { prompt, ...Object.fromEntries(values), file, program, command, parameters: text };
}

/** The command to paint it here, of the settings that are allowed here; `null` where there is no prompt. */
function commandOf({ program, prompt, settings, model, own }: FoundRecipe): string | null {
  // LoRAs of other programs are for other models.
  const known = program === 'wuerst' ? prompt : prompt.replace(/ ?<lora:[^<>]*>/gi, '');
  const words = normaliseText(printable(known));
  if (!isVisible(words)) return null;
  // Other programs read brackets as weights.
  const weighted = own === undefined || own.weighted === true;
  const asTyped = (text: string) =>
    hasDraws(text) ? withoutDraws(bracketed(text, weighted)) : bracketed(text, weighted);
  const options = KEYS.flatMap(({ name, read }) => {
    const value = settings[name];
    if (value === undefined || isRepeated(name, settings)) return [];
    const text = normaliseText(printable(value));
    const typed = name === 'negative' ? asTyped(text) : text;
    const reading = read(typed, DEFAULT_LIMITS);
    // What is on this disk shows when it paints.
    return ('value' in reading || name === 'lora') && typed !== ''
      ? [`${name === 'n' ? '-n' : `--${name}`} ${shellWord(typed)}`]
      : [];
  });
  const other =
    model !== undefined && model !== basename(modelInUse(process.env)) ? [`--model ${shellWord(model)}`] : [];
  return ['wuerst imagine', shellWord(formatPrompt(words, weighted)), ...options, ...other].join(' ');
}

/** The sides of a size that is given too. */
function isRepeated(name: KeyName, settings: FoundRecipe['settings']): boolean {
  return name === 'size' && settings.width !== undefined && settings.height !== undefined;
}
