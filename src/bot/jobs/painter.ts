import type { EngineEvent, EngineInfo, EngineRequest } from '../../pipeline/process/protocol.ts';

/** What the core needs of the pipeline process: `PipelineClient` has it. */
export interface Painter {
  generate(request: EngineRequest, options?: { readonly signal?: AbortSignal }): AsyncGenerator<EngineEvent, void>;
  readonly status: { readonly info: EngineInfo | null };
}

/** What a picture's file says about its making. */
export interface PictureParameters {
  readonly prompt: string;
  readonly negative: string;
  readonly width: number;
  readonly height: number;
  readonly seed: bigint;
  readonly style: string;
  readonly steps: number | null;
  readonly guidance: number;
  readonly decoderSteps: number;
  readonly decoderGuidance: number;
  readonly model: string;
  readonly checkpoint: string;
  readonly provider: string;
  readonly version: string;
}

/** Text chunks for a picture's file, by keyword. */
export type Describe = (parameters: PictureParameters) => Readonly<Record<string, string>>;
