/** Text without the mark that some editors begin a file with, which JSON has no place for. */
export function withoutMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}
