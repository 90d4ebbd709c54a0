import { cpus, hostname } from 'node:os';
import { nvidiaSmi, visibleDevice } from './device-memory.ts';
import { driverIdentity } from './driver-identity.ts';
import { SYSTEM } from './host-facts.ts';
import type { Provider } from './providers.ts';

/** Instructions that onnxruntime has products of its own for. */
const INSTRUCTIONS = /^(avx2|avx512(f|bw|dq|vl|_vnni|_bf16)|avx_vnni|amx_\w+|asimd\w*|i8mm|bf16|sve2?)$/;

/** What is asked; replaced in tests. */
export interface DeviceFacts {
  readonly gpu: (device: number | undefined) => string | null;
  readonly drivers: () => string | null;
  readonly processor: () => string;
  readonly host: () => string;
}

const HERE: DeviceFacts = { gpu: gpuModel, drivers: driverIdentity, processor: processorModel, host: hostname };

/**
 * What computes, as far as the last digits of numbers depend on it beside provider and precision: equal on two machines whose
 * pictures are the same. What nobody tells is taken to be like nothing elsewhere.
 *
 * - *cuda*: the model of the GPU. Its generation decides which products and which attention run.
 * - *webgpu*: GPUs and drivers of the machine, which compile the shaders.
 * - *cpu*: the processor's model and instructions.
 */
export function deviceKind(provider: Provider, device?: number | undefined, facts: DeviceFacts = HERE): string {
  if (provider === 'cpu') return facts.processor();
  const found = provider === 'cuda' ? facts.gpu(device) : facts.drivers()?.slice(0, 16);
  return found || `a GPU of ${facts.host()}`;
}

function gpuModel(device: number | undefined): string | null {
  const id = visibleDevice(device);
  return nvidiaSmi(['--query-gpu=name', '--format=csv,noheader', `--id=${id}`])?.trim() ?? null;
}

function processorModel(): string {
  const flags = /^(?:flags|Features)\s*:\s*(.+)$/m.exec(SYSTEM.read('/proc/cpuinfo') ?? '')?.[1] ?? '';
  const known = [...new Set(flags.split(/\s+/).filter((flag) => INSTRUCTIONS.test(flag)))].toSorted();
  return [cpus()[0]?.model.trim() || process.arch, ...known].join(' ');
}
