import { join } from 'node:path';
import { translatable } from '../../texts/translate.ts';
import { type ControlGroup, controlGroups } from './control-groups.ts';
import { type HostFacts, SYSTEM } from './host-facts.ts';

/** Memory that is still available, and what limits it. */
export interface FreeMemory {
  /** Bytes. */
  readonly bytes: number;
  /** For people, e.g. `this machine` or `the limit of this container`. */
  readonly of: string;
}

/**
 * The least of the machine's free memory, the limits of this process's control groups and the room in its address
 * space. Pages that only cache files count as free: weights are mapped files, so a machine that has loaded a
 * model before has little else.
 */
export function hostMemory(facts: HostFacts = SYSTEM): FreeMemory {
  const candidates = [machineMemory(facts), ...cgroupMemory(facts), ...addressSpace(facts)];
  return candidates.reduce((least, one) => (one.bytes < least.bytes ? one : least));
}

/** As `hostMemory`, of a process that may take so many bytes in all: other processes of this program have the rest. */
export function memoryWithin(budget: number, facts: HostFacts = SYSTEM): FreeMemory {
  const free = hostMemory(facts);
  const left = Math.max(0, budget - ownMemory(facts));
  return left < free.bytes ? { bytes: left, of: translatable('the part of this process') } : free;
}

/** Bytes that this process takes, without mapped files where the system tells them apart: weights count as free, as they do for the machine. */
export function ownMemory({ platform, read }: HostFacts = SYSTEM): number {
  const anonymous = /^RssAnon:\s+(\d+) kB/m.exec((platform === 'linux' && read('/proc/self/status')) || '');
  return anonymous ? Number(anonymous[1]) * 1024 : process.memoryUsage.rss();
}

function machineMemory({ platform, read, print, freemem }: HostFacts): FreeMemory {
  const of = 'this machine';
  const available = /^MemAvailable:\s+(\d+) kB/m.exec((platform === 'linux' && read('/proc/meminfo')) || '');
  if (available) return { bytes: Number(available[1]) * 1024, of };
  const pages = platform === 'darwin' ? macPages(print('vm_stat')) : null;
  return { bytes: pages ?? freemem(), of };
}

/** macOS counts only memory that was never used as free; memory that it can reclaim at once is listed separately. */
function macPages(text: string | null): number | null {
  const size = Number(/page size of (\d+) bytes/.exec(text ?? '')?.[1] ?? Number.NaN);
  const count = (kind: string) => Number(new RegExp(`^Pages ${kind}:\\s+(\\d+)`, 'm').exec(text ?? '')?.[1] ?? 0);
  const pages = count('free') + count('inactive') + count('speculative') + count('purgeable');
  return Number.isFinite(size) && pages > 0 ? pages * size : null;
}

/** Of every control group from that of this process up to the root. */
function cgroupMemory(facts: HostFacts): FreeMemory[] {
  return controlGroups('memory', facts).flatMap((group) => groupMemory(group, facts.read) ?? []);
}

function groupMemory({ folder, unified }: ControlGroup, read: HostFacts['read']): FreeMemory | null {
  const number = (name: string) => Number.parseInt(read(join(folder, name)) ?? '', 10);
  const [limit, used] = unified
    ? [number('memory.max'), number('memory.current')]
    : [number('memory.limit_in_bytes'), number('memory.usage_in_bytes')];
  // `max` and no file at all are no numbers; version 1 writes "no limit" as nearly 2^63.
  if (!Number.isFinite(limit) || !Number.isFinite(used) || limit > 2 ** 60) return null;
  const stat = read(join(folder, 'memory.stat')) ?? '';
  const prefix = unified ? '' : 'total_';
  const cached = ['inactive_file', 'active_file'].map((key) =>
    Number(new RegExp(`^${prefix}${key} (\\d+)`, 'm').exec(stat)?.[1] ?? 0),
  );
  const bytes = limit - used + cached.reduce((sum, part) => sum + part, 0);
  return { bytes: Math.max(0, bytes), of: translatable('the memory limit of its control group') };
}

/** `ulimit -v`. */
function addressSpace({ platform, read }: HostFacts): FreeMemory[] {
  if (platform !== 'linux') return [];
  const limit = Number(/^Max address space\s+(\d+)/m.exec(read('/proc/self/limits') ?? '')?.[1] ?? Number.NaN);
  const size = Number(/^VmSize:\s+(\d+) kB/m.exec(read('/proc/self/status') ?? '')?.[1] ?? Number.NaN) * 1024;
  if (!Number.isFinite(limit) || !Number.isFinite(size)) return [];
  return [{ bytes: Math.max(0, limit - size), of: translatable('the address space limit of this process') }];
}
