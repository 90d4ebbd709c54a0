/** What tells whether requests can be painted at the same time, and how much of a batch each takes. */
export interface TurnRequest {
  /** Equal for requests that can share the steps of one network: of one size, one Stage C and the same LoRAs. */
  readonly alike: string;
  /** Pictures that it paints at once, at least 1; or that it has to be alone. */
  readonly rows: number | 'alone';
  readonly signal: AbortSignal;
}

export interface Turn {
  /** Of the time since the turn began, the share that is this request's: 1 if it was alone, half if another was as large. */
  readonly share: number;
  /** Gives the turn back, and goes on when it has one without company. @throws the signal's reason, while it waits */
  alone(): Promise<void>;
  end(): void;
}

/** Rows of a request that has a turn of its own. */
const ALL_ROWS = Number.MAX_SAFE_INTEGER;

interface Active {
  request: TurnRequest;
  /** Milliseconds. */
  own: number;
  all: number;
}

interface Waiting {
  readonly request: TurnRequest;
  readonly begin: (active: Active) => void;
}

/**
 * Lets requests paint in the order in which they came: at the same time as far as they are alike and their rows fit into a
 * batch, else one after another. Time is shared out by rows.
 */
export class Turns {
  readonly #most: () => number;
  readonly #now: () => number;
  readonly #active = new Set<Active>();
  #waiting: Waiting[] = [];
  #since = 0;

  /** @param most rows of a batch; a request that is larger paints alone @param now a clock in milliseconds, with any origin */
  constructor(most: () => number, now: () => number = () => performance.now()) {
    this.#most = most;
    this.#now = now;
  }

  /** @throws the signal's reason, if the turn has not begun before */
  async begin(request: TurnRequest): Promise<Turn> {
    request.signal.throwIfAborted();
    const isNext = this.#waiting.length === 0 && this.#fits(request);
    return this.#turn(isNext ? this.#start(request) : await this.#wait(request));
  }

  #start(request: TurnRequest): Active {
    this.#shareOut();
    const active = { request, own: 0, all: 0 };
    this.#active.add(active);
    return active;
  }

  #turn(started: Active): Turn {
    let active = started;
    const share = () => {
      this.#shareOut();
      return active.all === 0 ? 1 : active.own / active.all;
    };
    return {
      get share() {
        return share();
      },
      alone: async () => {
        if (active.request.rows === 'alone') return;
        const request = { ...active.request, rows: 'alone' } as const;
        this.#remove(active);
        if (this.#waiting.length > 0 || !this.#fits(request)) {
          // With what it has had so far.
          const { own, all } = active;
          active = await this.#wait(request);
          Object.assign(active, { own: active.own + own, all: active.all + all });
        } else {
          active.request = request;
          this.#active.add(active);
        }
      },
      end: () => this.#remove(active),
    };
  }

  #remove(active: Active): void {
    this.#shareOut();
    this.#active.delete(active);
    this.#admit();
  }

  #wait(request: TurnRequest): Promise<Active> {
    const { signal } = request;
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#waiting = this.#waiting.filter((one) => one !== waiting);
        reject(signal.reason);
        this.#admit();
      };
      const waiting = {
        request,
        begin: (active: Active) => {
          signal.removeEventListener('abort', abort);
          resolve(active);
        },
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting.push(waiting);
    });
  }

  #admit(): void {
    for (;;) {
      const [next] = this.#waiting;
      if (!next || !this.#fits(next.request)) return;
      this.#waiting.shift();
      next.begin(this.#start(next.request));
    }
  }

  #fits({ alike, rows }: TurnRequest): boolean {
    const active = [...this.#active];
    if (active.length === 0) return true;
    const taken = active.reduce((sum, { request }) => sum + rowsOf(request), 0);
    return active.every(({ request }) => request.alike === alike) && taken + rowsOf({ rows }) <= this.#most();
  }

  /** Counts the time since the last change. */
  #shareOut(): void {
    const now = this.#now();
    const passed = now - this.#since;
    this.#since = now;
    const rows = [...this.#active].reduce((sum, { request }) => sum + rowsOf(request), 0);
    for (const active of this.#active) {
      active.all += passed;
      active.own += (passed * rowsOf(active.request)) / rows;
    }
  }
}

function rowsOf({ rows }: Pick<TurnRequest, 'rows'>): number {
  return rows === 'alone' ? ALL_ROWS : rows;
}
