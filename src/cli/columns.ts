import { displayWidth, paddedEnd } from '../system/display-width.ts';

/** Rows of cells as lines, with each column as wide as its widest cell. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>(
    (most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, displayWidth(cell))),
    [],
  );
  return rows.map((row) =>
    row
      .map((cell, i) => paddedEnd(cell, widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
