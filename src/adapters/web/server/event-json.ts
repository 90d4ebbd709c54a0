import type { JobEvent } from '../../../bot/job.ts';
import { inLanguage, type Language } from '../../../texts/language.ts';
import type { Core } from '../../adapter.ts';
import { jobJson } from './job-json.ts';

const encoder = new TextEncoder();

/** Turns events into server-sent events. A live event that goes to many pages is encoded once for each language. */
export class EventEncoder {
  readonly #core: Core;
  readonly #encoded = new WeakMap<JobEvent, Map<Language, Uint8Array>>();

  constructor(core: Core) {
    this.#core = core;
  }

  encode(event: JobEvent, language: Language = 'en'): Uint8Array {
    const frames = this.#encoded.get(event) ?? new Map<Language, Uint8Array>();
    this.#encoded.set(event, frames);
    const known = frames.get(language);
    if (known) return known;
    const frame = inLanguage(language, () => sseFrame(event.type, eventJson(this.#core, event), event.seq));
    frames.set(language, frame);
    return frame;
  }
}

/** JSON contains no raw line breaks, so one `data:` line is always enough. */
export function sseFrame(type: string, data: unknown, id: number | null): Uint8Array {
  const idLine = id === null ? '' : `id: ${id}\n`;
  return encoder.encode(`${idLine}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
}

function eventJson(core: Core, event: JobEvent): object {
  const { type, seq, job } = event;
  if (event.type === 'erased') return { type, seq, job: { id: job.id, room: job.caller.room } };
  if (event.type === 'queued') return { type, seq, job: jobJson(core, job, event) };
  if (event.type === 'image') return { type, seq, job: jobJson(core, job), image: event.image.id };
  if (event.type !== 'step') return { type, seq, job: jobJson(core, job) };
  const { stage, step, total, fraction, eta } = event;
  return { type, seq, job: jobJson(core, job, { position: null, eta }), stage, step, total, fraction };
}
