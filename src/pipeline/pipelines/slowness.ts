import { t } from '../../texts/translate.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** Less than a tenth more is nothing to speak of. */
const WORTH_SAYING = 1.1;

/**
 * Measures how much longer painting takes than with one network at a time, from now on.
 *
 * @returns gives a sentence for the person who asked, or none where it does not take longer
 */
export function measureSlowness(runtime: Runtime): () => readonly string[] {
  const { onnxMs, againMs } = runtime;
  return () => {
    const took = runtime.onnxMs - onnxMs;
    const slowdown = took / (took - (runtime.againMs - againMs));
    if (!(slowdown >= WORTH_SAYING)) return [];
    const times = Math.round(10 * slowdown) / 10;
    return [
      t(
        'Memory is short here, so a few blocks of a network were loaded at a time: painting took {times} times as long.',
        {
          times,
        },
      ),
    ];
  };
}
