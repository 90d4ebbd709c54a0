/** A tensor of a TensorFlow.js model. */
export interface BundledTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

const NUMBER = String.raw`-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?`;
/** An entry of `weightsManifest`, as a minifier writes it; 8-bit numbers are `min + scale · byte`. */
const WEIGHT = new RegExp(
  String.raw`\{name:"(?<name>[^"]+)",shape:\[(?<shape>[\d,e]*)\],dtype:"float32",quantization:\{min:(?<min>${NUMBER}),scale:(?<scale>${NUMBER}),dtype:"uint8"\}\}`,
  'gi',
);

/**
 * The weights of a TensorFlow.js model with 8-bit weights that is packed as scripts: one with its topology, and one for each
 * shard, which holds it in base64. They are read as text and never run.
 *
 * @returns `undefined` for what does not look like that, or whose lengths do not agree
 */
export function bundledTensors(model: string, shards: readonly string[]): readonly BundledTensor[] | undefined {
  const bytes = Buffer.concat(shards.map((shard) => Buffer.from(longestText(shard), 'base64')));
  const tensors: BundledTensor[] = [];
  let at = 0;
  for (const { groups = {} } of model.matchAll(WEIGHT)) {
    const { name = '', shape: sides = '', min, scale } = groups;
    const shape = sides === '' ? [] : sides.split(',').map(Number);
    const count = shape.reduce((product, side) => product * side, 1);
    const values = Float32Array.from(bytes.subarray(at, at + count), (byte) => Number(min) + Number(scale) * byte);
    tensors.push({ name, shape, values });
    at += count;
  }
  return at > 0 && at === bytes.length ? tensors : undefined;
}

/** A regular expression does not get through megabytes. */
function longestText(script: string): string {
  return script.split('"').reduce((longest, text) => (text.length > longest.length ? text : longest), '');
}
