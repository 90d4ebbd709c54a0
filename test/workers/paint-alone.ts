import { join } from 'node:path';
import { type Job, pictureSettings } from '../../src/bot/job.ts';
import { EMBEDDED_MODELS } from '../../src/models/model-folder.ts';
import { PipelineClient } from '../../src/pipeline/process/client.ts';
import { REAL_ENGINE } from './worker-process.ts';

/** Paints every picture of these jobs by itself, in a pipeline process of its own. By the job's id and the seed. */
export async function paintAlone(folder: string, jobs: readonly Job[]): Promise<ReadonlyMap<string, Uint8Array>> {
  const client = new PipelineClient({
    engine: REAL_ENGINE,
    load: { model: join(EMBEDDED_MODELS, 'cocktail'), provider: 'cpu', threads: 1, cacheDir: folder },
    lockPath: join(folder, 'pipeline.lock'),
  });
  await client.start();
  const pictures = new Map<string, Uint8Array>();
  for (const { id, request, images } of jobs) {
    for (const { seed } of images) {
      const plan = { index: 0, source: { kind: 'words', seed } as const, stageBSeed: seed, metadata: {} };
      for await (const event of client.generate({ ...pictureSettings(request), images: [plan] })) {
        if (event.type === 'image') pictures.set(`${id} ${seed}`, event.png);
      }
    }
  }
  await client.stop({ deadlineMs: 0 });
  return pictures;
}
