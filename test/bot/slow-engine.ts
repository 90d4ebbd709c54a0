import type { Engine, EngineEvent, EngineRequest, GenerateContext } from '../../src/pipeline/process/protocol.ts';

/** One blue pixel, as a PNG. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPj/HwADBwIAMCbHYQAAAABJRU5ErkJggg==',
  'base64',
);

/** Paints pixels, with a pause for the world between its steps. `endless` goes on until it is cancelled, `die` ends the process. */
class SlowEngine implements Engine {
  async load() {
    return { checkpoint: 'slow', provider: 'fake-fp32', styles: ['interpolated', 'base', 'aesthetic'] };
  }

  async *generate(request: EngineRequest, { announce, signal }: GenerateContext): AsyncGenerator<EngineEvent, void> {
    const words = request.prompt.split(' ');
    for (const { index, metadata, stageBSeed } of request.images) {
      for (let step = 0; step <= 3; step += 1) {
        await announce('prior.run', 1);
        yield { type: 'step', stage: 'prior', image: index, step, total: 3, timestep: null, preview: PIXEL };
      }
      if (words.includes('die')) process.kill(process.pid, 'SIGKILL');
      while (words.includes('endless')) {
        await new Promise(setImmediate);
        signal.throwIfAborted();
      }
      const png = Buffer.concat([PIXEL, Buffer.from(`${request.prompt} ${stageBSeed}`)]);
      const embedding = { dims: [2], data: Float32Array.of(index, 1) };
      yield { type: 'image', image: index, png: new Uint8Array(png), metadata, embedding };
    }
    yield { type: 'done', timings: { prior: 3, decoder: 2 }, warnings: [] };
  }
}

export const createEngine = () => new SlowEngine();
