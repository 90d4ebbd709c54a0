/** Würstchen v2 on onnxruntime, straight from checkpoint folders in the diffusers layout. */
export { OperatorError, UserError } from '../system/errors.ts';
export { type PipelineValues, REFERENCE_VALUES } from './checkpoint/model-index.ts';
export type { Precision } from './checkpoint/weight-recipe.ts';
export { type AvailableStyles, availableStyles, STYLES, type Style } from './derived-weights/styles.ts';
export type { FetchProgress, HubAccess } from './hub/pretrained.ts';
export type { GreyImage } from './images/frame-source.ts';
export { encodeImage, type ImageFormat, type RgbImage, readMetadata } from './images/image-file.ts';
export { type ImageParameters, metadataOf } from './images/parameters.ts';
export { promptWeights, type WeightedText } from './images/prompt-weights.ts';
export { randnTensor, TorchGenerator } from './math/generator.ts';
export { DDPMWuerstchenScheduler, DEFAULT_STAGE_C_TIMESTEPS } from './math/scheduler.ts';
export type { Tensor } from './math/tensor.ts';
export { ClipTextModel } from './networks/clip-text-model.ts';
export {
  EfficientNetEncoder,
  type ImageEncoder,
  loadImageEncoder,
  SemanticCompressor,
} from './networks/image-encoder.ts';
export { PaellaVQModel } from './networks/paella-vq-model.ts';
export { WuerstchenDiffNeXt } from './networks/wuerstchen-diffnext.ts';
export { WuerstchenPrior } from './networks/wuerstchen-prior.ts';
export {
  type CombinedOptions,
  type CombinedOutput,
  type WeightedImage,
  WuerstchenCombinedPipeline,
} from './pipelines/combined-pipeline.ts';
export {
  type DecoderOptions,
  type DecoderOutput,
  type OutputType,
  WuerstchenDecoderPipeline,
} from './pipelines/decoder-pipeline.ts';
export type { SamplingOptions, StepEvent, Timings } from './pipelines/pipeline-options.ts';
export type { PretrainedOptions } from './pipelines/pretrained.ts';
export { type PriorOptions, type PriorOutput, WuerstchenPriorPipeline } from './pipelines/prior-pipeline.ts';
export { SizeGrid } from './pipelines/size-grid.ts';
export { probe } from './runtime/probe.ts';
export type { Provider, ProviderReport } from './runtime/providers.ts';
export type { Residency } from './runtime/residency.ts';
export { Runtime, type RuntimeOptions } from './runtime/runtime.ts';
export { ClipTokenizer } from './text/tokenizer.ts';
