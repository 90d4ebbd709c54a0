import { basename } from 'node:path';
import { Command, type ErrorOptions, Option } from 'commander';
import { nearest } from '../bot/command/edit-distance.ts';
import { quote } from '../bot/command/format.ts';
import { KEYS, keyNamed } from '../bot/command/keys.ts';
import type { GivenCommand } from '../bot/command/mending.ts';
import { type ParseOptions, parseCommand, randomSeed } from '../bot/command/parse.ts';
import { commandOfWords } from '../bot/command/shell-words.ts';
import type { ImagineRequest } from '../bot/job.ts';
import { DEFAULT_LIMITS, modelLimits, type RequestLimits } from '../bot/request-limits.ts';
import { lorasFolder, modelInUse } from '../models/model-folder.ts';
import { promptTokens } from '../models/prompt-tokens.ts';
import { recommendedFor } from '../models/recommended.ts';
import type { Precision } from '../pipeline/checkpoint/weight-recipe.ts';
import { IMAGE_FORMATS, type ImageFormat, imageFormat } from '../pipeline/images/image-file.ts';
import type { LoraUse } from '../pipeline/images/imagine-request.ts';
import { WuerstchenCombinedPipeline } from '../pipeline/pipelines/combined-pipeline.ts';
import type { Provider } from '../pipeline/runtime/providers.ts';
import type { Residency } from '../pipeline/runtime/residency.ts';
import type { RuntimeOptions } from '../pipeline/runtime/runtime.ts';
import { UserError } from '../system/errors.ts';
import { reasonOf } from '../system/foreign-words.ts';
import { makeFolder } from '../system/make-folder.ts';
import { printableLine } from '../system/printable.ts';
import { onStopSignal } from '../system/stop-signals.ts';
import { currentLanguage } from '../texts/language.ts';
import { listedAs, t } from '../texts/translate.ts';
import { askBeforeMany } from './ask-many.ts';
import {
  deviceOption,
  modelOption,
  precisionOption,
  providerOption,
  residencyOption,
  threadsOption,
} from './compute-options.ts';
import { existingModel } from './existing-model.ts';
import { markingSettings } from './marking-settings.ts';
import { checkOptions, givenOptions, shellCommand, typedCommand, withOption } from './own-command.ts';
import { paintRequest } from './paint-request.ts';
import { PictureWriter, STANDARD_OUTPUT } from './picture-writer.ts';
import { StageBars } from './progress-bars.ts';
import { mayNameLoras, savedPrompts } from './saved-prompts.ts';
import { shellWord } from './shell-word.ts';

interface Options {
  readonly out: string;
  readonly format: ImageFormat;
  readonly model?: string;
  readonly provider: Provider | 'auto';
  readonly precision: Precision | 'auto';
  readonly device?: number;
  readonly threads?: number;
  readonly residency: Residency | 'auto';
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly yes?: boolean;
  readonly lora?: string;
  readonly image?: readonly string[];
  readonly mask?: string;
  readonly preset?: string;
  readonly negative?: string;
}

/** The settings of the command grammar as options. The terminal has no spoiler cover. */
const SETTING_OPTIONS = KEYS.filter(({ type }) => type !== 'switch').map(
  ({ name, aliases, type, description, usual }) => {
    const names = name.length > 1 ? `--${name}` : `-${name}, --${aliases[0] ?? name}`;
    return { name, usual, description, option: new Option(`${names} <${type === 'text' ? 'value' : 'number'}>`) };
  },
);

const SETTING_NAMES: ReadonlySet<string> = new Set(SETTING_OPTIONS.map(({ option }) => option.attributeName()));

/** A value of options that have neither choices nor a usual one, by what stands for it in the help. */
const EXAMPLE_VALUES: Readonly<Record<string, string>> = {
  '<file>': 'picture.png',
  '<model>': 'cocktail',
  '<number>': '0',
  '<count>': '4',
};

/** Answers an option without its value with the person's own command. */
class ImagineCommand extends Command {
  override error(message: string, options?: ErrorOptions): never {
    if (options?.code !== 'commander.optionMissingArgument') return super.error(message, options);
    const last = process.argv.at(-1) ?? '';
    const key = keyNamed(last.replace(/^-+/, ''));
    const limits = limitsBefore(this.opts<Options>().model);
    const option = this.options.find(({ long, short }) => last === long || last === short);
    const wanted = option?.argChoices ? listedAs('disjunction', option.argChoices) : undefined;
    const [, placeholder = ''] = option?.flags.split(/ (?=<)/) ?? [];
    const example =
      key?.example(limits) ?? option?.argChoices?.[0] ?? option?.defaultValue ?? EXAMPLE_VALUES[placeholder];
    if (example === undefined) return super.error(message, options);
    const hint = t('Try: {command}', { command: `${typedCommand()} ${String(example).replaceAll('"', "'")}` });
    const after = `"${last}"`;
    if (key !== null) throw new UserError('setting_without_value', key.expected(limits).missing(after), { hint });
    const missing =
      wanted === undefined
        ? t('Expected a value after {after}, got nothing.', { after })
        : t('Expected {choices} after {option}, got nothing.', { choices: wanted, option: after });
    throw new UserError('setting_without_value', missing, { hint });
  }
}

export function imagineCommand(): Command {
  const command = new ImagineCommand('imagine')
    .description(t('paint pictures and write them to a folder'))
    .argument(
      '[prompt...]',
      t('what to paint; settings may stand in it, as in "{example}"', { example: 'a panda width:1024 height:1536' }),
    )
    // The grammar knows what other programs call them, and corrects them.
    .allowUnknownOption();
  for (const { option, description } of SETTING_OPTIONS) {
    option.description = inHelp(t(description));
    command.addOption(option);
  }
  return command
    .option('--image <file>', t('a picture to start from; given up to three times, they are blended'), collected)
    .option('--mask <file>', t('a picture that is white where the given one is to be painted anew'))
    .option(
      '-o, --out <folder>',
      t('where the files go; {dash} writes one picture to the standard output', { dash: STANDARD_OUTPUT }),
      'out',
    )
    .addOption(
      new Option('--format <format>', t('of the files: {formats}', { formats: listedAs('disjunction', IMAGE_FORMATS) }))
        .default('png')
        .argParser(readFormat),
    )
    .addOption(modelOption())
    .addOption(providerOption())
    .addOption(precisionOption(t('of weights and products; auto takes fewer bits for large models where they pay')))
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(residencyOption())
    .option('--json', t('print one JSON object a picture, for scripts'))
    .option('--quiet', t('no progress'))
    .option(
      '-y, --yes',
      t('paint without asking however many pictures braces such as {braces} make', { braces: '{red, blue}' }),
    )
    .addHelpText('after', ({ command }) => usualValues(command.opts<Options>()))
    .action((words: string[], options: Options, command: Command) => {
      // A picture may stand in its place.
      if (words.length === 0 && !options.image) throw promptMissing(options.model);
      return imagine(words, options, command);
    });
}

/** English lines of help begin small, unlike the names of settings elsewhere. */
function inHelp(description: string): string {
  return currentLanguage() === 'en' ? description.charAt(0).toLowerCase() + description.slice(1) : description;
}

function promptMissing(model: string | undefined) {
  const [idea = 'a panda'] = limitsBefore(model).recommended.ideas;
  return new UserError('prompt_missing', t('Expected a prompt, got none.'), {
    hint: t('Try: {command}', { command: `${typedCommand()} ${shellWord(idea)}` }),
  });
}

/** What is chosen where an option is left out, for the model in use. */
function usualValues({ model }: Options): string {
  try {
    const limits = limitsBefore(model);
    const values = SETTING_OPTIONS.flatMap(({ usual, option }) => (usual ? `${option.long} ${usual(limits)}` : []));
    const [idea = ''] = limits.recommended.ideas;
    return [
      '',
      t('Usual with {model}: {values}', { model: limits.model, values: values.join(', ') }),
      t('For example: {command}', { command: `wuerst imagine "${idea}"` }),
    ].join('\n');
  } catch {
    // Painting says what is wrong with the model.
    return '';
  }
}

/** What is allowed, as far as it is known before a model is loaded. */
function limitsBefore(model: string | undefined): RequestLimits {
  const dir = modelInUse(process.env, model);
  return { ...DEFAULT_LIMITS, ...modelLimits(basename(dir), recommendedFor(dir), promptTokens(dir)) };
}

function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function readFormat(typed: string): ImageFormat {
  const format = imageFormat(typed);
  if (format !== null) return format;
  const command = withOption('--format', nearest(typed.toLowerCase(), IMAGE_FORMATS, 2) ?? 'png');
  const hint = t('Try: {command}', { command });
  throw new UserError(
    'format_unknown',
    t('Expected --format to be {formats}, got "{typed}".', { formats: listedAs('disjunction', IMAGE_FORMATS), typed }),
    { hint },
  );
}

/** Large weights in another precision are prepared once; that is said on one line. */
function preparingLine({ quiet, json }: Options): RuntimeOptions['onPreparing'] {
  if (quiet || json) return undefined;
  return (dir, precision, done, total) => {
    const start = process.stderr.isTTY ? '\r' : '';
    if (done < total && start === '') return;
    const percent = Math.floor((100 * done) / total);
    const line = t('preparing {precision} weights in {folder}: {percent} %', {
      ...{ precision, percent },
      folder: printableLine(dir),
    });
    process.stderr.write(`${start}${line}${done === total ? '\n' : ''}`);
  };
}

async function imagine(words: readonly string[], options: Options, command: Command): Promise<void> {
  const names = command.options.flatMap(({ long }) => long?.slice(2) ?? []);
  checkOptions(
    words,
    names.filter((name) => keyNamed(name) === null),
  );
  const marking = markingSettings(process.env);
  const stop = new AbortController();
  onStopSignal(() => stop.abort());
  const dir = await existingModel(process.env, options.model);
  const pipeline = await WuerstchenCombinedPipeline.fromPretrained(dir, {
    provider: options.provider,
    precision: options.precision,
    onPreparing: preparingLine(options),
    device: options.device,
    threads: options.threads,
    residency: options.residency,
    signal: stop.signal,
    check: false,
  });
  const say = (line: string) => void (options.quiet || process.stderr.write(`${printableLine(line)}\n`));
  const typed = [...words, options.preset === undefined ? '' : 'preset', options.negative ?? ''].join(' ');
  const mayUseLoras = options.lora !== undefined || mayNameLoras(typed);
  const loras = mayUseLoras ? await openLoras() : undefined;
  const before = { ...limitsBefore(options.model), loras: loras?.known ?? [] };
  const given = options.image || options.mask ? await openGiven(options) : undefined;
  const sources = await savedPrompts(typed, say);
  const { requests, notes } = readRequests(words, command, pipeline, before, { pictures: given?.pictures, sources });
  await askBeforeMany(requests, options.yes ?? false, stop.signal);
  if (asksForGpu(options)) {
    for (const { provider, reason } of pipeline.runtime.fallbacks)
      say(t('{provider} is not used: {reason}', { provider, reason }));
  }
  for (const note of pipeline.runtime.notes) say(note);
  const { memory } = pipeline.runtime;
  if (memory.residency === 'sequential') say(t('a few blocks of a network at a time: {reason}', memory));
  else if (memory.residency === 'stage' && options.residency === 'auto')
    say(t('one network at a time: {reason}', memory));
  for (const note of notes) say(note);
  prepareOutput(options.out, requests);
  const bars = options.quiet || options.json ? null : new StageBars(process.stderr);
  const files = new PictureWriter(pipeline, { ...options, marking });
  try {
    for (const request of requests) {
      if (request.original !== undefined) say(t('Painted: {prompt}', request));
      await loras?.use(pipeline, request.loras ?? [], stop.signal);
      const start = await given?.prepare(pipeline, request);
      await paintRequest({ pipeline, request, start, files, bars, say, signal: stop.signal });
    }
  } finally {
    bars?.stop();
    await files.finish();
  }
}

/** Without pictures to start from, nothing of them is loaded. */
async function openGiven({ image = [], mask }: Options) {
  if (image.length === 0) throw new UserError('picture_missing', t('Expected --image beside --mask, got none.'));
  const { GivenFiles } = await import('./given-files.ts');
  return GivenFiles.open(image, mask);
}

/** The LoRAs on this disk. Without them, nothing of it is loaded. */
async function openLoras() {
  const [{ LoraFolder }, { useLoras }] = await Promise.all([
    import('../pipeline/lora/lora-folder.ts'),
    import('../pipeline/engine/request-loras.ts'),
  ]);
  const folder = new LoraFolder(lorasFolder(process.env));
  await folder.refresh();
  return {
    known: folder.known,
    use: (pipeline: WuerstchenCombinedPipeline, loras: readonly LoraUse[], signal: AbortSignal) =>
      useLoras(pipeline, loras, folder, signal),
  };
}

/** Otherwise nobody misses one; `wuerst doctor` says why it is not used. */
function asksForGpu({ device, precision }: Options): boolean {
  return device !== undefined || precision === 'fp16';
}

/** @throws UserError `one_picture_only`, `output_is_terminal`, `out_unwritable` */
function prepareOutput(out: string, requests: readonly ImagineRequest[]): void {
  if (out === STANDARD_OUTPUT) {
    const pictures = requests.reduce((sum, { n }) => sum + n, 0);
    if (pictures > 1) {
      const hint = t('Leave -n and braces out, or name a folder: {example}', { example: '-o out' });
      throw new UserError(
        'one_picture_only',
        t('Expected one picture for the standard output, got {pictures}.', { pictures }),
        { hint },
      );
    }
    if (!process.stdout.isTTY) return;
    const hint = t('Try: {command}', { command: `${typedCommand()} > picture.png` });
    throw new UserError('output_is_terminal', t('A picture cannot be shown in a terminal.'), { hint });
  }
  try {
    makeFolder(out);
  } catch (cause) {
    throw new UserError(
      'out_unwritable',
      t('Cannot make the folder {out}: {reason}.', { out, reason: reasonOf(cause) }),
      { cause },
    );
  }
}

function readRequests(
  words: readonly string[],
  command: Command,
  pipeline: WuerstchenCombinedPipeline,
  before: RequestLimits,
  more: Pick<ParseOptions, 'sources' | 'pictures'>,
) {
  const limits = { ...before, ...pipeline.grid.limits, gridStep: pipeline.grid.step, model: pipeline.name };
  const given = SETTING_OPTIONS.flatMap(({ name, option }) => {
    const value: unknown = command.getOptionValue(option.attributeName());
    return value === undefined ? [] : [[name, String(value)]];
  });
  const text = commandOfWords(words);
  const show = (corrected: GivenCommand) => shellCommand(corrected, givenOptions(command, SETTING_NAMES), limits);
  const parsed = parseCommand(text, { ...more, limits, options: Object.fromEntries(given), randomSeed, show });
  if (parsed.kind === 'imagine') return { requests: [parsed.request], notes: parsed.notes };
  if (parsed.kind === 'permutations') return { requests: parsed.requests, notes: parsed.notes };
  const hint = t('To paint these words, try: {command}', { command: `wuerst imagine ${shellWord(quote(text))}` });
  throw new UserError('prompt_missing', t('Expected a prompt, got the chat command "{text}".', { text }), {
    hint,
  });
}
