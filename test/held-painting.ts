import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './bot-process.ts';

/** Real painting that waits for whoever looks at it. */
export class HeldPainting {
  /** URL of the module with the engine. */
  readonly engine: string;
  readonly #file: string;

  constructor(t: { after(end: () => void): void }) {
    this.#file = join(temporaryFolder(t), 'held');
    const url = new URL('./held-engine.ts', import.meta.url);
    url.searchParams.set('file', this.#file);
    this.engine = url.href;
  }

  /** Nothing is painted beyond the first step of this stage at which something has been shown. */
  holdAt(stage: 'prior' | 'decoder'): void {
    writeFileSync(this.#file, stage);
  }

  goOn(): void {
    rmSync(this.#file, { force: true });
  }
}
