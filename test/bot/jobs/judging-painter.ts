import sharp from 'sharp';
import type { EngineRequest } from '../../../src/pipeline/process/protocol.ts';
import { FakePainter, INFO } from './fake-painter.ts';

const picture = await sharp({ create: { width: 64, height: 32, channels: 3, background: '#c04020' } })
  .png()
  .toBuffer();

export const CLASSIFIER = 'tiny 1.0';

/**
 * What a picture classifier finds in a picture, where it is asked. Words of the prompt steer it: `explicit` (every other picture
 * is), `unseen` (it fails), `blind` (it does not look).
 */
export function verdictOn({ prompt, judge }: EngineRequest, index: number) {
  const words = prompt.split(' ');
  if (judge !== true || words.includes('blind')) return {};
  if (words.includes('unseen')) return { verdict: { classifier: CLASSIFIER, problem: 'It is broken.' } };
  const explicit = words.includes('explicit') && index % 2 === 0;
  const shares = { drawing: 0.1, hentai: 0, neutral: explicit ? 0 : 0.9, porn: explicit ? 0.9 : 0, sexy: 0 };
  return { verdict: { classifier: CLASSIFIER, explicit, shares } };
}

/** A painter with a picture classifier, whose files are pictures and hold their prompt. */
export class JudgingPainter extends FakePainter {
  override status = { info: { ...INFO, classifier: CLASSIFIER } };

  override async *generate(...[request, options]: Parameters<FakePainter['generate']>) {
    for await (const event of super.generate(request, options)) {
      if (event.type !== 'image') yield event;
      else {
        const png = Buffer.concat([picture, Buffer.from(`${request.prompt} ${event.image}`)]);
        yield { ...event, png, ...verdictOn(request, event.image) };
      }
    }
  }
}
