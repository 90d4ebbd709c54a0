import { Connection } from './connection.js';

const NAME = 'wuerst.stream';
/** Milliseconds in which the other tabs say which rooms they show. */
const GATHER_MS = 50;
/** What the server admits in one stream. */
const MAX_ROOMS = 100;
/** Browsers offer locks only over HTTPS and on this machine. Without them each visible tab has a connection of its own. */
const ALONE = { request: async (_name, _options, lead) => lead() };

/**
 * The events of all rooms in all tabs of this browser, over one connection, because browsers allow only six to one server.
 * The tab that was looked at last leads: it holds the connection and passes the events on. When it is hidden or closed, another one
 * goes on from the last event that all of them have. A hidden tab that waits for nothing takes no part.
 */
export class Stream {
  #tab = Math.random();
  #rooms = [];
  #lastId = null;
  #locks = navigator.locks ?? ALONE;
  #channel = null;
  #claim = null;
  /** Ends the lead; `null` in tabs that do not lead. */
  #release = null;
  /** For the tab that leads: the rooms of the others by tab, and the event to go on from. */
  #others = new Map();
  #from = null;
  #timer = null;
  #connection;
  #handlers;

  /** `onEvent(event)`, `onQueue()` when the queue of all rooms is different, `onHello(replays)`, `onState('connecting' | 'live' | 'lost' | 'signed-out')`, `mayRest()`. */
  constructor(handlers) {
    this.#handlers = handlers;
    this.#connection = new Connection({
      address: () => this.#address(),
      onEvent: (event) => this.#publish('event', event),
      onQueue: () => this.#publish('queue'),
      onHello: () => this.#publish('hello', this.#from),
      onState: (state) => this.#publish('state', state),
    });
    document.addEventListener('visibilitychange', () => this.#visibilityChanged());
    addEventListener('pagehide', () => this.#leave());
    addEventListener('online', () => this.retry());
  }

  listen(rooms) {
    if (rooms.join() === this.#rooms.join()) return;
    this.#rooms = rooms;
    if (this.#channel === null) this.#visibilityChanged();
    else if (this.#release) this.#connectSoon();
    else this.#post('here', this.#here());
  }

  /** Opens the connection again, now. */
  retry() {
    if (this.#release) this.#connectSoon();
    else this.#post('retry');
  }

  /** Whoever was signed in in this browser is not any more. */
  end() {
    clearTimeout(this.#timer);
    this.#connection.close();
    this.#publish('state', 'signed-out');
  }

  #visibilityChanged() {
    if (document.visibilityState === 'visible') this.#join();
    else if (this.#isWanted()) this.#release?.();
    else this.#leave();
  }

  #isWanted() {
    return document.visibilityState === 'visible' || (this.#locks !== ALONE && !this.#handlers.mayRest());
  }

  #join() {
    if (this.#rooms.length === 0) return;
    if (this.#channel === null) {
      this.#channel = this.#locks === ALONE ? { postMessage() {}, close() {} } : new BroadcastChannel(NAME);
      this.#channel.onmessage = ({ data: [kind, value] }) => this.#take(kind, value);
    }
    if (!this.#release) this.#claimLead({ steal: true });
  }

  #leave() {
    this.#claim?.abort();
    this.#stopLeading();
    this.#post('gone', this.#tab);
    this.#channel?.close();
    this.#channel = null;
  }

  async #claimLead(options) {
    this.#claim?.abort();
    const claim = new AbortController();
    this.#claim = claim;
    try {
      await this.#locks.request(NAME, options ?? { signal: claim.signal }, () => this.#isWanted() && this.#lead());
    } catch (error) {
      // Another tab took the lead, or a newer claim replaces this one. Anything else: the browser keeps tabs apart.
      if (error.name !== 'AbortError') {
        this.#leave();
        this.#locks = ALONE;
        this.#join();
      }
    }
    if (claim.signal.aborted) return;
    this.#stopLeading();
    if (this.#isWanted()) this.#claimLead();
    else this.#leave();
  }

  /** Resolves at the end of the lead. */
  #lead() {
    return new Promise((release) => {
      this.#release = release;
      this.#others.clear();
      this.#from = this.#lastId;
      this.#post('who');
      this.#connectSoon();
    });
  }

  #stopLeading() {
    clearTimeout(this.#timer);
    this.#connection.close();
    this.#release?.();
    this.#release = null;
  }

  #connectSoon() {
    clearTimeout(this.#timer);
    // An event that came meanwhile would move the place to go on from.
    this.#connection.close();
    this.#timer = setTimeout(() => this.#connection.open(), this.#locks === ALONE ? 0 : GATHER_MS);
  }

  #address() {
    const [first, ...others] = new Set([...this.#rooms, ...[...this.#others.values()].flat()]);
    const query = new URLSearchParams(others.slice(0, MAX_ROOMS - 1).map((room) => ['also', room]));
    query.set('queue', '1');
    if (this.#from !== null) query.set('after', this.#from);
    return `/api/rooms/${first}/events?${query}`;
  }

  #here() {
    return { tab: this.#tab, rooms: this.#rooms, lastId: this.#lastId };
  }

  #post(kind, value) {
    this.#channel?.postMessage([kind, value]);
  }

  #publish(kind, value) {
    this.#post(kind, value);
    this.#take(kind, value);
  }

  #take(kind, value) {
    if (kind === 'event') this.#takeEvent(value);
    else if (kind === 'hello') this.#handlers.onHello(value !== null && this.#lastId !== null && this.#lastId >= value);
    else if (kind === 'state') this.#handlers.onState(value);
    else if (kind === 'queue') this.#handlers.onQueue();
    else if (kind === 'who') this.#post('here', this.#here());
    else if (!this.#release) return;
    else if (kind === 'here') this.#admit(value);
    else if (kind === 'gone') this.#others.delete(value);
    else if (kind === 'retry') this.#connectSoon();
  }

  #takeEvent(event) {
    if (event.seq !== null) {
      this.#from = event.seq;
      if (event.seq <= this.#lastId) return;
      this.#lastId = event.seq;
    }
    if (this.#rooms.includes(event.job.room)) this.#handlers.onEvent(event);
    if (!this.#isWanted()) this.#leave();
  }

  /** Takes in another tab: with a new connection if this one has not all of its rooms, or started after its last event. */
  #admit({ tab, rooms, lastId }) {
    const known = new Set([...this.#rooms, ...[...this.#others.values()].flat()]);
    this.#others.set(tab, rooms);
    const isBehind = lastId !== null && (this.#from === null || lastId < this.#from);
    if (isBehind) this.#from = lastId;
    if (isBehind || rooms.some((room) => !known.has(room))) this.#connectSoon();
    else if (this.#connection.isOpen) this.#post('hello', this.#from);
  }
}
