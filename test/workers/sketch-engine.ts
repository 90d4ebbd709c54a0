import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import type {
  Engine,
  EngineEvent,
  EngineRequest,
  GenerateContext,
  LoadOptions,
} from '../../src/pipeline/process/protocol.ts';
import { UserError } from '../../src/system/errors.ts';

/** A PNG of one colour, which the prompt and the seed decide. */
export function sketch(
  { prompt, width, height }: Pick<EngineRequest, 'prompt' | 'width' | 'height'>,
  seed: bigint,
): Uint8Array {
  const colour = createHash('sha256').update(`${prompt} ${seed}`).digest().subarray(0, 3);
  const row = Buffer.concat([Buffer.of(0), ...Array.from({ length: width }, () => colour)]);
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const pixels = deflateSync(Buffer.concat(Array.from({ length: height }, () => row)));
  const signature = Buffer.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  return Buffer.concat([signature, chunk('IHDR', head), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/**
 * Paints one colour. The name of its model is its checkpoint: `sketch-2` paints two pictures at the same time, and those that begin
 * with `tuned` are alike in the pieces by which large weights are first told apart; in `sketch aesthetic=a` the hash of one part
 * follows. Words of the prompt: `die` ends the process,
 * `refuse` blames the prompt, `stumble` fails and `chatty` warns at great length, `endless` goes on until it is cancelled, `hold`
 * until there is the file `go` in its folder.
 */
class SketchEngine implements Engine {
  #folder = '';

  async load({ cacheDir = '', model: name }: LoadOptions) {
    const [model = '', ...parts] = name.split(' ');
    this.#folder = cacheDir;
    const sizes = { minSide: 64, maxSide: 1024, maxPixels: 1024 ** 2, gridStep: 64 };
    const styles = ['interpolated', 'base', 'aesthetic'];
    const together = Number(/\d+$/.exec(model)?.[0] ?? 1);
    const info = { model: 'sketch', checkpoint: model, provider: 'fake', startsFromPictures: true };
    const further = parts.map((part) => part.split('=')).map(([part = '', checkpoint = '']) => [part, { checkpoint }]);
    Object.assign(info, { further: Object.fromEntries(further) });
    if (model.startsWith('tuned')) Object.assign(info, { formerCheckpoints: ['tuned'] });
    return { ...info, styles, sizes, together };
  }

  async *generate(request: EngineRequest, { announce, signal }: GenerateContext): AsyncGenerator<EngineEvent, void> {
    const words = request.prompt.split(' ');
    if (words.includes('refuse')) throw new UserError('refused', `No "${request.prompt}".`);
    if (words.includes('stumble')) throw new Error('stumbled '.repeat(10_000));
    for (const { index, metadata, stageBSeed } of request.images) {
      for (let step = 0; step <= 3; step += 1) {
        await announce('prior.run', 1);
        yield { type: 'step', stage: 'prior', image: index, step, total: 3, timestep: null, preview: null };
      }
      if (words.includes('die')) process.abort();
      while (words.includes('endless') || (words.includes('hold') && !existsSync(join(this.#folder, 'go')))) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        signal.throwIfAborted();
      }
      const embedding = { dims: [2], data: Float32Array.of(index, 1) };
      yield { type: 'image', image: index, png: sketch(request, stageBSeed), metadata, embedding };
    }
    yield {
      type: 'done',
      timings: { prior: 3, decoder: 2 },
      warnings: words.includes('chatty') ? ['chat '.repeat(10_000)] : [],
    };
  }
}

export const createEngine = () => new SketchEngine();
