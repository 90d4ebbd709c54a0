import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';

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

/** Names of fields that hold secrets, at any place where libraries put them. */
const FIELDS = ['token', 'authorization', 'cookie', 'password', 'secret', 'botToken', 'appToken', 'signingSecret'];

/** One JSON object a line. Secrets are replaced by their field's name and, whole lines long, by their value. */
export function createLogger({ level, secrets, destination }: LoggingOptions): PinoLogger {
  // Also as JSON writes them: with its escapes.
  const values = [...new Set(secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]))];
  const options = {
    level,
    redact: { paths: FIELDS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '…' },
    hooks: {
      streamWrite: (line: string) =>
        values.reduce((text, value) => (value === '' ? text : text.replaceAll(value, '…')), line),
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
