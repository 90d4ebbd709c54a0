import type { StepEvent } from './pipeline/pipeline-options.ts';

const NAMES: Readonly<Record<StepEvent['stage'], string>> = { prior: 'Stage C', decoder: 'Stage B' };
const WIDTH = 30;

/** A bar a stage, redrawn in place on a terminal; a line at the end of each stage elsewhere. */
export class StageBars {
  readonly #stream: NodeJS.WriteStream;
  #open = false;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show({ stage, step, total }: Pick<StepEvent, 'stage' | 'step' | 'total'>): void {
    const last = step === total;
    if (!this.#stream.isTTY) {
      if (last) this.#stream.write(`${NAMES[stage]}: ${total} steps\n`);
      return;
    }
    const filled = Math.round((step / total) * WIDTH);
    const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled);
    this.#stream.write(`\r${NAMES[stage]} ${bar} ${step}/${total}${last ? '\n' : ''}`);
    this.#open = !last;
  }

  /** Leaves the cursor on a line of its own. */
  stop(): void {
    if (this.#open) this.#stream.write('\n');
    this.#open = false;
  }
}
