import { execFileSync } from 'node:child_process';
import { childEnvironment } from './child-environment.ts';

/** What a program prints, or `null` if it is missing, fails or takes longer than `ms`. */
export function commandOutput(command: string, args: readonly string[] = [], ms = 2000): string | null {
  try {
    return execFileSync(command, [...args], {
      encoding: 'utf8',
      timeout: ms,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: childEnvironment(process.env),
    });
  } catch {
    return null;
  }
}
