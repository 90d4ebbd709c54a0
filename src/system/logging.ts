import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import { prettyLine } from './pretty-log.ts';
import { escapeControls } from './printable.ts';

/** The part of a pino logger that most of the program uses. It is never handed a token. */
export interface Logger {
  debug(data: object, message: string): void;
  info(data: object, message: string): void;
  warn(data: object, message: string): void;
  error(data: object, message: string): void;
}

/** `auto` is `pretty` in a terminal and `json` elsewhere. */
export const LOG_FORMATS = ['auto', 'pretty', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface LoggingOptions {
  readonly level: string;
  /** @default 'auto' */
  readonly format?: LogFormat;
  /** Values that no line may show, wherever they come from. */
  readonly secrets: readonly string[];
  /** @default the standard output */
  readonly destination?: DestinationStream;
}

/** Names of fields that hold secrets, at the depths where libraries put them. */
const FIELDS = ['token', 'authorization', 'cookie', 'password', 'secret', 'botToken', 'appToken', 'signingSecret'];

/** Writes one JSON object per line, or lines for people. Secrets are removed by the name of their field, and by their value anywhere in a line. */
export function createLogger({ level, format = 'auto', secrets, destination }: LoggingOptions): PinoLogger {
  // Also in the form that JSON gives them, with escapes.
  const values = [...new Set(secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]))];
  const redacted = (line: string) =>
    values.reduce((text, value) => (value === '' ? text : text.replaceAll(value, '…')), line);
  const options = {
    level,
    redact: { paths: FIELDS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '…' },
    hooks: { streamWrite: (line: string) => escapeControls(redacted(line)) },
  };
  const inTerminal = destination === undefined && process.stdout.isTTY;
  if (format === 'json' || (format === 'auto' && !inTerminal)) {
    return destination === undefined ? pino(options) : pino(options, destination);
  }
  const out: DestinationStream = destination ?? process.stdout;
  const colours = inTerminal && process.stdout.hasColors();
  // Once more: a secret may be whole only without the control characters that stood in it.
  return pino(options, { write: (line) => out.write(redacted(prettyLine(line, colours))) });
}
