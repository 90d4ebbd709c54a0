import { type Logger as BoltLogger, LogLevel } from '@slack/bolt';
import type { Logger } from '../../../system/logging.ts';

/** Text without tokens, and without addresses that grant the same access. */
export function withoutSecrets(text: string): string {
  return text
    .replace(/\b(x(?:ox[a-z]|app|oxe\.xox[a-z]))-[\w-]+/g, '$1-…')
    .replace(/\bhttps?:\/\/\S+\/(?:commands|actions|upload)\/\S+/g, '…')
    .replace(/\bwss?:\/\/\S+/g, '…');
}

/** A logger for Bolt: only its warnings and errors, at debug level, since the adapter reports what matters. */
export function boltLogger(logger: Logger): BoltLogger {
  const line = (parts: readonly unknown[]) =>
    withoutSecrets(parts.map((part) => (part instanceof Error ? part.message : String(part))).join(' '));
  return {
    debug: () => undefined,
    info: () => undefined,
    warn: (...parts) => logger.debug({ said: line(parts) }, 'slack: library warning'),
    error: (...parts) => logger.debug({ said: line(parts) }, 'slack: library error'),
    setLevel: () => undefined,
    getLevel: () => LogLevel.WARN,
    setName: () => undefined,
  };
}
