import { Tensor as OrtTensor } from 'onnxruntime-node';
import type { DType, Value } from '../graph/builder.ts';
import type { Adapted } from '../graph/weights.ts';
import { floatToHalf } from '../math/number-formats.ts';
import type { Tensors } from '../runtime/runtime.ts';
import type { LoraFile, LowRank } from './lora-file.ts';
import type { LoraPart } from './lora-keys.ts';

/** A LoRA in use. */
export interface WeightedLora {
  readonly file: LoraFile;
  readonly weight: number;
}

/** What some LoRAs together change in one network, ready to be fed into its graphs. */
export class Adapter {
  readonly layers: Adapted;
  /** Of the layers: whatever has the same key fits into the same graphs. */
  readonly key: string;
  /** Tells these changes from others. */
  readonly id: string;
  /** Bytes of what is fed. */
  readonly bytes: number;
  readonly #sums: ReadonlyMap<string, LowRank>;
  readonly #tensors = new Map<string, OrtTensor>();

  private constructor(sums: ReadonlyMap<string, LowRank>, id: string) {
    this.layers = new Set([...sums.keys()].sort());
    this.key = [...this.layers].join(' ');
    this.id = id;
    this.#sums = sums;
    this.bytes = [...sums.values()].reduce((sum, { a, b }) => sum + a.byteLength + b.byteLength, 0);
  }

  /** @returns `null` where nothing changes: no LoRA, a weight of 0, or none for this network */
  static of(loras: readonly WeightedLora[], part: LoraPart): Adapter | null {
    const used = loras.filter(({ file, weight }) => weight !== 0 && file.parts[part].size > 0);
    if (used.length === 0) return null;
    const byLayer = new Map<string, LowRank[]>();
    for (const { file, weight } of used) {
      for (const [layer, low] of file.parts[part]) {
        byLayer.set(layer, [...(byLayer.get(layer) ?? []), { ...low, scale: weight * low.scale }]);
      }
    }
    const sums = new Map([...byLayer].map(([layer, lows]) => [layer, sumOf(lows)]));
    return new Adapter(sums, used.map(({ file, weight }) => `${file.sha256}:${weight}`).join(','));
  }

  /** The inputs of a graph that are this adapter's. */
  feeds(inputs: readonly Value[]): Tensors {
    const own = inputs.flatMap(({ name, dtype, shape }) => {
      const [, layer = '', role] = name.match(/^(.+)\.lora_(A|B|delta)$/) ?? [];
      const low = this.#sums.get(layer);
      return low && role ? [[name, this.#tensor(name, dtype, shape, low, role)] as const] : [];
    });
    return Object.fromEntries(own);
  }

  /** Made once: all steps are given the same. */
  #tensor(name: string, dtype: DType, shape: Value['shape'], low: LowRank, role: string): OrtTensor {
    const key = `${name} ${dtype}`;
    const known = this.#tensors.get(key);
    if (known) return known;
    const { rank, inputs, outputs, a, b } = low;
    const [data, dims] = {
      A: () => [a, [rank, inputs]] as const,
      B: () => [b, [outputs, rank]] as const,
      delta: () => [productOf(low), shape.map(Number)] as const,
    }[role as 'A' | 'B' | 'delta']();
    const made = dtype === 'f16' ? halfTensor(data, dims) : new OrtTensor('float32', data, dims);
    this.#tensors.set(key, made);
    return made;
  }
}

/** Where there is a `Float16Array`, as on Node 24, the library puts one into the tensor, which its own runtime cannot read. */
function halfTensor(floats: Float32Array, dims: readonly number[]): OrtTensor {
  const data = Uint16Array.from(floats, floatToHalf);
  return Object.defineProperty(new OrtTensor('float16', data, dims), 'data', { value: data });
}

/** Side by side along the rank, with every factor in B. */
function sumOf(lows: readonly LowRank[]): LowRank {
  const [first] = lows;
  if (!first) throw new RangeError('Expected at least one change of a layer.');
  const { inputs, outputs } = first;
  const rank = lows.reduce((sum, low) => sum + low.rank, 0);
  const a = lows.length === 1 ? first.a : new Float32Array(rank * inputs);
  const b = new Float32Array(outputs * rank);
  let from = 0;
  for (const low of lows) {
    if (lows.length > 1) a.set(low.a, from * inputs);
    for (let row = 0; row < outputs; row += 1) {
      for (let k = 0; k < low.rank; k += 1) b[row * rank + from + k] = low.scale * (low.b[row * low.rank + k] ?? 0);
    }
    from += low.rank;
  }
  return { rank, inputs, outputs, scale: 1, a, b };
}

/** B·A, [outputs, inputs], summed in float64. */
function productOf({ rank, inputs, outputs, a, b }: LowRank): Float32Array {
  const sums = new Float64Array(inputs);
  const product = new Float32Array(outputs * inputs);
  for (let row = 0; row < outputs; row += 1) {
    sums.fill(0);
    for (let k = 0; k < rank; k += 1) {
      const factor = b[row * rank + k] ?? 0;
      for (let column = 0; column < inputs; column += 1) {
        sums[column] = (sums[column] ?? 0) + factor * (a[k * inputs + column] ?? 0);
      }
    }
    product.set(sums, row * inputs);
  }
  return product;
}
