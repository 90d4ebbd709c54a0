import type { BundledTensor } from './tensorflow-bundle.ts';

/** Of the converted file: row-major, as torch stores them. */
export interface ConvertedTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

const BLOCKS = 17;

/**
 * The tensors of MobileNetV2 as `mobileNetGraph` reads them, from those of the frozen TensorFlow graph, whose normalisations are
 * part of its convolutions.
 */
export function convertMobileNet(tensors: readonly BundledTensor[]): ReadonlyMap<string, ConvertedTensor> {
  const converted = new Map<string, ConvertedTensor>();
  for (const tensor of tensors) {
    const name = nameOf(tensor);
    if (name !== undefined) converted.set(name, inOrder(tensor));
  }
  return converted;
}

/** `undefined` for the constants of the input's range, which the graph has itself. */
function nameOf({ name, shape }: BundledTensor): string | undefined {
  const [, layer, part] = /MobilenetV2\/(.+)\/(?:Conv2D|depthwise)_(weights|bn_offset)$/.exec(name) ?? [];
  if (layer === undefined) {
    if (shape.length === 2) return 'classifier.weight';
    return shape.length === 1 ? 'classifier.bias' : undefined;
  }
  return `${scopeOf(layer)}.${part === 'weights' ? 'weight' : 'bias'}`;
}

/** `expanded_conv_3/expand` is `blocks.3.expand`. */
function scopeOf(layer: string): string {
  if (layer === 'Conv') return 'stem';
  if (layer === 'Conv_1') return 'last';
  const [, block = '0', part = ''] = /^expanded_conv(?:_(\d+))?\/(\w+)/.exec(layer) ?? [];
  if (Number(block) >= BLOCKS) throw new RangeError(`Expected ${BLOCKS} blocks, got ${layer}.`);
  return `blocks.${block}.${part}`;
}

/** Kernels [height, width, inputs, outputs], matrices [inputs, outputs]: the outputs come first. Depthwise ones have one input each. */
function inOrder({ name, shape, values }: BundledTensor): ConvertedTensor {
  if (shape.length === 1) return { shape, values };
  const [outputs = 1, inputs = 1, width = 1, height = 1] = shape.toReversed();
  const [from, to] = name.includes('depthwise') ? [outputs, inputs] : [inputs, outputs];
  const kernel = shape.length === 2 ? [] : [height, width];
  return { shape: [to, from, ...kernel], values: outputsFirst(values, height * width, from, to) };
}

/** [places, inputs, outputs] to [outputs, inputs, places]. */
function outputsFirst(values: Float32Array, places: number, inputs: number, outputs: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let place = 0; place < places; place += 1) {
    for (let input = 0; input < inputs; input += 1) {
      for (let output = 0; output < outputs; output += 1) {
        result[(output * inputs + input) * places + place] = values[(place * inputs + input) * outputs + output] ?? 0;
      }
    }
  }
  return result;
}
