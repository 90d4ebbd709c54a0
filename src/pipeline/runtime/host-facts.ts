import { readFileSync } from 'node:fs';
import { availableParallelism, freemem } from 'node:os';
import { commandOutput } from '../../system/command-output.ts';

/** The parts of the system that are queried; replaced in tests. */
export interface HostFacts {
  readonly platform: NodeJS.Platform;
  /** A file's text, or `null`. */
  readonly read: (path: string) => string | null;
  /** What a command prints, or `null`. */
  readonly print: (command: string) => string | null;
  readonly freemem: () => number;
  /** Processors that this process may use; no quota is taken into account. */
  readonly processors: () => number;
}

export const SYSTEM: HostFacts = {
  platform: process.platform,
  read: (path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return null;
    }
  },
  print: commandOutput,
  freemem,
  processors: availableParallelism,
};
