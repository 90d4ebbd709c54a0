export type Separator = ',' | ';' | '\t';

/** Rows of separated values: quotes hold separators and line breaks, a doubled quote is one. */
export function parseCsv(text: string, separator: Separator = ','): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const source = text.replace(/^\uFEFF/, '');
  const plainCell = `[^${separator}\\r\\n]*`;
  const cells = new RegExp(`(?:"((?:[^"]|"")*)"(${plainCell})|(${plainCell}))(${separator}|\\r\\n|\\n|\\r|$)`, 'g');
  for (const { index, 0: all, 1: inQuotes, 2: rest = '', 3: plain = '', 4: end } of source.matchAll(cells)) {
    if (index === source.length && all === '' && row.length === 0) break;
    row.push(inQuotes === undefined ? plain : inQuotes.replaceAll('""', '"') + rest);
    if (end === separator) continue;
    rows.push(row);
    row = [];
    if (end === '') break;
  }
  return rows;
}

/** As Python's csv module writes them. */
export function formatCsv(rows: readonly (readonly string[])[]): string {
  const cell = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}
