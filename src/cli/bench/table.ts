import { byteSize } from '../../system/byte-size.ts';
import type { BenchRow } from './measure.ts';

const LINES: readonly (readonly [string, (row: BenchRow) => string])[] = [
  ['loading', ({ loadMs }) => time(loadMs)],
  ['text encoder', ({ textMs }) => time(textMs)],
  ['Stage C, a step', ({ stageCStepMs }) => time(stageCStepMs)],
  ['Stage B, a step', ({ stageBStepMs }) => time(stageBStepMs)],
  ['Stage A, a picture', ({ stageAMs }) => time(stageAMs)],
  ['all, a picture', ({ pictureMs }) => time(pictureMs)],
  ['memory of the process', ({ hostBytes }) => byteSize(hostBytes)],
  ['memory of the GPU', ({ gpuBytes }) => (gpuBytes === null ? '-' : byteSize(gpuBytes))],
  [
    'PSNR against fp32',
    ({ psnr }) => (psnr === null ? '-' : Number.isFinite(psnr) ? `${psnr.toFixed(1)} dB` : 'equal'),
  ],
];

/** A block for every size and batch, with a column for every precision. */
export function benchTable(rows: readonly BenchRow[]): string[] {
  const keys = [...new Set(rows.map(keyOf))];
  return keys.flatMap((key) =>
    block(
      key,
      rows.filter((row) => keyOf(row) === key),
    ),
  );
}

function keyOf({ width, height, batch }: BenchRow): string {
  return `${width}×${height}, ${batch === 1 ? '1 picture' : `${batch} pictures at once`}`;
}

function block(title: string, rows: readonly BenchRow[]): string[] {
  const cells = [
    [title, ...rows.map(({ precision }) => precision)],
    ...LINES.map(([name, read]) => [`  ${name}`, ...rows.map(read)]),
  ];
  const widths = cells.reduce<number[]>((most, line) => line.map((cell, i) => Math.max(most[i] ?? 0, cell.length)), []);
  return [
    ...cells.map((line) =>
      line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
    ),
    '',
  ];
}

function time(ms: number): string {
  if (!Number.isFinite(ms)) return '-';
  return ms >= 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${ms.toFixed(ms >= 100 ? 0 : 1)} ms`;
}
