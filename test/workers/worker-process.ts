import { join } from 'node:path';
import { EMBEDDED_MODELS } from '../../src/models/model-folder.ts';
import type { Timing } from '../../src/workers/worker/worker-options.ts';
import { ChildLines } from '../child-lines.ts';
import { running } from '../program.ts';

export interface WorkerChildOptions {
  readonly redis: string;
  readonly bot: string;
  readonly name: string;
  /** Its folder. */
  readonly data: string;
  readonly engine: string;
  readonly model: string;
  readonly timing: Partial<Timing>;
  readonly version?: string;
  /** Pictures of several requests at the same time. @default off */
  readonly batch?: number;
}

export const REAL_ENGINE = new URL('../../src/pipeline/engine/engine.ts', import.meta.url).href;
const CHILD = new URL('./worker-child.ts', import.meta.url);
/** Short, so that what is lost is noticed soon. Nothing goes wrong where they are missed: work is done twice. */
export const QUICK: Timing = {
  ...{ lockMs: 2000, beatMs: 200, registerMs: 250, patienceMs: 3000, silenceMs: 1500 },
  ...{ releaseMs: 10_000, closeMs: 3000 },
};

/** A worker as a process of its own. */
export class WorkerProcess extends ChildLines {
  constructor(
    t: { after(end: () => unknown): void },
    options: Pick<WorkerChildOptions, 'redis' | 'bot' | 'name' | 'data'> & Partial<WorkerChildOptions>,
  ) {
    const all = { engine: REAL_ENGINE, model: join(EMBEDDED_MODELS, 'cocktail'), timing: QUICK, ...options };
    super(t, [process.execPath, ...running(CHILD)], { TEST_OPTIONS: JSON.stringify(all) });
  }

  /** Its pipeline process; `undefined` while it has none. */
  get pipelinePid(): number | undefined {
    const line = this.lines.findLast((text) => text.startsWith('pipeline '));
    return line === undefined ? undefined : Number(line.slice('pipeline '.length));
  }
}
