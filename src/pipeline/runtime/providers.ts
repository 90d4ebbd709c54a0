import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type InferenceSession, listSupportedBackends } from 'onnxruntime-node';
import { OperatorError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import { loadableLibraries, missingCuda } from './cuda-libraries.ts';

// onnxruntime sends telemetry unless told not to, and pictures painted here are nobody else's business. It reads this
// when the first session is created.
process.env.ORT_DISABLE_TELEMETRY ??= '1';

export type Provider = 'cuda' | 'webgpu' | 'cpu';
export const PROVIDERS: readonly Provider[] = ['cuda', 'webgpu', 'cpu'];

/** Whether a provider works here, and why not. */
export interface ProviderReport {
  readonly provider: Provider;
  readonly works: boolean;
  /** Whether the fused attention operator computes right numbers here; otherwise graphs do without. */
  readonly fusedAttention: boolean;
  readonly reason: string;
}

export function unusable(provider: Provider, reason: string): ProviderReport {
  return { provider, works: false, fusedAttention: false, reason };
}

/** What can be seen of a machine without touching its GPU. */
export interface Machine {
  readonly platform: string;
  /** Names of the providers that this build of onnxruntime-node knows. */
  readonly backends: readonly string[];
  readonly exists: (path: string) => boolean;
  /** Names of the libraries that the dynamic loader finds; asked only where there is an NVIDIA device. */
  readonly libraries: () => ReadonlySet<string>;
  /** Names in `/dev/dri`. */
  readonly dri: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function thisMachine(): Machine {
  return {
    platform: `${process.platform}-${process.arch}`,
    backends: listSupportedBackends().map(({ name }) => name),
    exists: existsSync,
    libraries: loadableLibraries,
    dri: existsSync('/dev/dri') ? readdirSync('/dev/dri') : [],
    env: process.env,
  };
}

/** Folder of onnxruntime's own libraries, and of the CUDA libraries once they are fetched. */
export function librariesFolder(): string {
  const root = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  return join(root, 'bin/napi-v6', process.platform, process.arch);
}

export const CUDA_LIBRARY = 'libonnxruntime_providers_cuda.so';

/** Why a provider cannot work, as far as that is known without the costly attempt, else `null`. */
export function reasonAgainst(provider: Provider, machine: Machine): string | null {
  if (provider === 'cpu') return null;
  if (!machine.backends.includes(provider)) {
    return t('onnxruntime-node has no {provider} provider for {platform}', { provider, platform: machine.platform });
  }
  if (!machine.platform.startsWith('linux')) return null;
  const nvidia = machine.exists('/dev/nvidia0') || machine.exists('/dev/dxg');
  if (provider === 'cuda') {
    if (!nvidia) return t('no NVIDIA device here (/dev/nvidia0 and /dev/dxg are missing)');
    if (machine.exists(join(librariesFolder(), CUDA_LIBRARY))) return missingCuda(machine.libraries());
    return t('onnxruntime\'s CUDA libraries are not installed: run "{command}"', {
      command: 'wuerst doctor --install-cuda',
    });
  }
  const hasNode = machine.dri.some((name) => name.startsWith('render'));
  if (hasNode || nvidia || machine.env.VK_DRIVER_FILES || machine.env.VK_ICD_FILENAMES) return null;
  return t('no GPU here (/dev/dri has no render node), and VK_DRIVER_FILES names no Vulkan driver');
}

/**
 * A provider as a session takes it.
 *
 * @param device number of the GPU, as `nvidia-smi` counts them
 */
export function executionProvider(
  provider: Provider,
  device: number | undefined,
): InferenceSession.ExecutionProviderConfig {
  return provider === 'cuda' && device !== undefined ? { name: 'cuda', deviceId: device } : provider;
}

/** The highest number of a GPU. */
export const MOST_DEVICE = 255;

/** @throws OperatorError `device_invalid`, `device_not_selectable` */
export function checkDevice(device: number | undefined, provider: Provider | 'auto'): number | undefined {
  if (device === undefined) return undefined;
  if (!Number.isInteger(device) || device < 0 || device > MOST_DEVICE) {
    throw new OperatorError(
      'device_invalid',
      () =>
        t('Expected a device to be a whole number from 0 to {most}, got {device}.', {
          most: MOST_DEVICE,
          device,
        }),
      {
        hint: () => t('Devices are counted as nvidia-smi counts them, for example WUERST_DEVICE=1.'),
      },
    );
  }
  if (provider === 'auto' || provider === 'cuda') return device;
  throw new OperatorError(
    'device_not_selectable',
    () => t('A device can be chosen for CUDA, not for {provider}.', { provider }),
    {
      hint: () => t('Leave WUERST_DEVICE out, or set WUERST_PROVIDER=cuda.'),
    },
  );
}

export function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]?.trim() ?? '';
}
