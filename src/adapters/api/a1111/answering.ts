import type * as z from 'zod';
import { isOver, type Job, type QueuePosition } from '../../../bot/job.ts';
import { pictureWords } from '../../../bot/prompts/picture-words.ts';
import { lackText } from '../../../bot/replies/lack-text.ts';
import { takeRate } from '../serving/admission.ts';
import type { ApiCall } from '../serving/api-context.ts';
import { PaintingFailed } from '../serving/paintings.ts';
import { pictureFile, picturesToAnswer, previewFile } from '../serving/picture-files.ts';
import { SAMPLER, type Translated } from './request.ts';
import type { PICTURES, PNG_TEXTS, PROGRESS } from './schemas.ts';

/** Paints, and answers with what there is: of an interrupted request, the pictures that were finished. */
export async function answerPictures(call: ApiCall, request: Translated, sendImages: boolean): Promise<Response> {
  const job = await painted(call, request);
  const images: string[] = [];
  const infotexts: string[] = [];
  const shown = picturesToAnswer(call.api.web.core, job, call.caller);
  for (const { id } of sendImages ? shown.images : []) {
    const file = await pictureFile(call.api.web.core, id, call.caller, { format: 'png' });
    images.push(file.toString('base64'));
    infotexts.push((await pictureWords(file)).parameters ?? '');
  }
  const { prompt, negative, width, height, n, steps, guidance, start } = job.request;
  const parameters = {
    ...{ prompt, negative_prompt: negative, width, height, batch_size: n, n_iter: 1, sampler_name: SAMPLER },
    ...{ seed: Number(job.request.seed), steps: typeof steps === 'number' ? steps : null, cfg_scale: guidance },
    ...(start === undefined ? {} : { denoising_strength: start.strength }),
  };
  const answer: z.output<typeof PICTURES> = {
    images,
    parameters,
    info: JSON.stringify({ ...infoOf(job, parameters, request, shown), infotexts }),
  };
  return call.c.json(answer);
}

async function painted({ api, caller, signal }: ApiCall, { wish }: Translated): Promise<Job> {
  try {
    const painting = api.paintings.paint(wish, caller, signal);
    let next = await painting.next();
    while (!next.done) next = await painting.next();
    return next.value;
  } catch (error) {
    if (error instanceof PaintingFailed && error.job.state === 'cancelled' && !signal.aborted) return error.job;
    throw error;
  }
}

function infoOf(
  job: Job,
  parameters: Readonly<Record<string, unknown>>,
  { notes }: Translated,
  shown: ReturnType<typeof picturesToAnswer>,
) {
  const { images } = shown;
  return {
    ...parameters,
    all_prompts: images.map(() => job.request.prompt),
    all_negative_prompts: images.map(() => job.request.negative),
    all_seeds: images.map(({ seed }) => Number(seed)),
    index_of_first_image: 0,
    job_timestamp: timestampOf(job.createdAt),
    interrupted: job.state === 'cancelled',
    wuerst: { job: job.id, notes: [...notes, ...shown.notes, ...job.notes] },
  };
}

/** How far the oldest request is that the program waits for; nothing of other programs. */
export async function progressOf({ api, caller }: ApiCall, withImage: boolean): Promise<z.output<typeof PROGRESS>> {
  const running = api.paintings.of(caller).filter(({ job }) => !isOver(job));
  const [first] = running;
  const step = first?.step ?? null;
  const place = first && api.web.core.queuePosition(first.job.id);
  const until = step?.eta ?? place?.eta ?? null;
  const preview = withImage ? (step?.preview ?? null) : null;
  return {
    progress: step?.fraction ?? 0,
    eta_relative: until === null ? 0 : Math.max(0, (until.to - Date.now()) / 1000),
    state: {
      ...{ skipped: false, interrupted: false },
      job: first === undefined ? '' : first.job.id,
      job_count: running.length,
      job_timestamp: first === undefined ? '0' : timestampOf(first.job.createdAt),
      job_no: 0,
      sampling_step: step?.step ?? 0,
      sampling_steps: step?.total ?? 0,
    },
    current_image: preview === null ? null : (await previewFile(preview, { format: 'png' })).toString('base64'),
    textinfo: first && place ? doing(first.job, place) : null,
  };
}

function doing({ state }: Job, { lack }: QueuePosition): string {
  if (lack !== undefined) return lackText(lack);
  return state === 'queued' ? 'Waiting' : 'Painting';
}

/** Cancels what the program waits for. */
export async function interrupt({ api, caller }: ApiCall): Promise<void> {
  for (const { job } of api.paintings.of(caller)) await api.paintings.cancel(job.id, caller);
}

export async function textsOf({ api, key }: ApiCall, image: Uint8Array): Promise<z.output<typeof PNG_TEXTS>> {
  takeRate(api, key);
  const items = await api.web.forms.take(`key ${key.id}`, () => pictureWords(image));
  const { parameters = '' } = items;
  return { info: parameters, items, parameters: parameters === '' ? {} : { parameters } };
}

/** `20261128151500`, as A1111 writes it. */
function timestampOf(time: number): string {
  return new Date(time).toISOString().replace(/\D/g, '').slice(0, 14);
}
