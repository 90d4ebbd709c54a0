import { userInfo } from 'node:os';
import type { Actor } from '../bot/history/audit.ts';

/** Who is at this terminal, for the record of who changed what. */
export function terminalActor(): Actor {
  return { surface: 'terminal', user: nameOfUser() };
}

/** A container may run under a number that has no name. */
function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
