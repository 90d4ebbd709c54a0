import { OperatorError } from '../../system/errors.ts';
import { t, translatable } from '../../texts/translate.ts';
import type { LoadOptions } from '../process/protocol.ts';
import { cudaDevices } from './device-memory.ts';
import { hostMemory } from './host-memory.ts';
import { hostThreads } from './host-threads.ts';
import { reasonAgainst, thisMachine } from './providers.ts';

/** Which pipeline processes an operator wants on this machine. */
export interface ProcessesWanted {
  readonly provider: string;
  /** GPUs for CUDA, as `nvidia-smi` counts them: a process for each. @default one process, on the provider's first */
  readonly devices?: readonly number[] | 'auto' | undefined;
  /** Processes that share the processor; 0 for none at all. @default 1 */
  readonly processes?: number | undefined;
  /** Of the processor, for all processes together. @default `hostThreads` */
  readonly threads?: number | undefined;
}

/** One process, with its part of the machine. */
export interface ProcessPlan {
  /** Unique on this machine. */
  readonly id: string;
  /** For people. */
  readonly name: string;
  /** What else than weights and provider its speed depends on. @default it has the machine to itself */
  readonly hardware?: string;
  readonly load: Pick<LoadOptions, 'provider' | 'device' | 'threads' | 'memoryBudget'>;
}

/** What there is to share; replaced in tests. */
export interface Shared {
  /** Numbers of the GPUs that CUDA can use. */
  readonly devices: () => readonly number[];
  readonly threads: () => number;
  /** Bytes that are free. */
  readonly memory: () => number;
}

const HERE: Shared = {
  devices: () => (reasonAgainst('cuda', thisMachine()) === null ? cudaDevices() : []),
  threads: () => hostThreads().count,
  memory: () => hostMemory().bytes,
};

/**
 * The pipeline processes to start: one for each GPU, or so many on the processor, which share its threads and the memory
 * that is free now; else one that has all.
 *
 * @throws OperatorError `processes_invalid`
 */
export function planProcesses(wanted: ProcessesWanted, shared: Shared = HERE): readonly ProcessPlan[] {
  const { provider, threads, processes = 1 } = wanted;
  if (processes === 0) return [];
  const devices = devicesOf(wanted, shared);
  if (processes > 1) return onProcessor(wanted, processes, shared);
  if (devices.length < 2)
    return [{ id: 'here', name: translatable('this machine'), load: { provider, device: devices[0], threads } }];
  const each = Math.max(1, Math.floor((threads ?? shared.threads()) / devices.length));
  // A GPU that does not work must not become one more process on the processor.
  const chosen = provider === 'auto' ? 'cuda' : provider;
  return devices.map((device) => ({
    ...{ id: `gpu-${device}`, name: `GPU ${device}`, hardware: `gpu ${device}` },
    load: { provider: chosen, device, threads: each },
  }));
}

/** Empty where the provider chooses. */
function devicesOf({ provider, devices = [] }: ProcessesWanted, shared: Shared): readonly number[] {
  if (devices !== 'auto') return devices;
  const found = provider === 'auto' || provider === 'cuda' ? shared.devices() : [];
  return found.length > 1 ? found : [];
}

function onProcessor({ provider, devices, threads }: ProcessesWanted, processes: number, shared: Shared) {
  if (devices !== undefined || (provider !== 'auto' && provider !== 'cpu')) {
    throw new OperatorError(
      'processes_invalid',
      () =>
        devices === undefined
          ? t('WUERST_PROCESSES={processes} is for the processor, and the provider is {provider}.', {
              ...{ processes, provider },
            })
          : t('WUERST_PROCESSES={processes} is for the processor, and WUERST_DEVICE names GPUs.', { processes }),
      {
        hint: () =>
          t(
            'Leave WUERST_PROCESSES out: each GPU that WUERST_DEVICE names has a process, for example WUERST_DEVICE=0,1.',
          ),
      },
    );
  }
  const all = threads ?? shared.threads();
  if (processes > all) {
    throw new OperatorError(
      'processes_invalid',
      () =>
        t(
          'WUERST_PROCESSES={processes} are more processes than the {count} thread that they would share. | WUERST_PROCESSES={processes} are more processes than the {count} threads that they would share.',
          { processes, count: all },
        ),
      { hint: () => t('At most WUERST_PROCESSES={all}.', { all }) },
    );
  }
  const memoryBudget = Math.floor(shared.memory() / processes);
  return Array.from({ length: processes }, (_, index): ProcessPlan => {
    // The first ones have what cannot be shared out evenly.
    const own = Math.floor(all / processes) + (index < all % processes ? 1 : 0);
    const name = `process ${index + 1} of ${processes}`;
    return {
      id: `cpu-${index}`,
      name,
      hardware: `${own} threads`,
      load: { provider: 'cpu', threads: own, memoryBudget },
    };
  });
}
