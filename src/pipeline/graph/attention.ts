import type { GraphBuilder, Value } from './builder.ts';

/** Into how many pieces attention is split where the operator would otherwise keep its whole matrix of scores. */
export interface Pieces {
  /** Equal parts of the queries; divides their number at every legal size. */
  readonly queries: number;
  /** Groups of heads, at most. */
  readonly heads: number;
}

export const WHOLE: Pieces = { queries: 1, heads: 1 };

/** As `GraphBuilder.attention`, piece by piece: the same numbers, with the scores of one piece in memory at a time. */
export function attentionInPieces(
  g: GraphBuilder,
  [query, key, value]: readonly [Value, Value, Value],
  heads: number,
  pieces: Pieces,
): Value {
  const groups = largestDivisor(heads, pieces.heads);
  const width = Number(query.shape[2]) / groups;
  const widths = Array.from({ length: groups }, () => width);
  const byHeads = (v: Value) => (groups > 1 ? g.split(v, 2, widths) : [v]);
  const [queries, keys, values] = [byHeads(query), byHeads(key), byHeads(value)];
  const done = queries.map((q, group) => {
    const [k, v] = [keys[group] ?? key, values[group] ?? value];
    const rows = pieces.queries > 1 ? g.splitEvenly(q, 1, pieces.queries) : [q];
    const attended = rows.map((part) => g.attention(part, k, v, heads / groups));
    return attended.length > 1 ? g.concat(attended, 1, q.shape[1]) : (attended[0] ?? q);
  });
  return done.length > 1 ? g.concat(done, 2) : (done[0] ?? query);
}

function largestDivisor(of: number, most: number): number {
  let divisor = Math.max(1, Math.min(of, most));
  while (of % divisor !== 0) divisor -= 1;
  return divisor;
}
