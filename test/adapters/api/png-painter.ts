import sharp from 'sharp';
import type { PainterStatus } from '../../../src/bot/jobs/painter.ts';
import type { EngineEvent, EngineRequest } from '../../../src/pipeline/process/protocol.ts';
import { FakePainter, INFO } from '../../bot/jobs/fake-painter.ts';
import { CLASSIFIER, verdictOn } from '../../bot/jobs/judging-painter.ts';

/** A painter whose pictures are real files: of one colour, by the words and the seed. */
export class PngPainter extends FakePainter {
  override status: PainterStatus = {
    info: { ...INFO, startsFromPictures: true, classifier: CLASSIFIER },
  };

  override async *generate(
    request: EngineRequest,
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<EngineEvent, void> {
    const { width, height } = request;
    for await (const event of super.generate(request, options)) {
      if (event.type === 'image') {
        const shade = event.png.reduce((sum, byte) => (sum * 31 + byte) % 256, 7);
        yield {
          ...event,
          png: await plain({ width, height, shade }),
          metadata: { ...event.metadata, parameters: 'a' },
          ...verdictOn(request, event.image),
        };
      } else if (event.type === 'step' && event.preview !== null) {
        const preview = await plain({ shade: 9 });
        yield { ...event, preview };
        for (const step of [0, 1, 2, 3]) yield { ...event, stage: 'decoder', step, total: 4, preview };
      } else yield event;
    }
  }
}

/** A PNG of one colour; with `hole`, its left half is transparent. */
export async function plain({ width = 64, height = 64, shade = 100, hole = false } = {}): Promise<Uint8Array> {
  const background = { r: shade, g: 255 - shade, b: 40, alpha: 1 };
  const picture = sharp({ create: { width, height, channels: 4, background } });
  if (!hole) return picture.removeAlpha().png().toBuffer();
  const erased = Buffer.alloc(Math.floor(width / 2) * height * 4, 255);
  const raw = { width: Math.floor(width / 2), height, channels: 4 } as const;
  return picture
    .composite([{ input: erased, raw, blend: 'dest-out', left: 0, top: 0 }])
    .png()
    .toBuffer();
}
