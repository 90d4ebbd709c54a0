import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../../system/cache-folder.ts';
import { writeJson } from '../../system/write-json.ts';
import { z } from '../../system/zod-mini.ts';
import { PROVIDERS, type ProviderReport } from './providers.ts';

const MOST = 20;
const schema = z.record(
  z.string(),
  z.object({ provider: z.enum(PROVIDERS), works: z.literal(true), fusedAttention: z.boolean(), reason: z.string() }),
);

/** Reports of providers that were tried here, by a key that names device, driver and versions. Anything wrong is as nothing. */
export class KeptReports {
  readonly #path: string;

  constructor(folder = cacheFolder()) {
    this.#path = join(folder, 'providers.json');
  }

  async find(key: string): Promise<ProviderReport | undefined> {
    return (await this.#read())[key];
  }

  /** Only what works is kept: what does not may be mended at any time. */
  async keep(key: string, report: ProviderReport): Promise<void> {
    if (!report.works) return;
    try {
      await mkdir(dirname(this.#path), { recursive: true });
      const others = Object.entries(await this.#read()).filter(([other]) => other !== key);
      await writeJson(this.#path, Object.fromEntries([...others.slice(1 - MOST), [key, report]]));
    } catch {
      // Without a place to keep it, it is tried again.
    }
  }

  async #read(): Promise<Readonly<Record<string, ProviderReport>>> {
    try {
      return schema.parse(JSON.parse(await readFile(this.#path, 'utf8')));
    } catch {
      return {};
    }
  }
}
