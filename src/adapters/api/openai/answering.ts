import { streamSSE } from 'hono/streaming';
import type * as z from 'zod';
import type { Job, JobImage } from '../../../bot/job.ts';
import { lackText } from '../../../bot/replies/lack-text.ts';
import { toldProblem } from '../../web/server/problems.ts';
import type { ApiCall } from '../serving/api-context.ts';
import { pictureFile, picturesToAnswer, previewFile } from '../serving/picture-files.ts';
import { openAiProblem } from './problems.ts';
import type { Translated } from './request.ts';
import type { PICTURES, STREAM_EVENT, StreamKind } from './schemas.ts';

/** Milliseconds between two signs of life on a stream: proxies close those on which nothing comes. */
const ALIVE_MS = 15_000;
const NO_TOKENS = {
  input_tokens: 0,
  output_tokens: 0,
  total_tokens: 0,
  input_tokens_details: { text_tokens: 0, image_tokens: 0 },
} as const;

/** Paints, and answers with all pictures at once. */
export async function answerWhole(call: ApiCall, request: Translated): Promise<Response> {
  const painting = call.api.paintings.paint(request.wish, call.caller, call.signal);
  let next = await painting.next();
  while (!next.done) next = await painting.next();
  const job = next.value;
  const data: z.output<typeof PICTURES>['data'] = [];
  const shown = picturesToAnswer(call.api.web.core, job, call.caller);
  for (const image of shown.images) data.push(await pictureJson(call, request, job, image));
  const answer: z.output<typeof PICTURES> = {
    created: secondsOf(job.createdAt),
    ...{ background: 'opaque', output_format: request.encode.format, size: sizeOf(job), data },
    wuerst: ownFields(job, request, shown),
  };
  return call.c.json(answer);
}

/** Paints, and answers with events: some of the unfinished picture, then each finished one. */
export function answerStream(call: ApiCall, request: Translated, kind: StreamKind, partialImages: number): Response {
  const { c, api, caller, signal } = call;
  return streamSSE(c, async (stream) => {
    const send = (event: z.output<typeof STREAM_EVENT>) =>
      stream.writeSSE({ event: event.type, data: JSON.stringify(event) });
    // The format has no event for it. Its clients pass over comments; whoever reads the stream sees why nothing comes.
    let doing = 'painting';
    const tell = () => stream.write(`: ${doing.replace(/\s+/g, ' ')}\n\n`);
    const alive = setInterval(() => void tell(), ALIVE_MS);
    try {
      const common = { background: 'opaque', output_format: request.encode.format, quality: 'auto' } as const;
      const painting = api.paintings.paint(request.wish, caller, signal);
      let sent = 0;
      let latest: Uint8Array | undefined;
      let next = await painting.next();
      for (; !next.done; next = await painting.next()) {
        const { value } = next;
        const now = value.type === 'queued' && value.lack !== undefined ? lackText(value.lack) : 'painting';
        const isNews = now !== doing;
        doing = now;
        if (isNews) await tell();
        if (value.type === 'queued') continue;
        const { job, fraction, preview } = value;
        if (preview === null || sent >= partialImages || fraction < (sent + 1) / (partialImages + 1)) continue;
        // It does not change with every step.
        if (latest !== undefined && Buffer.compare(latest, preview) === 0) continue;
        latest = preview;
        const b64_json = (await previewFile(preview, request.encode)).toString('base64');
        const progress = { b64_json, created_at: secondsOf(job.createdAt), ...common, size: sizeOf(job) };
        await send({ type: `${kind}.partial_image`, partial_image_index: sent, ...progress });
        sent += 1;
      }
      const job = next.value;
      const shown = picturesToAnswer(api.web.core, job, caller);
      for (const image of shown.images) {
        const file = await pictureFile(api.web.core, image.id, caller, request.encode);
        const done = { b64_json: file.toString('base64'), created_at: secondsOf(job.createdAt), ...common };
        const rest = { size: sizeOf(job), usage: NO_TOKENS, wuerst: ownFields(job, request, shown) };
        await send({ type: `${kind}.completed`, ...done, ...rest });
      }
    } catch (error) {
      if (signal.aborted) return;
      const { body } = openAiProblem(toldProblem(error, c, api.web.options.logger), error);
      await send({ type: 'error', ...body });
    } finally {
      clearInterval(alive);
    }
  });
}

async function pictureJson(call: ApiCall, { encode, asLinks }: Translated, job: Job, { id }: JobImage) {
  const { api, c, caller } = call;
  const { prompt, original } = job.request;
  // A preset or a wildcard has changed it.
  const revised = original === undefined ? {} : { revised_prompt: prompt };
  if (asLinks) return { url: api.links.link(c, id, encode.format), ...revised };
  return { b64_json: (await pictureFile(api.web.core, id, caller, encode)).toString('base64'), ...revised };
}

function ownFields(
  job: Job,
  { notes }: Translated,
  shown: ReturnType<typeof picturesToAnswer>,
): z.output<typeof PICTURES>['wuerst'] {
  return {
    job: job.id,
    seeds: shown.images.map(({ seed }) => seed.toString()),
    notes: [...notes, ...shown.notes, ...job.notes],
  };
}

function sizeOf({ request: { width, height } }: Job): string {
  return `${width}x${height}`;
}

function secondsOf(time: number): number {
  return Math.floor(time / 1000);
}
