import type { JobEvent } from '../../../bot/job.ts';
import type { Core } from '../../adapter.ts';
import { jobJson } from './job-json.ts';

const encoder = new TextEncoder();

/** Turns events into server-sent events; a live event that many pages get is encoded once. */
export class EventEncoder {
  readonly #core: Core;
  readonly #encoded = new WeakMap<JobEvent, Uint8Array>();

  constructor(core: Core) {
    this.#core = core;
  }

  encode(event: JobEvent): Uint8Array {
    const known = this.#encoded.get(event);
    if (known) return known;
    const frame = sseFrame(event.type, eventJson(this.#core, event), event.seq);
    this.#encoded.set(event, frame);
    return frame;
  }
}

/** JSON holds no raw line ends, so one `data:` line is always enough. */
export function sseFrame(type: string, data: unknown, id: number | null): Uint8Array {
  const idLine = id === null ? '' : `id: ${id}\n`;
  return encoder.encode(`${idLine}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
}

function eventJson(core: Core, event: JobEvent): Record<string, unknown> {
  const { type, seq } = event;
  if (event.type === 'queued') {
    return { type, seq, job: jobJson(core, event.job, { position: event.position, eta: event.eta }) };
  }
  if (event.type === 'image') return { type, seq, job: jobJson(core, event.job), image: event.image.id };
  if (event.type !== 'step') return { type, seq, job: jobJson(core, event.job) };
  const { stage, step, total, fraction, eta } = event;
  const job = jobJson(core, event.job, { position: null, eta });
  return { type, seq, job, stage, step, total, fraction };
}
