import type { Clock } from '../../system/clock.ts';
import type { Embedding } from '../history/history.ts';
import { secondsOf, type Timings } from './estimator.ts';
import { SpentTime } from './spent-time.ts';

/** Pictures that are painted again for one request, each once, and the accelerator time of it. */
export class Repainting {
  readonly signal: AbortSignal;
  /** Counts on while other pictures of the request are painted. */
  readonly spent: SpentTime;
  readonly #embeddings = new Map<string, Embedding>();
  #seconds = 0;

  constructor(clock: Clock, signal: AbortSignal) {
    this.signal = signal;
    this.spent = new SpentTime(clock);
  }

  /** What the pictures that were painted again have taken. */
  get seconds(): number {
    return this.#seconds;
  }

  /** The embedding of a picture that was painted again. */
  embedding(imageId: string): Embedding | undefined {
    return this.#embeddings.get(imageId);
  }

  painted(imageId: string, embedding: Embedding): void {
    this.#embeddings.set(imageId, embedding);
  }

  took(timings: Timings): void {
    this.#seconds += secondsOf(timings);
  }
}
