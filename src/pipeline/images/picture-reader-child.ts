/** Entry point of the process that decodes given pictures: one message in, one out, and it ends. */
import sharp, { type Sharp } from 'sharp';
import { READY, type ReadAnswer, type ReadRequest, reading } from './picture-reading.ts';

// One picture, once: what is kept for the next one, or computed beside it, is memory for nothing.
sharp.cache(false);
sharp.concurrency(1);

process.once('message', (request: ReadRequest) => {
  void answer(request).then((message) => process.send?.(message, () => process.disconnect()));
});
process.on('disconnect', () => process.exit());
process.send?.(READY);

async function answer(request: ReadRequest): Promise<ReadAnswer> {
  try {
    return await reading((input, options): Sharp => sharp(input, options), request);
  } catch (error) {
    return { type: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}
