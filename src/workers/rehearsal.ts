import * as z from 'zod';
import type { EngineRequest } from '../pipeline/process/protocol.ts';
import { toWire, type wireDone, wireRequest, wireStep } from './wire.ts';

/** What nobody paints: the messages of a job are built and read once, so that the first job does not wait for that code to be compiled. */
export const REHEARSED: EngineRequest = {
  ...{ prompt: 'rehearsal', negative: '', width: 64, height: 64, style: 'base', steps: null, decoderSteps: 1 },
  ...{ guidance: 1, decoderGuidance: 0 },
  images: [{ index: 0, source: { kind: 'words', seed: 0n }, stageBSeed: 0n, metadata: {} }],
};

export const REHEARSED_DONE = { kind: 'done', timings: {}, warnings: [] } satisfies z.input<typeof wireDone>;

/** A step as JSON. */
export function rehearsedStep(): string {
  const step = { type: 'step', stage: 'prior', image: 0, step: 0, total: 1, timestep: null } as const;
  return JSON.stringify(z.encode(wireStep, { ...step, preview: new Uint8Array(3) }));
}

/** Reads a request and writes its progress, as a worker does. */
export function rehearseWire(): void {
  wireRequest.parse(JSON.parse(JSON.stringify(toWire(REHEARSED))));
  rehearsedStep();
}
