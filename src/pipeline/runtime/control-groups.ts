import { join } from 'node:path';
import type { HostFacts } from './host-facts.ts';

/** A control group that limits this process. */
export interface ControlGroup {
  /** Of its files. */
  readonly folder: string;
  /** Version 2, where all controllers share one hierarchy. */
  readonly unified: boolean;
}

const CGROUPS = '/sys/fs/cgroup';

/**
 * The control groups of a controller that apply to this process, from its own up to the root, as far as they can be
 * seen from here. Folders that do not exist may be among them.
 *
 * @param controller `memory` or `cpu`
 */
export function controlGroups(controller: string, { platform, read }: Pick<HostFacts, 'platform' | 'read'>) {
  if (platform !== 'linux') return [];
  const mounts = mountedHierarchies(read('/proc/self/mountinfo') ?? '');
  const groups = (read('/proc/self/cgroup') ?? '').split('\n').map((line) => line.split(':'));
  return groups.flatMap(([, names, path = '/']): ControlGroup[] => {
    if (names === undefined) return [];
    const unified = names === '';
    if (!unified && !names.split(',').includes(controller)) return [];
    const places = unified ? [CGROUPS] : [join(CGROUPS, controller), join(CGROUPS, names)];
    const folders = [
      // In a container the path may be that of the host, with only the group itself mounted, as the root.
      ...places.flatMap((place) => ancestors(path).map((folder) => join(place, folder))),
      ...mounts
        .filter((mount) => (unified ? mount.unified : mount.options.includes(controller)))
        .flatMap(({ root, at }) => ancestors(below(root, path)).map((folder) => join(at, folder))),
    ];
    return [...new Set(folders)].map((folder) => ({ folder, unified }));
  });
}

/** Each line of mountinfo: `36 35 98:0 <root in the hierarchy> <mount point> … - cgroup2 cgroup2 <options>`. */
function mountedHierarchies(mountinfo: string) {
  return mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [type = '', , options = ''] = after.split(' ');
    const [, , , root, at] = before.split(' ');
    if (!type.startsWith('cgroup') || root === undefined || at === undefined) return [];
    return [{ root, at, unified: type === 'cgroup2', options: options.split(',') }];
  });
}

function below(root: string, path: string): string {
  return path === root || path.startsWith(`${root}/`) ? path.slice(root.length) : path;
}

function ancestors(path: string): string[] {
  const parts = path.split('/').filter(Boolean);
  return Array.from({ length: parts.length + 1 }, (_, i) => parts.slice(0, parts.length - i).join('/'));
}
