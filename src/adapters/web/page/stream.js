const TYPES = ['queued', 'started', 'step', 'image', 'done', 'failed', 'cancelled', 'changed'];
const SLOWEST_RETRY_MS = 15_000;

/**
 * The events of all open rooms, over one connection that is kept open. A hidden page that waits for nothing closes it,
 * because browsers allow only six connections to one server for all its pages together.
 */
export class Stream {
  #rooms = [];
  #source = null;
  #lastId = null;
  #retries = 0;
  #timer = null;
  #handlers;

  /** `onEvent(event)`, `onHello(replays)`, `onState('connecting' | 'live' | 'lost')`, `mayRest()`. */
  constructor(handlers) {
    this.#handlers = handlers;
    document.addEventListener('visibilitychange', () => this.#visibilityChanged());
    addEventListener('online', () => this.#open());
  }

  listen(rooms) {
    if (rooms.join() === this.#rooms.join()) return;
    this.#rooms = rooms;
    this.#open();
  }

  #open() {
    clearTimeout(this.#timer);
    this.#source?.close();
    const [first, ...others] = this.#rooms;
    if (first === undefined) return;
    const query = new URLSearchParams(others.map((room) => ['also', room]));
    if (this.#lastId !== null) query.set('after', this.#lastId);
    const source = new EventSource(`/api/rooms/${first}/events?${query}`);
    this.#source = source;
    this.#handlers.onState('connecting');
    source.addEventListener('hello', (message) => {
      this.#retries = 0;
      this.#handlers.onState('live');
      this.#handlers.onHello(JSON.parse(message.data).replays);
    });
    for (const type of TYPES) source.addEventListener(type, (message) => this.#take(message));
    source.addEventListener('error', () => this.#failed(source));
  }

  #take(message) {
    // The browser repeats the last id on events that have none.
    if (message.lastEventId !== '') this.#lastId = message.lastEventId;
    this.#handlers.onEvent(JSON.parse(message.data));
  }

  #failed(source) {
    if (source !== this.#source) return;
    this.#handlers.onState('lost');
    // The browser retries a broken connection itself, with Last-Event-ID, but gives up after a refusal.
    if (source.readyState !== EventSource.CLOSED) return;
    const wait = Math.min(SLOWEST_RETRY_MS, 1000 * 2 ** this.#retries);
    this.#retries += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), wait);
  }

  #visibilityChanged() {
    if (document.visibilityState === 'visible') {
      if (!this.#source || this.#source.readyState === EventSource.CLOSED) this.#open();
    } else if (this.#handlers.mayRest()) {
      this.#source?.close();
    }
  }
}
