/**
 * Levenshtein distance: insertions, deletions and replacements of one character that turn `a` into `b`; with `swaps`,
 * two neighbours that changed places count as one edit instead of two. O(a·b): bound the lengths first.
 */
export function editDistance(a: string, b: string, { swaps = false } = {}): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(previous, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const edited = Math.min(replaced, at(previous, j) + 1, at(current, j - 1) + 1);
      const isSwap = swaps && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      current.push(isSwap ? Math.min(edited, at(beforePrevious, j - 2) + 1) : edited);
    }
    beforePrevious = previous;
    previous = current;
  }
  return at(previous, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}

/**
 * The candidate that `word` was most likely meant to be: at most `limit` edits away, and of those the one nearest when
 * swapped neighbours count once; the first of equals.
 */
export function nearest<T extends string>(word: string, candidates: Iterable<T>, limit: number): T | null {
  let best: T | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    if (Math.abs(word.length - candidate.length) > limit || editDistance(word, candidate) > limit) continue;
    const distance = editDistance(word, candidate, { swaps: true });
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}
