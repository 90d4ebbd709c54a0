import { byteSize, decimals } from '../../system/byte-size.ts';
import { displayWidth, paddedEnd, paddedStart } from '../../system/display-width.ts';
import { t, translatable } from '../../texts/translate.ts';
import type { BenchRow } from './measure.ts';

const LINES: readonly (readonly [string, (row: BenchRow) => string])[] = [
  [translatable('loading'), ({ loadMs }) => time(loadMs)],
  [translatable('text encoder'), ({ textMs }) => time(textMs)],
  [translatable('Stage C, a step'), ({ stageCStepMs }) => time(stageCStepMs)],
  [translatable('Stage B, a step'), ({ stageBStepMs }) => time(stageBStepMs)],
  [translatable('Stage A, a picture'), ({ stageAMs }) => time(stageAMs)],
  [translatable('all, a picture'), ({ pictureMs }) => time(pictureMs)],
  [translatable('memory of the process'), ({ hostBytes }) => byteSize(hostBytes)],
  [translatable('memory of the GPU'), ({ gpuBytes }) => (gpuBytes === null ? '-' : byteSize(gpuBytes))],
  [
    translatable('PSNR against fp32'),
    ({ psnr }) => (psnr === null ? '-' : Number.isFinite(psnr) ? `${decimals(psnr, 1)} dB` : t('equal')),
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
  return t('{size}, {count} picture | {size}, {count} pictures at once', { size: `${width}×${height}`, count: batch });
}

function block(title: string, rows: readonly BenchRow[]): string[] {
  const cells = [
    [title, ...rows.map(({ precision }) => precision)],
    ...LINES.map(([name, read]) => [`  ${t(name)}`, ...rows.map(read)]),
  ];
  const widths = cells.reduce<number[]>(
    (most, line) => line.map((cell, i) => Math.max(most[i] ?? 0, displayWidth(cell))),
    [],
  );
  return [
    ...cells.map((line) =>
      line.map((cell, i) => (i === 0 ? paddedEnd(cell, widths[i] ?? 0) : paddedStart(cell, widths[i] ?? 0))).join('  '),
    ),
    '',
  ];
}

function time(ms: number): string {
  if (!Number.isFinite(ms)) return '-';
  return ms >= 10_000 ? `${decimals(ms / 1000, 1)} s` : `${decimals(ms, ms >= 100 ? 0 : 1)} ms`;
}
