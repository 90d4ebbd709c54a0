import type { StepEvent } from '../pipeline/pipelines/pipeline-options.ts';
import { t, translatable } from '../texts/translate.ts';

/** Where a stage stands; Stage A has a step for each picture. */
export interface Progress extends Pick<StepEvent, 'step' | 'total'> {
  readonly stage: StepEvent['stage'] | 'vqgan';
}

const NAMES: Readonly<Record<Progress['stage'], string>> = {
  prior: translatable('Stage C'),
  decoder: translatable('Stage B'),
  vqgan: translatable('Stage A'),
};
const WIDTH = 30;

/** A bar a stage, redrawn in place on a terminal; a line at the end of each stage elsewhere. */
export class StageBars {
  readonly #stream: NodeJS.WriteStream;
  #open = false;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show({ stage, step, total }: Progress): void {
    const last = step === total;
    const name = t(NAMES[stage]);
    if (!this.#stream.isTTY) {
      if (last) this.#stream.write(`${t('{name}: {count} step | {name}: {count} steps', { name, count: total })}\n`);
      return;
    }
    const filled = Math.round((step / total) * WIDTH);
    const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled);
    this.#stream.write(`\r${name} ${bar} ${step}/${total}${last ? '\n' : ''}`);
    this.#open = !last;
  }

  /** Leaves the cursor on a line of its own. */
  stop(): void {
    if (this.#open) this.#stream.write('\n');
    this.#open = false;
  }
}
