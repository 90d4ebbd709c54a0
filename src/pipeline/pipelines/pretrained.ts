import { existsSync } from 'node:fs';
import { isRepositoryName } from '../checkpoint/model-card.ts';
import type { PipelineValues } from '../checkpoint/model-index.ts';
import type { HubAccess, Wanted } from '../hub/pretrained.ts';
import type { Runtime, RuntimeOptions } from '../runtime/runtime.ts';

/** How a pipeline is opened, and how it is fetched where a repository of the hub is named. */
export interface PretrainedOptions extends RuntimeOptions, Omit<HubAccess, 'signal'> {
  /** Shared with other pipelines; the other runtime options do not count then. */
  readonly runtime?: Runtime | undefined;
  /**
   * Whether all weights are checked against config.json now. If not, the caller calls `check` later, for example after the
   * first step, which then comes sooner; missing weights are also reported when they are first used. @default true
   */
  readonly check?: boolean | undefined;
  /**
   * Where repositories are fetched to, and where hashes of a model are kept whose own folder cannot be written. @default the
   * folder of Python's hub client (`HF_HUB_CACHE`, `HF_HOME`), and `wuerst` in the user's cache folder
   */
  readonly cacheDir?: string | undefined;
  /** Overrides numbers of model_index.json. */
  readonly pipelineValues?: Partial<PipelineValues> | undefined;
}

/** The folder of that name, or that of the repository of that name, which is fetched if it is not there. */
export async function folderOf(name: string, wanted: Wanted, options: PretrainedOptions): Promise<string> {
  if (existsSync(name) || !isRepositoryName(name)) return name;
  // Loaded on demand: painting from a folder does without.
  const { fetchPretrained } = await import('../hub/pretrained.ts');
  return fetchPretrained(name, wanted, options);
}
