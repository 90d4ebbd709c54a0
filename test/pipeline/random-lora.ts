import { TorchGenerator } from '../../src/pipeline/index.ts';
import { type RawTensor, writeSafetensors } from './write-safetensors.ts';

/** A layer of a network, with the shape of its weight. */
export type LayerShape = readonly [layer: string, shape: readonly number[]];

/** Writes a LoRA of random numbers in PEFT's layout. @param layers with the network's name before each: `prior.blocks.2.…` */
export async function writeRandomLora(
  path: string,
  layers: readonly LayerShape[],
  { rank = 4, seed = 1, size = 0.3 }: { readonly rank?: number; readonly seed?: number; readonly size?: number } = {},
): Promise<void> {
  const generator = new TorchGenerator(seed);
  const tensors = new Map<string, RawTensor>();
  for (const [layer, [outputs = 1, ...rest]] of layers) {
    const inputs = rest.reduce((product, side) => product * side, 1);
    const add = (end: string, shape: readonly [number, number], factor: number) => {
      const values = generator.randn([...shape]).map((value) => value * factor);
      tensors.set(`${layer}.${end}.weight`, { dtype: 'F32', shape, bytes: new Uint8Array(values.buffer) });
    };
    add('lora_A', [rank, inputs], 1 / Math.sqrt(inputs));
    add('lora_B', [outputs, rank], size / Math.sqrt(rank));
  }
  await writeSafetensors(path, tensors);
}
