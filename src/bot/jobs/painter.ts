import type { ImageParameters } from '../../pipeline/images/parameters.ts';
import type { EngineEvent, EngineInfo, EngineRequest } from '../../pipeline/process/protocol.ts';

/** What the core needs of the pipeline process: `PipelineClient` has it. */
export interface Painter {
  generate(request: EngineRequest, options?: { readonly signal?: AbortSignal }): AsyncGenerator<EngineEvent, void>;
  readonly status: { readonly info: EngineInfo | null };
}

/** Text chunks for a picture's file, by keyword. */
export type Describe = (parameters: ImageParameters) => Readonly<Record<string, string>>;
