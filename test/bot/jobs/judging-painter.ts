import sharp from 'sharp';
import { FakePainter, INFO } from './fake-painter.ts';

const picture = await sharp({ create: { width: 64, height: 32, channels: 3, background: '#c04020' } })
  .png()
  .toBuffer();

/**
 * A painter with a picture classifier. Words of the prompt steer what it finds: `explicit` (in every other picture), `unseen` (it
 * fails), `blind` (it does not look).
 */
export class JudgingPainter extends FakePainter {
  override status = { info: { ...INFO, classifier: 'tiny 1.0' } };

  override async *generate(...[request, options]: Parameters<FakePainter['generate']>) {
    for await (const event of super.generate(request, options)) {
      if (event.type !== 'image') yield event;
      else {
        const words = request.prompt.split(' ');
        const isExplicit = words.includes('explicit') && event.image % 2 === 0;
        const shares = { drawing: 0.1, hentai: 0, neutral: isExplicit ? 0 : 0.9, porn: isExplicit ? 0.9 : 0, sexy: 0 };
        const found = { classifier: 'tiny 1.0', explicit: isExplicit, shares };
        const verdict = words.includes('unseen') ? { classifier: 'tiny 1.0', problem: 'It is broken.' } : found;
        const png = Buffer.concat([picture, Buffer.from(`${request.prompt} ${event.image}`)]);
        yield { ...event, png, ...(request.judge === true && !words.includes('blind') ? { verdict } : {}) };
      }
    }
  }
}
