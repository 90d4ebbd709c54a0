import type { GraphBuilder, Value } from './builder.ts';

/** How a graph writes attention. */
export interface AttentionPlan {
  /** Equal parts of the queries; divides their number at every legal size. */
  readonly queries: number;
  /** Groups of heads, at most. */
  readonly heads: number;
  /** Whether one operator computes a piece, or two products with a softmax between them. */
  readonly fused: boolean;
}

export const WHOLE: AttentionPlan = { queries: 1, heads: 1, fused: true };

type QueryKeyValue = readonly [query: Value, key: Value, value: Value];

/** As `attention`, piece by piece: the same numbers, with the scores of one piece in memory at a time. */
export function attentionInPieces(
  g: GraphBuilder,
  [query, key, value]: QueryKeyValue,
  heads: number,
  { queries: count, heads: most, fused }: AttentionPlan,
): Value {
  const groups = largestDivisor(heads, most);
  const width = Number(query.shape[2]) / groups;
  const widths = Array.from({ length: groups }, () => width);
  const byHeads = (v: Value) => (groups > 1 ? g.split(v, 2, widths) : [v]);
  const [queries, keys, values] = [byHeads(query), byHeads(key), byHeads(value)];
  const done = queries.map((q, group) => {
    const [k, v] = [keys[group] ?? key, values[group] ?? value];
    const rows = count > 1 ? g.splitEvenly(q, 1, count) : [q];
    const attended = rows.map((part) => attention(g, [part, k, v], heads / groups, fused));
    return attended.length > 1 ? g.concat(attended, 1, q.shape[1]) : (attended[0] ?? q);
  });
  return done.length > 1 ? g.concat(done, 2) : (done[0] ?? query);
}

/** `query` [B, S, C] attends to `key` and `value` [B, T, C]; `bias` is added to the scores, [B, 1, S, T]. */
export function attention(
  g: GraphBuilder,
  [query, key, value]: QueryKeyValue,
  heads: number,
  fused: boolean,
  bias?: Value,
): Value {
  if (fused) return g.attention(query, key, value, heads, bias);
  const [b = 1, , c] = query.shape;
  const size = Number(c) / heads;
  const byHead = (x: Value, perm: readonly number[]) =>
    g.transpose(g.reshape(x, [b, x.shape[1] ?? 1, heads, size]), perm);
  const scaled = g.mul(query, g.cast(g.scalar(1 / Math.sqrt(size)), query.dtype));
  const scores = g.matMul(byHead(scaled, [0, 2, 1, 3]), byHead(key, [0, 2, 3, 1]));
  const weights = g.softmax(bias ? g.add(scores, bias) : scores);
  const attended = g.matMul(weights, byHead(value, [0, 2, 1, 3]));
  return g.reshape(g.transpose(attended, [0, 2, 1, 3]), query.shape);
}

function largestDivisor(of: number, most: number): number {
  let divisor = Math.max(1, Math.min(of, most));
  while (of % divisor !== 0) divisor -= 1;
  return divisor;
}
