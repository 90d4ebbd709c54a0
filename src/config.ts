import { resolve } from 'node:path';
import * as z from 'zod';
import { type DiscordOptions, discordOptions } from './adapters/discord/options.ts';
import { type SlackOptions, slackOptions } from './adapters/slack/options.ts';
import { type WebOptions, webOptions } from './adapters/web/server/options.ts';
import { nearest } from './bot/command/edit-distance.ts';
import { lorasFolder, modelInUse, modelsFolder, safetyFolder } from './models/model-folder.ts';
import { type Batch, MOST_TOGETHER, readBatch, type WarmUp } from './pipeline/process/protocol.ts';
import { MOST_THREADS } from './pipeline/runtime/host-threads.ts';
import { MOST_DEVICE } from './pipeline/runtime/providers.ts';
import { RESIDENCIES } from './pipeline/runtime/residency.ts';
import { DEFAULT_DATA } from './system/data-folder.ts';
import { OperatorError } from './system/errors.ts';
import { LOG_FORMATS } from './system/logging.ts';
import { plainEndpointWarning } from './system/plain-endpoint.ts';
import { byteCount, oneOf, onOff, text, type Variable, variable, variables, wholeNumber } from './system/variables.ts';
import { inLanguage } from './texts/language.ts';
import { t } from './texts/translate.ts';
import { type WorkersOptions, workersOptions } from './workers/options.ts';

const PROVIDERS = ['auto', 'cpu', 'webgpu', 'cuda'] as const;
const PRECISIONS = ['auto', 'fp32', 'fp16', 'int8'] as const;
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
const DAY_MS = 86_400_000;
const MOST_PROCESSES = 64;

const days = wholeNumber
  .refine((count) => count >= 1, { error: () => t('expected at least 1') })
  .transform((count) => count * DAY_MS);
const folder = text.transform((path) => resolve(path));
const sizes = text.transform(
  (typed, { addIssue }): WarmUp =>
    (typed.toLowerCase() === 'off' ? [] : typed.split(',')).map((size) => {
      const [, width, height] = /^\s*(\d{2,4})x(\d{2,4})\s*$/i.exec(size) ?? [];
      if (!width || !height) addIssue(t('expected sizes such as 1024x1024,1024x1536, or off'));
      return { width: Number(width), height: Number(height) };
    }),
);

const batch = text.transform((typed, { addIssue }): Batch => {
  const read = readBatch(typed);
  if (read === undefined) {
    addIssue(t('expected a number of pictures from 1 to {most}, off, or auto', { most: MOST_TOGETHER }));
  }
  return read ?? 'auto';
});

const devices = text.transform((typed, { addIssue }): readonly number[] | 'auto' => {
  if (typed.toLowerCase() === 'auto') return 'auto';
  const numbers = typed.split(',').map((part) => (/^\s*\d{1,3}\s*$/.test(part) ? Number(part) : Number.NaN));
  if (!numbers.every((number) => number <= MOST_DEVICE)) {
    addIssue(t('expected numbers of GPUs from 0 to {most} such as 0,1,2, or auto', { most: MOST_DEVICE }));
  }
  if (new Set(numbers).size < numbers.length) addIssue(t('expected each GPU once, such as 0,1,2'));
  return numbers;
});

const botOptions = z
  .object({
    /** Absolute. */
    data: variable(
      'WUERST_DATA <folder>',
      () => t('folder of the database and the pictures'),
      folder.prefault(DEFAULT_DATA),
    ),
    /** Absolute. */
    model: variable(
      'WUERST_MODEL <model>',
      () => t('name of a model, or its folder'),
      text.optional(),
      () => t('what `wuerst models use` chose'),
    ),
    models: variable(
      'WUERST_MODELS <folder>',
      () => t('folder that models are pulled to'),
      text.optional(),
      () => t('the embedded one'),
    ),
    /** Absolute. */
    loras: variable(
      'WUERST_LORAS <folder>',
      () => t('folder of the LoRAs that prompts can name'),
      text.optional(),
      () => t('`loras` among the models'),
    ),
    provider: variable(
      'WUERST_PROVIDER <name>',
      () => t('where to compute: {providers}', { providers: PROVIDERS.join(', ') }),
      oneOf(PROVIDERS).prefault('auto'),
    ),
    precision: variable(
      'WUERST_PRECISION <name>',
      () => t('of weights and products: {precisions}', { precisions: PRECISIONS.join(', ') }),
      oneOf(PRECISIONS).prefault('auto'),
    ),
    residency: variable(
      'WUERST_RESIDENCY <kind>',
      () =>
        t(
          'keep all networks loaded (resident), one at a time (stage), a few of its blocks (sequential), or what the free memory admits (auto)',
        ),
      oneOf(['auto', ...RESIDENCIES]).prefault('auto'),
    ),
    batch: variable(
      'WUERST_BATCH <count>',
      () => t('pictures of several requests that are painted at the same time, off, or auto: on GPUs what pays there'),
      batch.prefault('auto'),
    ),
    warmUp: variable(
      'WUERST_WARM_UP <sizes>',
      () => t('sizes to make ready for at start, such as 1024x1024,1024x1536, so that no request waits for it; or off'),
      sizes.default('auto'),
      () => t('1024x1024 on GPUs'),
    ),
    devices: variable(
      'WUERST_DEVICE <numbers>',
      () =>
        t(
          'which GPUs CUDA computes on, as nvidia-smi counts them, such as 0,1,2, with a process for each; or auto: all of them',
        ),
      devices.optional(),
      () => '0',
    ),
    processes: variable(
      'WUERST_PROCESSES <count>',
      () =>
        t(
          'processes that paint on the processor and share its threads and memory; 0 where only workers on other machines paint',
        ),
      wholeNumber
        .refine((count) => count <= MOST_PROCESSES, {
          error: () => t('expected 0 to {most}', { most: MOST_PROCESSES }),
        })
        .prefault('1'),
    ),
    threads: variable(
      'WUERST_THREADS <count>',
      () => t('processor threads that compute'),
      wholeNumber
        .refine((count) => count >= 1 && count <= MOST_THREADS, {
          error: () => t('expected 1 to {most}', { most: MOST_THREADS }),
        })
        .optional(),
      () => t('one for each processor, within the CPU quota'),
    ),
    logFormat: variable(
      'WUERST_LOG_FORMAT <format>',
      () => t('pretty lines, json, or auto: pretty in a terminal and json elsewhere'),
      oneOf(LOG_FORMATS).prefault('auto'),
    ),
    logLevel: variable('WUERST_LOG_LEVEL <level>', () => LOG_LEVELS.join(', '), oneOf(LOG_LEVELS).prefault('info')),
    /** Milliseconds that the running job may go on after the bot was told to stop. */
    drainMs: variable(
      'WUERST_DRAIN_SECONDS <seconds>',
      () => t('how long the running job may go on when the bot is stopped'),
      wholeNumber.transform((seconds) => seconds * 1000).prefault('20'),
    ),
    /** Milliseconds that pictures are kept. @default for ever */
    keepMs: variable(
      'WUERST_KEEP_DAYS <days>',
      () => t('how long picture files are kept; later they are made again from their recipe'),
      days.optional(),
      () => t('as long as their requests'),
    ),
    /** Milliseconds that requests are kept: their prompts, recipes, embeddings and pictures. */
    keepRecordsMs: variable(
      'WUERST_KEEP_RECORD_DAYS <days>',
      () => t('how long requests are kept after their end, with prompts, recipes, embeddings and pictures'),
      days.prefault('730'),
    ),
    /** Milliseconds that the audit log is kept. */
    keepAuditMs: variable(
      'WUERST_KEEP_AUDIT_DAYS <days>',
      () => t('how long it is kept who set, deleted, cancelled or erased what'),
      days.prefault('365'),
    ),
    /** Milliseconds that events are kept. */
    keepEventsMs: variable(
      'WUERST_KEEP_EVENT_DAYS <days>',
      () => t('how long events can be replayed, and a repeated command finds its request'),
      days.prefault('30'),
    ),
    /** Whether pictures are signed where they leave. */
    signature: variable(
      'WUERST_SIGNATURE <on|off>',
      () => t('sign pictures as made by a machine (Content Credentials and XMP)'),
      onOff.prefault('on'),
    ),
    /** Whether the pixels of pictures that leave say who made them. */
    watermark: variable(
      'WUERST_WATERMARK <on|off>',
      () => t('mark pictures invisibly as made by this program, which survives chat apps and cropping'),
      onOff.prefault('on'),
    ),
    /** Of all pictures. @default no limit */
    keepBytes: variable(
      'WUERST_KEEP_BYTES <size>',
      () => t('how much room picture files may take, such as 20GB; the oldest go first'),
      byteCount.optional(),
      () => t('no limit'),
    ),
  })
  .transform(({ model, models, loras, ...options }, { addIssue }) => {
    const folders = { WUERST_MODELS: models, WUERST_LORAS: loras };
    try {
      return {
        ...options,
        model: modelInUse(folders, model),
        models: modelsFolder(folders),
        loras: lorasFolder(folders),
        classifier: safetyFolder(folders),
      };
    } catch (error) {
      addIssue(error instanceof Error ? error.message : String(error));
      return z.NEVER;
    }
  });

const processOptions = botOptions.in.pick({ provider: true, devices: true, processes: true, threads: true });

type Part = z.ZodPipe<z.ZodObject>;

/** The fields of a schema, with the variables that set them. */
function fieldsOf(part: z.ZodObject): { readonly key: string; readonly variable: Variable }[] {
  return Object.entries(part.shape).flatMap(([key, schema]) => {
    const variable = variables.get(schema);
    return variable === undefined ? [] : [{ key, variable }];
  });
}

/** Every variable, in the order of the help. */
export const VARIABLES: readonly Variable[] = [
  botOptions,
  webOptions,
  workersOptions,
  discordOptions,
  slackOptions,
].flatMap((part) => fieldsOf(part.in).map(({ variable }) => variable));

type Environment = Readonly<Record<string, string | undefined>>;

/** The options of the whole program. */
export interface Config extends z.output<typeof botOptions> {
  /** Each platform is `undefined` where it is not served. */
  readonly web: WebOptions | undefined;
  readonly discord: DiscordOptions | undefined;
  readonly slack: SlackOptions | undefined;
  /** Painting on other machines; `undefined` where it is turned off. */
  readonly workers: WorkersOptions | undefined;
  /** Values that no log may show. */
  readonly secrets: readonly string[];
  /** Sentences about settings that work and are dangerous. */
  readonly warnings: readonly string[];
}

/**
 * Reads the environment, to which `wuerst start` has added its options. Empty variables count as not set.
 *
 * @throws OperatorError `config_invalid` with every mistake, one per line and without secrets
 */
export function readConfig(environment: Environment): Config {
  const { bot, web, discord, slack, workers, mistakes } = readAll(environment);
  if (!bot.success || mistakes.length > 0) {
    // Read again, for whoever reads it.
    const lines = () => [...new Set(readAll(environment).mistakes)].map((mistake) => `\n- ${mistake}`);
    throw new OperatorError('config_invalid', () => [t('The settings cannot be used:'), ...lines()].join(''), {
      hint: () => t('They are environment variables, also from a file .env; "wuerst start --help" lists them.'),
    });
  }
  const secrets = VARIABLES.flatMap((variable) =>
    variable.option === undefined ? (typedValue(variable, environment) ?? []) : [],
  );
  if (workers.data?.redis.password) secrets.push(workers.data.redis.password);
  // They are logged.
  const warnings = inLanguage('en', () => [
    plainEndpointWarning('DISCORD_API_BASE', discord.data?.apiBase, 'DISCORD_TOKEN'),
    plainEndpointWarning('SLACK_API_URL', slack.data?.apiUrl, "Slack's tokens"),
    plainEndpointWarning('SLACK_REDIRECT_URI', slack.data?.oauth?.redirectUri, "the codes for Slack's tokens"),
  ]).filter((warning) => warning !== undefined);
  return {
    ...bot.data,
    web: web.data,
    discord: discord.data,
    slack: slack.data,
    workers: workers.data,
    secrets,
    warnings,
  };
}

/** Each part, and the mistakes in all of them in the reader's language. */
function readAll(environment: Environment) {
  const mistakes = misspelt(environment);
  const read = <P extends Part>(part: P) => {
    const { result, wrong } = parse(part, part.in, environment);
    mistakes.push(...wrong);
    return result;
  };
  const [bot, web, discord, slack] = [read(botOptions), read(webOptions), read(discordOptions), read(slackOptions)];
  const workers = read(workersOptions);
  if ([web, discord, slack].every(({ success, data }) => success && data === undefined)) {
    mistakes.push(
      t('WUERST_WEB is off, and neither DISCORD_TOKEN nor SLACK_BOT_TOKEN is set: nobody could ask for anything'),
    );
  }
  if (bot.data?.processes === 0 && workers.success && workers.data === undefined) {
    mistakes.push(t('WUERST_PROCESSES is 0, and WUERST_REDIS is not set: nobody could paint'));
  }
  return { bot, web, discord, slack, workers, mistakes };
}

/**
 * Which pipeline processes the environment asks for.
 *
 * @throws OperatorError `config_invalid`
 */
export function readProcesses(environment: Environment): z.output<typeof processOptions> {
  const { result } = parse(processOptions, processOptions, environment);
  if (result.success) return result.data;
  const wrong = () => parse(processOptions, processOptions, environment).wrong;
  throw new OperatorError('config_invalid', () => `${wrong().join('; ')}.`);
}

/** @param fields the variables of the schema */
function parse<S extends z.ZodType>(schema: S, fields: z.ZodObject, environment: Environment) {
  const set = fieldsOf(fields).map((field) => ({ ...field, value: typedValue(field.variable, environment) }));
  const typed = set.filter(({ value }) => value !== undefined).map(({ key, value }) => [key, value]);
  const result = schema.safeParse(Object.fromEntries(typed));
  const wrong = (result.error?.issues ?? []).map(({ path, message }) => {
    const field = set.find(({ key }) => key === path[0]);
    return field ? mistakeIn(field.variable, field.value, message) : message;
  });
  return { result, wrong };
}

function typedValue({ name }: Variable, environment: Environment): string | undefined {
  return environment[name]?.trim() || undefined;
}

function mistakeIn({ name, option }: Variable, value: string | undefined, message: string): string {
  return option === undefined || value === undefined
    ? `${name}: ${message}`
    : t('{name}: {problem}, got "{value}"', { name, problem: message, value: value.slice(0, 80) });
}

function misspelt(environment: Environment): string[] {
  const names = VARIABLES.map(({ name }) => name);
  return Object.keys(environment).flatMap((name) => {
    if (!name.startsWith('WUERST_') || names.includes(name)) return [];
    const meant = nearest(name, names, 2);
    return meant === null ? [] : [t('{name} is no setting; did you mean {meant}?', { name, meant })];
  });
}
