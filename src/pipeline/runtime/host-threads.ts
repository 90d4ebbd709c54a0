import { join } from 'node:path';
import { t } from '../../texts/translate.ts';
import { type ControlGroup, controlGroups } from './control-groups.ts';
import { type HostFacts, SYSTEM } from './host-facts.ts';

/** More can only be asked for by mistake. */
export const MOST_THREADS = 256;

/** How many threads compute. */
export interface HostThreads {
  readonly count: number;
  /** For people. */
  readonly reason: string;
}

/**
 * As many threads as processors that this process may use, and no more than the least CPU quota of its control groups:
 * threads beyond a quota use it up early in each period, and then all of them stand still.
 */
export function hostThreads(facts: Pick<HostFacts, 'platform' | 'read' | 'processors'> = SYSTEM): HostThreads {
  const processors = facts.processors();
  const quotas = controlGroups('cpu', facts).flatMap((group) => cpuQuota(group, facts.read) ?? []);
  const quota = Math.min(...quotas);
  if (quota >= processors) return { count: processors, reason: t('one for each processor that this process may use') };
  const reason = t('the CPU quota of its control group is {quota} of {processors} processors', {
    ...{ quota: Number(quota.toFixed(2)), processors },
  });
  return { count: Math.max(1, Math.floor(quota)), reason };
}

/** In processors; `null` without a limit. */
function cpuQuota({ folder, unified }: ControlGroup, read: HostFacts['read']): number | null {
  const numbers = (name: string) => (read(join(folder, name)) ?? '').trim().split(/\s+/).map(Number);
  const [quota = 0, period = 0] = unified
    ? numbers('cpu.max')
    : [...numbers('cpu.cfs_quota_us'), ...numbers('cpu.cfs_period_us')];
  // No limit is `max` in version 2, -1 in version 1.
  return quota > 0 && period > 0 ? quota / period : null;
}
