import type { Painter, PainterStatus } from '../../../src/bot/jobs/painter.ts';
import { PipelineCrashed, PipelineStopped } from '../../../src/pipeline/process/client.ts';
import type { EngineEvent, EngineInfo, EngineRequest, ImagePlan } from '../../../src/pipeline/process/protocol.ts';
import { OperatorError, UserError } from '../../../src/system/errors.ts';

export const INFO: EngineInfo = {
  checkpoint: 'c0ffee',
  provider: 'fake-fp32',
  styles: ['interpolated', 'base', 'aesthetic'],
};

/** The same plan always gives the same bytes. */
export function pictureOf(request: EngineRequest, { source, stageBSeed }: ImagePlan): Uint8Array {
  const { kind } = source;
  const from =
    kind === 'words'
      ? `words ${request.prompt} ${source.seed}`
      : kind === 'mix'
        ? `mix ${request.prompt} ${source.seed} ${source.mixes.map(({ seed, strength }) => `${seed} ${strength}`)}`
        : kind === 'embedding'
          ? Buffer.from(source.embedding.data.buffer).toString('hex')
          : `enlarge ${Buffer.from(source.embedding.data.buffer).toString('hex')} ${source.seed} ${source.strength}`;
  return Buffer.from(`png ${request.width}x${request.height} ${embeddingKey(from)} ${stageBSeed}`);
}

/** The embedding of a source is its name in numbers; that of an embedding is itself. */
function embeddingKey(from: string): string {
  return /^[0-9a-f]+$/.test(from) ? from : Buffer.from(numbersOf(from).buffer).toString('hex');
}

function numbersOf(text: string): Float32Array<ArrayBuffer> {
  const numbers = new Float32Array(8);
  for (const [index, character] of [...text].entries()) {
    numbers[index % 8] = Math.fround(((numbers[index % 8] ?? 0) * 31 + (character.codePointAt(0) ?? 0)) % 1e6);
  }
  return numbers;
}

/**
 * A pipeline in memory. Words of the prompt steer it: `crash` (dies each time), `crash-once`, `crash-midway` (once, after
 * a picture), `lost` (its painter is gone each time), `lost-midway` (after each picture), `too-big`, `broken` and `greedy` (errors for people, for the operator and for both), `bug`, `wait` (until `release` or
 * cancelled), `long` (cuts off its end).
 */
export class FakePainter implements Painter {
  readonly id: string;
  readonly name: string;
  readonly requests: EngineRequest[] = [];
  /** Prompts of the requests that came alongside another. */
  readonly alongside: string[] = [];
  status: PainterStatus = { info: INFO };
  /** Of its time, what each request is charged for. */
  share = 1;
  /** Called before the first event of each request. */
  onStart: (request: EngineRequest) => void = () => {};
  #dies = false;
  readonly #crashed = new Set<string>();
  #release: () => void = () => {};
  #released = new Promise<void>((resolve) => {
    this.#release = resolve;
  });

  constructor(id = 'fake') {
    this.id = id;
    this.name = `Painter ${id}`;
  }

  /** Dies of the request that waits. */
  crash(): void {
    this.#dies = true;
    this.release();
  }

  release(): void {
    this.#release();
    this.#released = new Promise<void>((resolve) => {
      this.#release = resolve;
    });
  }

  async *generate(
    request: EngineRequest,
    { signal, alongside = false }: { readonly signal?: AbortSignal; readonly alongside?: boolean } = {},
  ): AsyncGenerator<EngineEvent, void> {
    this.requests.push(request);
    if (alongside) this.alongside.push(request.prompt);
    this.onStart(request);
    const words = new Set(request.prompt.split(' '));
    const step = { type: 'step', stage: 'prior', image: null, total: 2, timestep: null } as const;
    yield { ...step, step: 0, preview: null };
    if (words.has('crash')) throw crashed();
    if (words.has('crash-once') && !this.#crashed.has(request.prompt)) {
      this.#crashed.add(request.prompt);
      throw crashed();
    }
    if (words.has('lost')) throw new PipelineStopped();
    if (words.has('too-big')) throw new UserError('too_big', 'Too big for this machine.', { hint: 'width:512' });
    if (words.has('broken')) throw new OperatorError('no_memory', () => 'Out of memory at 0xdeadbeef.');
    if (words.has('greedy'))
      throw new OperatorError('memory_short', () => 'Needs 9 GB.', { hint: () => 'width:512 should fit.' });
    if (words.has('bug')) throw new TypeError('x is not a function');
    yield { ...step, step: 1, preview: Uint8Array.of(1, 2, 3) };
    if (words.has('wait')) await this.#until(signal);
    if (this.#dies) {
      this.#dies = false;
      throw crashed();
    }
    for (const plan of request.images) {
      signal?.throwIfAborted();
      const png = pictureOf(request, plan);
      const key = Buffer.from(png).toString().split(' ')[2] ?? '';
      const data = new Float32Array(Uint8Array.from(Buffer.from(key, 'hex')).buffer);
      yield {
        type: 'image',
        image: plan.index,
        png,
        metadata: plan.metadata,
        embedding: { dims: [data.length], data },
      };
      if (words.has('lost-midway')) throw new PipelineStopped();
      if (words.has('crash-midway') && !this.#crashed.has(request.prompt)) {
        this.#crashed.add(request.prompt);
        throw crashed();
      }
    }
    const warnings = words.has('long') ? ['The model left out "and so on".'] : [];
    const n = request.images.length;
    yield {
      type: 'done',
      warnings,
      ...(this.share < 1 ? { share: this.share } : {}),
      timings: { load: 60_000, text: 10, prior: 580 * n, decoder: 240 * n, vqgan: 50 * n, encode: 20 * n },
    };
  }

  async #until(signal: AbortSignal | undefined): Promise<void> {
    let abort = () => {};
    const aborted = new Promise<never>((_resolve, reject) => {
      abort = () => reject(signal?.reason);
    });
    aborted.catch(() => {});
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    await Promise.race([this.#released, aborted]);
  }
}

function crashed(): PipelineCrashed {
  return new PipelineCrashed({ reason: 'signal', code: null, signal: 'SIGKILL', call: 'decoder.run', output: '' });
}
