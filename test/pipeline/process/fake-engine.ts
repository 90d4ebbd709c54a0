import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import {
  type Engine,
  type EngineEvent,
  EngineLost,
  type EngineRequest,
  type GenerateContext,
  type LoadContext,
  type LoadOptions,
} from '../../../src/pipeline/process/protocol.ts';
import { OperatorError, UserError } from '../../../src/system/errors.ts';
import { currentLanguage } from '../../../src/texts/language.ts';

/** Blocks this thread as `session.run` does. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function step(done: number, total: number): EngineEvent {
  const preview = Uint8Array.from([done, total]);
  return { type: 'step', stage: 'prior', image: 0, step: done, total, timestep: 1 - done / total, preview };
}

/** Does what its prompt (or, when loading, the name of the model) says. */
class FakeEngine implements Engine {
  #leanFrom = Number.POSITIVE_INFINITY;

  async load({ model, leanFrom }: LoadOptions, { announce, changed }: LoadContext) {
    const [what = '', file = ''] = model.split(' ');
    this.#leanFrom = leanFrom ?? this.#leanFrom;
    if (what === 'large' && this.#leanFrom > 0) process.kill(process.pid, 'SIGKILL');
    if (what === 'missing')
      throw new OperatorError('model_missing', () => 'No model here.', { hint: () => 'wuerst models pull' });
    // As CUDA's libraries may do after a right run.
    if (what.startsWith('aborts')) process.on('exit', () => process.abort());
    if (what === 'aborts-missing') throw new OperatorError('model_missing', () => 'No model here.');
    if (what === 'crash') process.exit(9);
    if (what === 'crash-once' && !existsSync(file)) {
      writeFileSync(file, '');
      process.exit(9);
    }
    if (what === 'crash-second') {
      const starts = existsSync(file) ? readFileSync(file, 'utf8').length + 1 : 1;
      writeFileSync(file, 'x'.repeat(starts));
      if (starts === 2) process.exit(9);
    }
    if (what === 'block') {
      await announce('session.create', 1000);
      block(600_000);
    }
    const info = { checkpoint: `hash of ${model}`, provider: 'fake-fp32', styles: ['base'] };
    if (what === 'sampled') changed?.({ ...info, checkpoint: 'hash of all' });
    if (file !== '' && what === 'sampled') {
      await announce('hash', 1);
      void leaveWhenSent(file);
    }
    return info;
  }

  async *generate(request: EngineRequest, { announce, signal }: GenerateContext): AsyncGenerator<EngineEvent, void> {
    const [what, number = '0'] = request.prompt.split(' ');
    yield step(0, 2);
    if (what === 'exit') process.exit(Number(number));
    if (what === 'kill') process.kill(process.pid, 'SIGKILL');
    if (what === 'hungry' && request.width * request.height < this.#leanFrom) {
      // The system kills whoever takes the last of the memory.
      process.kill(process.pid, 'SIGKILL');
      block(600_000);
    }
    if (what === 'lost') throw new EngineLost('the device fell off the bus');
    if (what === 'user') throw new UserError('too_wide', 'Too wide.', { hint: 'width:1024' });
    if (what === 'operator') throw new OperatorError('no_memory', () => 'Out of accelerator memory.');
    if (what === 'reader') throw new UserError('reader', currentLanguage());
    if (what === 'program') throw new OperatorError('program', () => currentLanguage());
    if (what === 'bug') throw new TypeError('x is not a function');
    if (what === 'block') {
      await announce('decoder.run', Number(number));
      block(600_000);
    }
    if (what === 'silent') block(600_000);
    while (what === 'endless') {
      await announce('prior.run', 1);
      block(5);
    }
    while (what === 'wait') {
      await new Promise(setImmediate);
      signal.throwIfAborted();
    }
    if (what === 'leak') leak();
    if (what === 'env') console.log(JSON.stringify(process.env));
    if (what === 'paint-the-terminal') process.stderr.write('\u001b]0;owned\u0007\u009b31mred\u202e\n');
    yield step(2, 2);
    for (const { index, source, metadata } of request.images) {
      const embedding =
        source.kind === 'embedding' ? source.embedding : { dims: [2], data: Float32Array.of(0.5, -200) };
      const seed = source.kind === 'words' ? `${source.seed}` : '';
      yield {
        type: 'image',
        image: index,
        png: new Uint8Array(300_000).fill(index),
        metadata: { ...metadata, seed },
        embedding,
      };
    }
    yield { type: 'done', timings: { prior: 12.5 }, warnings: [] };
  }
}

/** Leaves a file when all messages of this moment are on their way. */
async function leaveWhenSent(file: string): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
  writeFileSync(file, '');
}

function leak(): void {
  const hoard: unknown[] = [];
  for (;;) hoard.push(Array.from({ length: 100_000 }, (_, index) => ({ index })));
}

export const createEngine = () => new FakeEngine();
