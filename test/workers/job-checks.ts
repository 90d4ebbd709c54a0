import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import sharp from 'sharp';
import type { History } from '../../src/bot/history/history.ts';
import type { Job } from '../../src/bot/job.ts';
import { paintAlone } from './paint-alone.ts';

/** What is not as it should be about how the jobs of a room of the web chat ended, in sentences. */
export function endProblems(history: History, room: string, jobs: readonly Job[]): readonly string[] {
  const events = history.events.since('web', room, 0, 1_000_000);
  return jobs.flatMap((job) => {
    const told = events.filter((event) => event.job.id === job.id).map(({ type }) => type);
    const ends = told.filter((type) => type === 'done' || type === 'failed' || type === 'cancelled');
    const problems = isDeepStrictEqual(ends, [job.state]) ? [] : [`${job.id} is ${job.state}, and ended as ${ends}`];
    if (job.state !== 'done') return problems;
    const indices = job.images.map(({ index }) => index);
    if (indices.length !== job.request.n || new Set(indices).size !== indices.length)
      problems.push(`${job.id} has the pictures ${indices}`);
    if (told.filter((type) => type === 'image').length !== job.request.n) problems.push(`${job.id} told of ${told}`);
    for (const { id, index, seed } of job.images) {
      if (seed !== job.request.seed + BigInt(index)) problems.push(`${id} has the seed ${seed}`);
      if (history.images.file(id)?.state !== 'present') problems.push(`${id} has no file`);
    }
    return problems;
  });
}

/** Paints the pictures of these jobs again, each alone, and compares them. Sentences about those that differ. */
export async function pictureProblems(history: History, folder: string, jobs: readonly Job[]): Promise<string[]> {
  if (jobs.length === 0) return [];
  const own = join(folder, 'alone');
  mkdirSync(own);
  const again = await paintAlone(own, jobs);
  const problems: string[] = [];
  for (const job of jobs) {
    for (const { id, seed } of job.images) {
      const file = history.images.file(id);
      const path = file?.state === 'present' ? file.path : '';
      const alone = again.get(`${job.id} ${seed}`);
      if (alone === undefined || !(await isSame(path, alone)))
        problems.push(`${id} of ${job.id} is another picture than alone`);
    }
  }
  return problems;
}

/** As the seed contract says: at most one value in a thousand differs, and by one at most. */
async function isSame(path: string, png: Uint8Array): Promise<boolean> {
  const [a, b] = await Promise.all([path, png].map((file) => sharp(file).removeAlpha().raw().toBuffer()));
  if (a === undefined || b === undefined || a.length !== b.length) return false;
  let different = 0;
  for (const [i, value] of a.entries()) {
    const by = Math.abs(value - (b[i] ?? 0));
    if (by > 1) return false;
    different += by;
  }
  return different <= a.length / 1000;
}
