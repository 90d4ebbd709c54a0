import { api } from './api.js';

const TYPES = ['queued', 'started', 'step', 'image', 'done', 'failed', 'cancelled', 'changed', 'erased'];
const FIRST_RETRY_MS = 1000;
const SLOWEST_RETRY_MS = 15_000;
/** What breaks sooner has not held: something ends every connection, and must not be asked for another one each second. */
const HELD_MS = 10_000;

/** The server's events, over one connection that is opened again whenever it breaks: less and less often while none holds. */
export class Connection {
  #source = null;
  #retries = 0;
  #timer = null;
  #handlers;

  /** `address()` of the next attempt, `onEvent(event)`, `onQueue()` when the queue is different, `onHello()`, `onState('connecting' | 'live' | 'lost' | 'signed-out')`. */
  constructor(handlers) {
    this.#handlers = handlers;
  }

  get isOpen() {
    return this.#source !== null;
  }

  open() {
    this.close();
    const { address, onEvent, onQueue, onHello, onState } = this.#handlers;
    const source = new EventSource(address());
    this.#source = source;
    let since = Number.POSITIVE_INFINITY;
    onState('connecting');
    source.addEventListener('hello', () => {
      since = performance.now();
      onState('live');
      onHello();
    });
    for (const type of TYPES) source.addEventListener(type, (message) => onEvent(JSON.parse(message.data)));
    source.addEventListener('queue', onQueue);
    source.addEventListener('error', () => this.#failed(source.readyState === EventSource.CLOSED, since));
  }

  close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  async #failed(isRefused, since) {
    this.close();
    this.#handlers.onState('lost');
    if (performance.now() - since >= HELD_MS) this.#retries = 0;
    const wait = Math.min(SLOWEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#retries) * (1 - Math.random() / 2);
    this.#retries += 1;
    this.#timer = setTimeout(() => this.open(), wait);
    // Browsers do not say why they were refused.
    if (isRefused) await api.session().catch((error) => error.status === 401 && this.#signedOut());
  }

  #signedOut() {
    if (this.#source) return;
    this.close();
    this.#handlers.onState('signed-out');
  }
}
