import { displayWidth } from '../system/display-width.ts';

/** Narrower terminals break lines by themselves. */
const LEAST_COLUMNS = 40;
/** Where the text of a line of a list begins: behind its blanks and `yes` or `no`. */
const LABEL = /^ *(?:(?:yes|no) +)?/;

/**
 * A line as several that fit the terminal, broken between words and indented below its text. What a pipe or a file gets is not
 * broken: programs search it line by line.
 */
export function wrapped(
  line: string,
  { isTTY, columns = 0 }: { readonly isTTY?: boolean; readonly columns?: number },
): string[] {
  if (!isTTY || columns < LEAST_COLUMNS || displayWidth(line) <= columns) return [line];
  const [label = ''] = LABEL.exec(line) ?? [];
  const indent = ' '.repeat(label.length);
  const lines: string[] = [];
  let current = label;
  for (const word of line.slice(label.length).split(' ')) {
    const isFirst = current.length === label.length;
    if (!isFirst && displayWidth(current) + 1 + displayWidth(word) > columns) {
      lines.push(current);
      current = indent + word;
    } else current += isFirst ? word : ` ${word}`;
  }
  return [...lines, current];
}
