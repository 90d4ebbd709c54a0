import { z } from 'zod';

/** One environment variable, for help and options. */
export interface ConfigSetting {
  readonly name: string;
  /** The option of `wuerst start`, e.g. `--web-port <port>`; secrets have none. */
  readonly option: string | null;
  /** One line. */
  readonly help: string;
  /** What it is when it is not set, for people. */
  readonly otherwise: string;
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
const RESIDENCIES = ['auto', 'resident', 'stage'] as const;
const PROVIDERS = ['auto', 'cpu', 'webgpu', 'cuda'] as const;
const PRECISIONS = ['auto', 'fp32', 'fp16', 'int8'] as const;

const port = z
  .string()
  .regex(/^\d{1,5}$/, 'expected a port from 0 to 65535')
  .transform(Number)
  .refine((value) => value <= 65_535, 'expected a port from 0 to 65535');
const address = z.string().refine((text) => URL.canParse(text) && /^https?:/.test(text), 'expected an http(s) address');
const redirect = address.refine(
  (uri) => new URL(uri).pathname.endsWith('/slack/oauth_redirect'),
  'expected an address that ends in /slack/oauth_redirect',
);
const token = z.string().min(16, 'expected at least 16 characters');
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);
const onOff = z
  .string()
  .toLowerCase()
  .pipe(z.enum(['on', 'off', 'yes', 'no', 'true', 'false', '1', '0'], 'expected on or off'))
  .transform((word) => ['on', 'yes', 'true', '1'].includes(word));
const wholeNumber = z
  .string()
  .regex(/^\d{1,9}$/, 'expected a whole number')
  .transform(Number);
const sizes = z.string().transform((text, context) => {
  const all = text.toLowerCase() === 'off' ? [] : text.split(',');
  return all.map((one) => {
    const [, width, height] = /^\s*(\d{2,4})x(\d{2,4})\s*$/i.exec(one) ?? [];
    if (!width || !height)
      context.addIssue({ code: 'custom', message: 'expected sizes such as 1024x1024,1024x1536, or off' });
    return { width: Number(width), height: Number(height) };
  });
});
const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };
const bytes = z
  .string()
  .regex(/^\d+(?:\.\d+)?\s*[KMGT]?B?$/i, 'expected a size such as 20GB')
  .transform((text) => {
    const [, number = '', unit = ''] = /^([\d.]+)\s*([KMGT]?)B?$/i.exec(text) ?? [];
    return Math.round(Number(number) * (UNITS[unit.toUpperCase()] ?? 1));
  });

export interface Entry<T> {
  readonly schema: z.ZodType<T, string>;
  readonly option: string | null;
  readonly help: string;
  readonly otherwise: string;
  readonly secret?: boolean;
}

const entry = <T>(one: Entry<T>): Entry<T> => one;
const text = z.string();

/** Every setting with what it accepts. */
export const ENTRIES = {
  WUERST_DATA: entry({
    schema: text,
    option: '--data <folder>',
    help: 'folder of the database and the pictures',
    otherwise: './wuerst-data',
  }),
  WUERST_MODEL: entry({
    schema: text,
    option: '--model <folder>',
    help: 'model folder',
    otherwise: 'what `wuerst models use` chose',
  }),
  WUERST_MODELS: entry({
    schema: text,
    option: '--models <folder>',
    help: 'folder that models are pulled to',
    otherwise: 'the embedded one',
  }),
  WUERST_PROVIDER: entry({
    schema: z.enum(PROVIDERS, `expected ${PROVIDERS.join(', ')}`) as z.ZodType<string, string>,
    option: '--provider <name>',
    help: `where to compute: ${PROVIDERS.join(', ')}`,
    otherwise: 'auto',
  }),
  WUERST_PRECISION: entry({
    schema: z.enum(PRECISIONS, `expected ${PRECISIONS.join(', ')}`) as z.ZodType<string, string>,
    option: '--precision <name>',
    help: `of weights and products: ${PRECISIONS.join(', ')}`,
    otherwise: 'auto',
  }),
  WUERST_RESIDENCY: entry({
    schema: z.enum(RESIDENCIES, `expected ${RESIDENCIES.join(', ')}`) as z.ZodType<
      (typeof RESIDENCIES)[number],
      string
    >,
    option: '--residency <kind>',
    help: 'keep all networks loaded (resident), one at a time (stage), or what the free memory admits (auto)',
    otherwise: 'auto',
  }),
  WUERST_WARM_UP: entry({
    schema: sizes as z.ZodType<readonly { readonly width: number; readonly height: number }[], string>,
    option: '--warm-up <sizes>',
    help: 'sizes to make ready for at start, such as 1024x1024,1024x1536, so that no request waits for it; or off',
    otherwise: '1024x1024 on GPUs',
  }),
  WUERST_DEVICE: entry({
    schema: wholeNumber,
    option: '--device <number>',
    help: 'which GPU CUDA computes on, as nvidia-smi counts them',
    otherwise: '0',
  }),
  WUERST_LOG_LEVEL: entry({
    schema: z.enum(LOG_LEVELS, `expected ${LOG_LEVELS.join(', ')}`) as z.ZodType<(typeof LOG_LEVELS)[number], string>,
    option: '--log-level <level>',
    help: LOG_LEVELS.join(', '),
    otherwise: 'info',
  }),
  WUERST_DRAIN_SECONDS: entry({
    schema: wholeNumber,
    option: '--drain-seconds <seconds>',
    help: 'how long the running job may go on when the bot is stopped',
    otherwise: '20',
  }),
  WUERST_KEEP_DAYS: entry({
    schema: wholeNumber.refine((value) => value >= 1, 'expected at least 1'),
    option: '--keep-days <days>',
    help: 'how long picture files are kept; later they are made again from their recipe',
    otherwise: 'for ever',
  }),
  WUERST_KEEP_BYTES: entry({
    schema: bytes,
    option: '--keep-bytes <size>',
    help: 'how much room picture files may take, such as 20GB; the oldest go first',
    otherwise: 'no limit',
  }),
  WUERST_WEB: entry({
    schema: onOff,
    option: '--web <on|off>',
    help: 'the chat in the browser',
    otherwise: 'on',
  }),
  WUERST_WEB_HOST: entry({
    schema: text,
    option: '--web-host <address>',
    help: 'address that the web chat listens on; any but this machine needs WUERST_WEB_TOKEN',
    otherwise: '127.0.0.1',
  }),
  WUERST_WEB_PORT: entry({
    schema: port,
    option: '--web-port <port>',
    help: 'its port; 0 takes any free one',
    otherwise: '3210',
  }),
  WUERST_WEB_HOSTNAMES: entry({
    schema: list,
    option: '--web-hostnames <names>',
    help: 'further names under which the page may be opened, with commas',
    otherwise: 'none',
  }),
  WUERST_WEB_ADULT_ROOMS: entry({
    schema: list,
    option: '--web-adult-rooms <rooms>',
    help: 'rooms of the web chat that admit adults only, with commas',
    otherwise: 'none',
  }),
  WUERST_WEB_TOKEN: entry({
    schema: token,
    option: null,
    secret: true,
    help: 'what people must know to use the web chat',
    otherwise: 'nobody is asked',
  }),
  WUERST_WEB_ADMIN_TOKEN: entry({
    schema: token,
    option: null,
    secret: true,
    help: 'the same for admins',
    otherwise: 'nobody is admin where there is a token, else everyone',
  }),
  DISCORD_TOKEN: entry({
    schema: text,
    option: null,
    secret: true,
    help: 'bot token; Discord is served when it is set',
    otherwise: 'without Discord',
  }),
  DISCORD_GUILD_ID: entry({
    schema: z.string().regex(/^\d{5,20}$/, 'expected the id of a server: digits'),
    option: '--discord-guild-id <id>',
    help: 'register the commands in this server only',
    otherwise: 'everywhere',
  }),
  DISCORD_API_BASE: entry({
    schema: address,
    option: '--discord-api-base <url>',
    help: 'another server that speaks the API of Discord',
    otherwise: 'https://discord.com/api',
  }),
  SLACK_BOT_TOKEN: entry({
    schema: z.string().startsWith('xoxb-', 'expected a bot token, which starts with "xoxb-"'),
    option: null,
    secret: true,
    help: 'bot token; serves one workspace of Slack',
    otherwise: 'without Slack, unless SLACK_CLIENT_ID is set',
  }),
  SLACK_APP_TOKEN: entry({
    schema: z.string().startsWith('xapp-', 'expected an app-level token, which starts with "xapp-"'),
    option: null,
    secret: true,
    help: 'app-level token for Socket Mode',
    otherwise: 'Slack comes over HTTP',
  }),
  SLACK_SIGNING_SECRET: entry({
    schema: text,
    option: null,
    secret: true,
    help: 'shows that HTTP requests come from Slack',
    otherwise: 'Socket Mode is needed',
  }),
  SLACK_API_URL: entry({
    schema: address,
    option: '--slack-api-url <url>',
    help: 'another server that speaks the API of Slack',
    otherwise: 'https://slack.com/api/',
  }),
  SLACK_PORT: entry({
    schema: port,
    option: '--slack-port <port>',
    help: 'port for HTTP requests from Slack, and for installations through the browser',
    otherwise: '3000',
  }),
  SLACK_CLIENT_ID: entry({
    schema: z.string().regex(/^\d+\.\d+$/, 'expected a client ID such as 123456.789012'),
    option: '--slack-client-id <id>',
    help: 'serves every workspace that installs the app through the browser, in place of SLACK_BOT_TOKEN',
    otherwise: 'one workspace',
  }),
  SLACK_CLIENT_SECRET: entry({
    schema: text,
    option: null,
    secret: true,
    help: 'goes with SLACK_CLIENT_ID',
    otherwise: 'one workspace of Slack',
  }),
  SLACK_STATE_SECRET: entry({
    schema: token,
    option: null,
    secret: true,
    help: 'any random text; signs what travels through the browser during an installation',
    otherwise: 'one workspace of Slack',
  }),
  SLACK_REDIRECT_URI: entry({
    schema: redirect,
    option: '--slack-redirect-uri <url>',
    help: 'where Slack sends the browser after an installation, ending in /slack/oauth_redirect',
    otherwise: 'the first one that the app names',
  }),
};
