import type { JobEvent } from '../../../bot/job.ts';
import type { Language } from '../../../texts/language.ts';
import type { Core } from '../../adapter.ts';
import { type EventEncoder, sseFrame } from './event-json.ts';
import { LatestLive, type LiveEvents } from './live-events.ts';

const REPLAY_PAGE = 50;
/** Bytes that may wait between this stream and its socket. */
const HIGH_WATER_BYTES = 16 * 1024;
/** Between two notices that the queue is different, in intervals of live updates. */
const QUEUE_INTERVALS = 8;
const HEARTBEAT = new TextEncoder().encode(': still here\n\n');

export interface EventStreamOptions {
  readonly core: Core;
  readonly live: LiveEvents;
  readonly encoder: EventEncoder;
  readonly rooms: readonly string[];
  /** Of whoever reads it: events come in the turn of whoever caused them. @default English */
  readonly language?: Language;
  /** The last durable event that the page has received; `null` starts with the next one. */
  readonly after: number | null;
  /** Milliseconds between two live updates. */
  readonly liveIntervalMs: number;
  readonly heartbeatMs: number;
  /** Whether the page also wants to hear that the queue, of all rooms, is different. @default false */
  readonly watchesQueue?: boolean;
  /** Asked with each heartbeat; the stream of somebody who signed out meanwhile ends. @default always */
  readonly mayGoOn?: () => boolean;
  /** Called when the page has stopped reading, and its socket should be closed. */
  readonly onStalled: () => void;
  readonly onEnd: () => void;
}

/**
 * The events of one page. The stream stores no durable events. It remembers how far the page has read, and asks the history
 * for what follows when the page can take more. So there is no gap between replayed and live events, none is sent twice, and
 * a page that never reads costs a fixed amount of memory until it is dropped. Only the latest live event of a job waits.
 */
export class EventStream {
  readonly body: ReadableStream<Uint8Array>;
  readonly #options: EventStreamOptions;
  readonly #stopListening: () => void;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #waitingLive = new LatestLive();
  #page: JobEvent[] = [];
  #cursor: number | null;
  #mayHaveMore: boolean;
  #greeted = false;
  #heartbeatDue = false;
  #liveTimer: NodeJS.Timeout | null = null;
  #stopWatching: (() => void) | null = null;
  #queueChanged = false;
  #queueTimer: NodeJS.Timeout | null = null;
  #wake: (() => void) | null = null;
  #ended = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.#cursor = options.after;
    this.#mayHaveMore = options.after !== null;
    for (const event of options.live.latest(options.rooms)) this.#waitingLive.take(event);
    this.#stopListening = options.live.listen(options.rooms, (event) => this.#take(event));
    if (options.watchesQueue) {
      this.#stopWatching = options.live.watchQueue(() => {
        this.#queueChanged = true;
        this.#wakeUp();
      });
    }
    this.#heartbeat = setInterval(() => this.#beat(), options.heartbeatMs).unref();
    this.body = new ReadableStream<Uint8Array>(
      { pull: (controller) => this.#pull(controller), cancel: () => this.end() },
      { highWaterMark: HIGH_WATER_BYTES, size: (chunk) => chunk.byteLength },
    );
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopListening();
    this.#stopWatching?.();
    if (this.#queueTimer) clearTimeout(this.#queueTimer);
    clearInterval(this.#heartbeat);
    if (this.#liveTimer) clearTimeout(this.#liveTimer);
    this.#waitingLive.clear();
    this.#page = [];
    this.#wakeUp();
    this.#options.onEnd();
  }

  #take(event: JobEvent): void {
    this.#waitingLive.take(event);
    if (event.seq !== null) {
      this.#cursor ??= event.seq - 1;
      this.#mayHaveMore = true;
    }
    this.#wakeUp();
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    while (!this.#ended) {
      const chunk = this.#next();
      if (chunk) {
        controller.enqueue(chunk);
        // The stream is only pulled while the page reads.
        this.#heartbeatDue = false;
        return;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    controller.close();
  }

  #next(): Uint8Array | null {
    if (!this.#greeted) {
      this.#greeted = true;
      return sseFrame('hello', { replays: this.#options.after !== null }, null);
    }
    const durable = this.#nextDurable();
    if (durable) return this.#encoded(durable);
    return this.#nextQueue() ?? this.#nextLive() ?? (this.#heartbeatDue ? HEARTBEAT : null);
  }

  #encoded(event: JobEvent): Uint8Array {
    const { encoder, language } = this.#options;
    return encoder.encode(event, language);
  }

  #nextDurable(): JobEvent | null {
    if (this.#page.length === 0 && this.#mayHaveMore && this.#cursor !== null)
      this.#page = this.#readPage(this.#cursor);
    const event = this.#page.shift() ?? null;
    if (event?.seq != null) this.#cursor = event.seq;
    return event;
  }

  /** The first events of each room after the cursor. The earliest of all of them together have no gap. */
  #readPage(after: number): JobEvent[] {
    const { core, rooms } = this.#options;
    const events = rooms.flatMap((room) => core.eventsSince('web', room, after, REPLAY_PAGE));
    this.#mayHaveMore = events.length > 0;
    return events.sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0)).slice(0, REPLAY_PAGE);
  }

  /** Only that it is different: what it looks like is for each person to ask. */
  #nextQueue(): Uint8Array | null {
    if (!this.#queueChanged || this.#queueTimer !== null) return null;
    this.#queueChanged = false;
    this.#queueTimer = setTimeout(() => {
      this.#queueTimer = null;
      this.#wakeUp();
    }, QUEUE_INTERVALS * this.#options.liveIntervalMs);
    return sseFrame('queue', {}, null);
  }

  #nextLive(): Uint8Array | null {
    if (this.#liveTimer !== null) return null;
    const [first] = this.#waitingLive;
    if (!first) return null;
    const [jobId, event] = first;
    this.#waitingLive.delete(jobId);
    if (this.#waitingLive.size === 0) this.#pauseLive();
    return this.#encoded(event);
  }

  /** Pauses after each round of updates. Meanwhile a newer update of a job replaces the one that waits. */
  #pauseLive(): void {
    this.#liveTimer = setTimeout(() => {
      this.#liveTimer = null;
      this.#wakeUp();
    }, this.#options.liveIntervalMs);
  }

  #beat(): void {
    if (this.#options.mayGoOn?.() === false) {
      this.end();
      return;
    }
    if (this.#heartbeatDue) {
      this.end();
      this.#options.onStalled();
      return;
    }
    this.#heartbeatDue = true;
    this.#wakeUp();
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = null;
  }
}
