import { readFileSync } from 'node:fs';

/** How many processes of this machine the system has killed for want of memory; `undefined` where it does not tell. */
export function oomKills(): number | undefined {
  try {
    const [, count] = /^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8')) ?? [];
    return count === undefined ? undefined : Number(count);
  } catch {
    return undefined;
  }
}
