/**
 * Writes the published model at its full size with seeded random weights: the hub's own files and names, configs and
 * tensors, with numbers of such sizes that activations stay as tame as those of trained ones.
 *
 * usage: node --import tsx scripts/make-full-size.ts DIR [--dtype fp32|fp16] [--styles base,aesthetic] [--only FOLDER,…]
 *
 * A folder is one of those that are printed, such as wuerstchen/decoder. What is there already is left alone.
 */
import { parseArgs } from 'node:util';
import { byteSize } from '../src/system/byte-size.ts';
import { checkSpace } from '../src/system/disk.ts';
import { fileOf, NEEDED, PARTS, type Part, sizeOf, writeFullSize } from './full-size/full-size-model.ts';

const { values, positionals } = parseArgs({
  options: {
    dtype: { type: 'string', default: 'fp32' },
    styles: { type: 'string', default: '' },
    only: { type: 'string' },
  },
  allowPositionals: true,
});
const [dir] = positionals;
if (dir === undefined || !['fp32', 'fp16'].includes(values.dtype)) {
  throw new Error('usage: make-full-size.ts DIR [--dtype fp32|fp16] [--styles base,aesthetic] [--only FOLDER,…]');
}
const dtype = values.dtype === 'fp16' ? 'F16' : 'F32';
const STYLES: Readonly<Record<string, string>> = {
  base: 'wuerstchen-prior-model-base',
  aesthetic: 'wuerstchen-prior-model-finetuned',
};
const words = (list: string) => list.split(',').filter(Boolean);

function partAt(folder: string): Part {
  const part = PARTS.find((one) => one.folder === folder);
  if (part) return part;
  throw new Error(`expected one of ${PARTS.map((one) => one.folder).join(', ')}, got ${folder}`);
}

const parts =
  values.only === undefined
    ? [...NEEDED, ...words(values.styles).map((style) => partAt(STYLES[style] ?? style))]
    : words(values.only).map(partAt);
await checkSpace(
  dir,
  parts.reduce((sum, part) => sum + sizeOf(part, dtype).bytes, 0),
);
for await (const { part, path, written } of writeFullSize(dir, { parts, dtype })) {
  const { bytes, parameters } = sizeOf(part, dtype);
  const what = `${fileOf(part, dtype)}: ${parameters.toLocaleString('en')} parameters, ${byteSize(bytes)}`;
  console.log(written ? what : `${what} (was there: ${path})`);
}
