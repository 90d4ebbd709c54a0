import { commandOutput } from '../../system/command-output.ts';
import { namesIn } from '../../system/names-in.ts';
import { t } from '../../texts/translate.ts';

/** What onnxruntime's CUDA provider is linked to since 1.27, besides the driver. */
const CUDA_13 = ['libcudart.so.13', 'libcublas.so.13', 'libcublasLt.so.13', 'libcurand.so.10'];
/** Opened by the first convolution. */
const CUDNN_9 = ['libcudnn.so.9'];
const DRIVER = ['libcuda.so.1'];

/**
 * Why CUDA cannot work with the libraries that the dynamic loader finds, with what helps; `null` where none is missing.
 *
 * @see https://github.com/microsoft/onnxruntime/pull/28792 for the change to CUDA 13
 */
export function missingCuda(libraries: ReadonlySet<string>): string | null {
  const missing = (names: readonly string[]) => names.filter((name) => !libraries.has(name)).join(', ');
  if (missing(DRIVER))
    return t(
      "NVIDIA's driver (580 or newer) is not installed: {libraries} is missing; install it, or use the provider webgpu",
      { libraries: missing(DRIVER) },
    );
  if (missing(CUDA_13)) {
    return t(
      'needs CUDA 13 (driver 580 or newer): {libraries} is missing; install the CUDA 13 runtime and name its folder in LD_LIBRARY_PATH, or use the provider webgpu',
      { libraries: missing(CUDA_13) },
    );
  }
  if (missing(CUDNN_9)) {
    return t(
      'needs cuDNN 9 for CUDA 13: {libraries} is missing; install it and name its folder in LD_LIBRARY_PATH, or use the provider webgpu',
      { libraries: missing(CUDNN_9) },
    );
  }
  return null;
}

/** Names of the libraries that the dynamic loader of Linux finds. */
export function loadableLibraries(env: NodeJS.ProcessEnv = process.env): ReadonlySet<string> {
  const cached = (commandOutput('/sbin/ldconfig', ['-p']) ?? '').matchAll(/^\s+(\S+)/gm);
  const folders = [...(env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean), '/usr/lib/wsl/lib'];
  return new Set([...[...cached].map(([, name = '']) => name), ...folders.flatMap(namesIn)]);
}
