/** Würstchen v2 on onnxruntime, straight from checkpoint folders in the diffusers layout. */
export { OperatorError, UserError } from '../system/errors.ts';
export { type CombinedOptions, type CombinedOutput, WuerstchenCombinedPipeline } from './combined-pipeline.ts';
export {
  type DecoderOptions,
  type DecoderOutput,
  type OutputType,
  type RgbImage,
  WuerstchenDecoderPipeline,
} from './decoder-pipeline.ts';
export { randnTensor, TorchGenerator } from './generator.ts';
export { encodeImage, type ImageFormat, readMetadata } from './image-file.ts';
export { ClipTextModel } from './networks/clip-text-model.ts';
export { PaellaVQModel } from './networks/paella-vq-model.ts';
export { WuerstchenDiffNeXt } from './networks/wuerstchen-diffnext.ts';
export { WuerstchenPrior } from './networks/wuerstchen-prior.ts';
export { type ImageParameters, metadataOf } from './parameters.ts';
export type { SamplingOptions, StepEvent, Timings } from './pipeline-options.ts';
export { type PipelineValues, REFERENCE_VALUES } from './pipeline-values.ts';
export type { Precision } from './precision/recipe.ts';
export { type PriorOptions, type PriorOutput, WuerstchenPriorPipeline } from './prior-pipeline.ts';
export { type Provider, type ProviderReport, probe } from './providers.ts';
export { type Residency, Runtime, type RuntimeOptions } from './runtime.ts';
export { DDPMWuerstchenScheduler, DEFAULT_STAGE_C_TIMESTEPS } from './scheduler.ts';
export { SizeGrid } from './size-grid.ts';
export { type AvailableStyles, availableStyles, STYLES, type Style } from './stage-c.ts';
export type { Tensor } from './tensor.ts';
export { ClipTokenizer } from './tokenizer.ts';
