import type {
  Engine,
  EngineEvent,
  EngineRequest,
  GenerateContext,
  LoadOptions,
} from '../src/pipeline/process/protocol.ts';
import { sketch } from '../test/workers/sketch-engine.ts';

/** Seconds a step of the published model at 1024×1024 takes on a GPU, as an example; scaled by `WUERST_SIMULATED_SPEED`. */
const STEP_MS = { prior: 50, decoder: 60 } as const;

/** Waits as long as an accelerator would compute, so that many workers fit onto a machine with two processors. */
class SimulatedEngine implements Engine {
  async load({ model }: LoadOptions) {
    const sizes = { minSide: 64, maxSide: 1024, maxPixels: 1024 ** 2, gridStep: 64 };
    return {
      model: 'simulated',
      checkpoint: model,
      provider: 'simulated',
      styles: ['interpolated', 'base', 'aesthetic'],
      sizes,
    };
  }

  async *generate(request: EngineRequest, { signal }: GenerateContext): AsyncGenerator<EngineEvent, void> {
    const totals = { prior: Number(request.steps ?? 29), decoder: request.decoderSteps };
    const timings = { prior: 0, decoder: 0 };
    // By one clock, so that the timer's rounding does not add up.
    let due = performance.now();
    for (const { index, stageBSeed, metadata } of request.images) {
      // It is here.
      yield { type: 'step', stage: 'prior', image: index, step: 0, total: totals.prior, timestep: null, preview: null };
      for (const stage of ['prior', 'decoder'] as const) {
        for (let step = 1; step <= totals[stage]; step += 1) {
          due += STEP_MS[stage];
          timings[stage] += STEP_MS[stage];
          await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
          signal.throwIfAborted();
          yield { type: 'step', stage, image: index, step, total: totals[stage], timestep: null, preview: null };
        }
      }
      const embedding = { dims: [16, 24, 24], data: new Float32Array(16 * 24 * 24) };
      yield { type: 'image', image: index, png: sketch(request, stageBSeed), metadata, embedding };
    }
    yield { type: 'done', timings, warnings: [] };
  }
}

export const createEngine = () => new SimulatedEngine();
