import { TorchGenerator } from '../math/generator.ts';
import type { WuerstchenCombinedPipeline } from '../pipelines/combined-pipeline.ts';
import type { WarmUp } from '../process/protocol.ts';

const USUAL = [{ width: 1024, height: 1024 }];

/**
 * Paints one step of each size in the same way as a request: accelerators compile kernels, choose algorithms and
 * allocate memory when they first see a shape.
 *
 * @returns what was done, for people
 */
export async function warmUp(pipeline: WuerstchenCombinedPipeline, asked: WarmUp = 'auto'): Promise<string> {
  const { runtime } = pipeline;
  const sizes = asked === 'auto' ? (runtime.provider === 'cpu' ? [] : USUAL) : asked;
  if (sizes.length === 0) return asked === 'auto' ? 'nothing: processors need no warming up' : 'nothing: not asked for';
  if (runtime.residency !== 'resident')
    return 'nothing: networks that come and go would have to be warmed up each time';
  const start = performance.now();
  for (const { width, height } of sizes) {
    pipeline.grid.check(width, height);
    await pipeline.generate({
      ...{ prompt: '', width, height, fit: 'crop', generator: new TorchGenerator(0) },
      ...{ priorNumInferenceSteps: 1, priorGuidanceScale: 4, numInferenceSteps: 1 },
    });
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  return `${sizes.map(({ width, height }) => `${width}x${height}`).join(', ')} in ${seconds} s`;
}
