import type { EngineRequest } from '../../src/pipeline/process/protocol.ts';

/** A request for two images; the fake engine does what `prompt` says. */
export function request(prompt: string): EngineRequest {
  return {
    ...{ prompt, negative: '', width: 256, height: 256, style: 'base' },
    ...{ steps: null, decoderSteps: 12, guidance: 4, decoderGuidance: 0 },
    images: [
      { index: 0, source: { kind: 'words', seed: 2n ** 64n - 1n }, stageBSeed: 1n, metadata: { prompt } },
      {
        index: 1,
        source: { kind: 'embedding', embedding: { dims: [1, 3], data: Float32Array.of(1, 2, 3) } },
        stageBSeed: 2n,
        metadata: {},
      },
    ],
  };
}
