import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import { escapeControls } from './printable.ts';

/** The part of a pino logger that most of the program uses. It is never handed a token. */
export interface Logger {
  debug(data: object, message: string): void;
  info(data: object, message: string): void;
  warn(data: object, message: string): void;
  error(data: object, message: string): void;
}

export interface LoggingOptions {
  readonly level: string;
  /** Values that no line may show, wherever they come from. */
  readonly secrets: readonly string[];
  /** @default the standard output */
  readonly destination?: DestinationStream;
}

/** Names of fields that hold secrets, at the depths where libraries put them. */
const FIELDS = ['token', 'authorization', 'cookie', 'password', 'secret', 'botToken', 'appToken', 'signingSecret'];

/** Writes one JSON object per line. Secrets are removed by the name of their field, and by their value anywhere in a line. */
export function createLogger({ level, secrets, destination }: LoggingOptions): PinoLogger {
  // Also in the form that JSON gives them, with escapes.
  const values = [...new Set(secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]))];
  const options = {
    level,
    redact: { paths: FIELDS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '…' },
    hooks: {
      streamWrite: (line: string) =>
        escapeControls(values.reduce((text, value) => (value === '' ? text : text.replaceAll(value, '…')), line)),
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
