import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TorchGenerator, WuerstchenCombinedPipeline } from '../../src/pipeline/index.ts';
import { fullSizeModel } from './full-size.ts';

/** As `stage` promises: the largest network's weights and what stands beside them. */
const STAGE_PEAK = 1.4 * 4.222e9 + 1.5e9;

test('a picture of 1024×1024 is painted one network at a time, within the memory that this promises', async () => {
  const pipeline = await WuerstchenCombinedPipeline.fromPretrained(fullSizeModel(), {
    provider: 'cpu',
    residency: 'stage',
  });
  const steps: string[] = [];
  const stream = pipeline.stream({
    prompt: 'a red fox in the snow',
    width: 1024,
    height: 1024,
    priorNumInferenceSteps: 2,
    numInferenceSteps: 1,
    generator: new TorchGenerator(7),
  });
  for (;;) {
    const { done, value } = await stream.next();
    if (!done) {
      steps.push(`${value.stage} ${value.latents.dims.join('×')}`);
      continue;
    }
    assert.deepEqual(steps, ['prior 1×16×24×24', 'prior 1×16×24×24', 'decoder 1×4×256×256']);
    const [image] = value.images;
    assert.deepEqual([image?.width, image?.height], [1024, 1024]);
    const values = new Set(image?.data);
    assert.ok(values.size > 200, `${values.size} different values of 256`);
    break;
  }
  await pipeline.release();
  // In kibibytes; nothing else has run in this process.
  const peak = process.resourceUsage().maxRSS * 1024;
  assert.ok(peak <= STAGE_PEAK, `${peak} bytes at most, allowed ${STAGE_PEAK}`);
});
