import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { BlockingCall } from './runtime.ts';

/** Share of the latest measurement in the mean. */
const LATEST = 0.3;
/** For a slow processor and a slow disk: too long an estimate does less harm than too short a one. */
const OPERATIONS_PER_MS = 20e6;
const BYTES_PER_MS = 50e3;
const BYTES_PER_WEIGHT = 2;
/** Stage B works on patches of 2×2 latents, and nearly all of its weights at half of that resolution or below. */
const LATENTS_PER_POSITION: Readonly<Record<string, number>> = { decoder: 16 };

/**
 * How long the calls into onnxruntime take: the exponentially weighted mean of those like it (same graph, weights and
 * shapes), or else a generous estimate from the size of the weights and the number of positions they are applied to.
 */
export class CallTimes {
  readonly #means = new Map<string, number>();
  readonly #bytes = new Map<string, number>();

  /** Milliseconds. */
  expected(call: BlockingCall): number {
    return this.#means.get(key(call)) ?? this.#estimate(call);
  }

  measured(call: BlockingCall, ms: number): void {
    const mean = this.#means.get(key(call)) ?? ms;
    this.#means.set(key(call), mean + LATEST * (ms - mean));
  }

  #estimate({ kind, graph, weightsDir, inputs }: BlockingCall): number {
    const bytes = this.#weightBytes(weightsDir);
    if (kind === 'create') return bytes / BYTES_PER_MS;
    const positions = Math.max(1, ...inputs.map(positionsOf)) / (LATENTS_PER_POSITION[graph] ?? 1);
    return (2 * positions * bytes) / BYTES_PER_WEIGHT / OPERATIONS_PER_MS;
  }

  #weightBytes(dir: string): number {
    const known = this.#bytes.get(dir);
    if (known !== undefined) return known;
    const files = readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isFile());
    const bytes = files.reduce((sum, { name }) => sum + statSync(join(dir, name)).size, 0);
    this.#bytes.set(dir, bytes);
    return bytes;
  }
}

function key({ kind, graph, group, weightsDir, inputs }: BlockingCall): string {
  const part = group ? `${group.index}/${group.of}` : 'all';
  return `${kind} ${graph} ${part} ${weightsDir} ${inputs.join(' ')}`;
}

/** Of NCHW latents, tokens [B, T, C], or ids [B, T]. */
function positionsOf(dims: readonly number[]): number {
  const [first = 1, second = 1, third = 1, fourth] = dims;
  if (fourth !== undefined) return first * third * fourth;
  return dims.length === 3 ? first * second : Math.max(first, second);
}
