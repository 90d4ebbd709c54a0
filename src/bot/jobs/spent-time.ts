import type { EngineEvent } from '../../pipeline/process/protocol.ts';
import type { Clock } from '../../system/clock.ts';

/**
 * Measures the accelerator seconds of one request that the pipeline works on, up to any moment: the time between its
 * events, without that of loading and of storing pictures, which nobody is charged for.
 */
export class SpentTime {
  readonly #clock: Clock;
  #seconds = 0;
  /** Since when the pipeline computes; `null` while it does not. */
  #since: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get seconds(): number {
    return this.#seconds + (this.#since === null ? 0 : (this.#clock.monotonic() - this.#since) / 1000);
  }

  /** The pipeline has told something, which is dealt with until `goOn`. */
  hold(): void {
    this.#seconds = this.seconds;
    this.#since = null;
  }

  /** @param event what the pipeline has told last */
  goOn(event: EngineEvent): void {
    const isLoading = event.type === 'step' && event.stage === 'load' && event.step < event.total;
    this.#since = isLoading || event.type === 'done' ? null : this.#clock.monotonic();
  }
}
