import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PICTURE_CLASSES } from '../../src/pipeline/images/picture-classes.ts';
import { writeSafetensors } from './write-safetensors.ts';

/** Expansion, channels at width 0.1, and blocks. */
const STAGES = [
  [1, 8, 1],
  [6, 8, 2],
  [6, 8, 3],
  [6, 8, 4],
  [6, 16, 3],
  [6, 16, 3],
  [6, 32, 1],
] as const;
const STEM = 8;
const LAST = 1280;

export const TINY = { width: 0.1, side: 64 } as const;

/** Shapes of the tensors of a MobileNetV2 of width 0.1, in the order in which their numbers are drawn. */
export function tinyShapes(): ReadonlyMap<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  const add = (name: string, ...shape: number[]) => {
    shapes.set(`${name}.weight`, shape);
    shapes.set(`${name}.bias`, shape.slice(0, 1));
  };
  add('stem', STEM, 3, 3, 3);
  let [inputs, at]: [number, number] = [STEM, 0];
  for (const [expansion, outputs, blocks] of STAGES) {
    for (let block = 0; block < blocks; block += 1) {
      const wide = inputs * expansion;
      if (expansion > 1) add(`blocks.${at}.expand`, wide, inputs, 1, 1);
      add(`blocks.${at}.depthwise`, wide, 1, 3, 3);
      add(`blocks.${at}.project`, outputs, wide, 1, 1);
      inputs = outputs;
      at += 1;
    }
  }
  add('last', LAST, inputs, 1, 1);
  add('classifier', PICTURE_CLASSES.length, LAST);
  return shapes;
}

/** Numbers of a linear congruential generator, which other languages repeat exactly. */
export function tinyTensors(
  seed = 7,
): Map<string, { readonly shape: readonly number[]; readonly values: Float32Array }> {
  let state = seed;
  const draw = (scale: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32 - 0.5) * scale;
  };
  const tensors = [...tinyShapes()].map(([name, shape]) => {
    const count = shape.reduce((product, side) => product * side, 1);
    const scale = shape.length === 1 ? 0.2 : 2 * Math.sqrt(6 / (count / (shape[0] ?? 1)));
    return [name, { shape, values: Float32Array.from({ length: count }, () => draw(scale)) }] as const;
  });
  return new Map(tensors);
}

/** Writes a picture classifier with random weights. */
export async function writeTinyClassifier(dir: string, config: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await mkdir(dir, { recursive: true });
  const raw = [...tinyTensors()].map(
    ([name, { shape, values }]) => [name, { dtype: 'F32', shape, bytes: new Uint8Array(values.buffer) }] as const,
  );
  await writeSafetensors(join(dir, 'model.safetensors'), new Map(raw));
  const described = {
    _class_name: 'MobileNetV2Classifier',
    ...TINY,
    classes: PICTURE_CLASSES,
    package: 'tiny',
    ...config,
  };
  await writeFile(join(dir, 'config.json'), JSON.stringify(described));
}
