/**
 * `node placement-child.js <model folder> <provider> <precision>`: creates every session of a picture, one network at a time,
 * while onnxruntime writes where it puts each node. It writes that to the standard error itself, so this is a process apart.
 */
import { writeSync } from 'node:fs';
import * as z from 'zod';
import { PRECISIONS } from '../pipeline/checkpoint/weight-recipe.ts';
import { WuerstchenCombinedPipeline } from '../pipeline/pipelines/combined-pipeline.ts';
import { placementMark } from '../pipeline/runtime/placement.ts';
import { PROVIDERS } from '../pipeline/runtime/providers.ts';

const STDERR = 2;
const arguments_ = z.tuple([z.string(), z.enum(PROVIDERS), z.enum(['auto', ...PRECISIONS])]);
const [folder, provider, precision] = arguments_.parse(process.argv.slice(2));
const pipeline = await WuerstchenCombinedPipeline.fromPretrained(folder, {
  ...{ provider, precision, residency: 'stage', verbose: true },
  onBlocking: ({ kind, graph }) => {
    if (kind === 'create') writeSync(STDERR, placementMark(graph));
  },
});
for (const network of pipeline.networks) {
  await network.preload();
  await network.release();
}
