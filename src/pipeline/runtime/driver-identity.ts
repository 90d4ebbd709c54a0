import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { release } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { namesIn } from '../../system/names-in.ts';
import { SYSTEM } from './host-facts.ts';

const ICD_FOLDERS = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'];
const LIBRARY_FOLDERS = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
  '/usr/lib/wsl/lib',
];

/**
 * What tells the GPUs and drivers of this machine from others, as a hash: its devices, NVIDIA's driver, and the Vulkan
 * drivers with their libraries. `null` where that cannot be seen: only Linux shows it as files.
 */
export function driverIdentity(env: NodeJS.ProcessEnv = process.env): string | null {
  if (process.platform !== 'linux') return null;
  const devices = namesIn('/sys/class/drm').flatMap((name) =>
    ['vendor', 'device', 'revision'].map((file) => textOf(join('/sys/class/drm', name, 'device', file))),
  );
  const given = env.VK_DRIVER_FILES ?? env.VK_ICD_FILENAMES;
  const manifests = given
    ? given.split(':')
    : ICD_FOLDERS.flatMap((folder) => namesIn(folder).map((name) => join(folder, name)));
  const drivers = manifests.flatMap((path) => {
    const text = textOf(path);
    const library = /"library_path"\s*:\s*"([^"]+)"/.exec(text)?.[1] ?? '';
    const places = isAbsolute(library) ? [library] : LIBRARY_FOLDERS.map((folder) => join(folder, library));
    return [path, text, ...places.map(stampOf)];
  });
  const settings = Object.entries(env).filter(([name]) =>
    /^(VK_|MESA_|LP_|DRI_|CUDA_|NVIDIA_|LD_LIBRARY_PATH$)/.test(name),
  );
  const parts = [release(), textOf('/proc/driver/nvidia/version'), devices, drivers, settings.toSorted()];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${path} ${stat.size} ${stat.mtimeMs}` : '';
}

function textOf(path: string): string {
  return SYSTEM.read(path) ?? '';
}
