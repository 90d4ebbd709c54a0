import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { HubOptions } from '../../src/pipeline/hub/hub-options.ts';
import { temporaryFolder } from '../pipeline/temporary-folder.ts';
import { publishedRepositories } from './checkpoints.ts';
import { type FakeHub, startFakeHub } from './fake-hub.ts';
import { type Answer, callModels } from './models-cli.ts';

export interface Scene {
  readonly hub: FakeHub;
  /** Does not exist yet. */
  readonly modelsDir: string;
  readonly env: NodeJS.ProcessEnv;
  /** `wuerst models …` with this hub and folder. */
  readonly models: (...args: string[]) => Promise<Answer>;
}

/** An empty disk and a hub that has the published model. */
export async function scene(t: TestContext, extra: NodeJS.ProcessEnv = {}, options: HubOptions = {}): Promise<Scene> {
  const hub = await startFakeHub(t, publishedRepositories());
  const modelsDir = join(await temporaryFolder(t), 'models');
  const env = { HF_ENDPOINT: hub.endpoint, WUERST_MODELS: modelsDir, ...extra };
  return { hub, modelsDir, env, models: (...args) => callModels(args, { env, hub: options }) };
}
