import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { AsyncQueue } from '../../pipeline/process/async-queue.ts';
import type { EngineEvent, EngineRequest } from '../../pipeline/process/protocol.ts';
import { afterRunning, type Clock } from '../../system/clock.ts';
import { RecentMap } from '../../system/memo.ts';
import type { WireEnd } from '../wire.ts';

/** Why a worker's message is not taken. */
export type Refusal = 'forged' | 'over';

type Ended = Exclude<WireEnd, { kind: 'done' }>;

interface Given {
  readonly event: EngineEvent;
  /** Called when the bot has stored it, or will not. */
  readonly taken: (stored: boolean) => void;
}

/** Nothing was heard of a worker for too long, or the operator has ended it. */
export class AttemptLost extends Error {
  override readonly name = 'AttemptLost';
  /** As that of `PipelineStopped`. */
  readonly counts: boolean;

  constructor(message: string, { counts = true }: { readonly counts?: boolean } = {}) {
    super(message);
    this.counts = counts;
  }
}

/** The pipeline process of a worker, or what the job asks of it, ended the attempt. */
export class AttemptFailed extends Error {
  override readonly name = 'AttemptFailed';
  readonly end: Ended;

  constructor(end: Ended) {
    super(`The attempt ended as ${end.kind}.`);
    this.end = end;
  }
}

/**
 * One try of one worker at one job. Only while it is current does the bot take anything of it: what comes from a worker that
 * was given up, or that works for an earlier bot, is refused.
 */
export class Attempt {
  readonly id: string;
  /** Below the bot's address, with the signature. */
  readonly path: string;
  readonly request: EngineRequest;
  readonly #queue = new AsyncQueue<Given>();
  readonly #leaseMs: number;
  readonly #clock: Clock;
  readonly #images = new Map<number, { readonly hash: string; readonly taken: Promise<boolean> }>();
  readonly #pending = new Set<(stored: boolean) => void>();
  #callOff = () => {};
  #state: 'open' | 'cancelled' | 'over' = 'open';
  #cancelled: unknown;
  /** The worker has fetched the request. */
  started = false;
  /** The worker is done with it. */
  hasEnded = false;
  /** Nobody reads it any more. */
  readonly over: Promise<void>;
  #isOver = () => {};

  constructor(id: string, path: string, request: EngineRequest, leaseMs: number, clock: Clock) {
    this.id = id;
    this.path = path;
    this.request = request;
    this.#leaseMs = leaseMs;
    this.#clock = clock;
    this.over = new Promise((resolve) => {
      this.#isOver = resolve;
    });
    this.heard();
  }

  /** What the worker sends may be taken. */
  get isCurrent(): boolean {
    return this.#state === 'open';
  }

  /** The worker lives: the time begins anew within which it must say something. */
  heard(): void {
    if (this.#state === 'over') return;
    this.#callOff();
    this.#callOff = afterRunning(this.#clock, this.#leaseMs, () =>
      this.#end(new AttemptLost(`Nothing was heard of the worker for ${this.#leaseMs / 1000} s.`)),
    );
  }

  /** @throws AttemptLost, AttemptFailed, or the reason of the cancellation */
  async *events(): AsyncGenerator<EngineEvent, void> {
    for await (const { event, taken } of this.#queue) {
      yield event;
      taken(true);
    }
  }

  step(event: Extract<EngineEvent, { type: 'step' }>): void {
    if (this.#state === 'open') this.#queue.push({ event, taken: () => {} });
  }

  /**
   * A finished picture; a repeated one is taken once.
   * @returns whether the bot has stored it
   */
  image(event: Extract<EngineEvent, { type: 'image' }>, hash: string): Promise<boolean> {
    const before = this.#images.get(event.image);
    if (before !== undefined) return before.hash === hash ? before.taken : Promise.resolve(false);
    if (this.#state !== 'open') return Promise.resolve(false);
    const taken = new Promise<boolean>((resolve) => {
      this.#pending.add(resolve);
      this.#queue.push({ event, taken: resolve });
    });
    this.#images.set(event.image, { hash, taken });
    return taken;
  }

  /** The worker is done with it, well or not. */
  finish(end: WireEnd): void {
    if (this.#state === 'over') return;
    this.hasEnded = true;
    if (this.#state === 'cancelled') this.#end(this.#cancelled);
    else if (end.kind !== 'done') this.#end(new AttemptFailed(end));
    else {
      const { kind: _, ...done } = end;
      this.#queue.push({ event: { type: 'done', ...done }, taken: () => {} });
      this.#end(null);
    }
  }

  /** Takes nothing any more. The worker is free when it says so, or at once if it has not begun. */
  cancel(reason: unknown): void {
    if (this.#state !== 'open') return;
    this.#state = 'cancelled';
    this.#cancelled = reason;
    if (!this.started) this.#end(reason);
  }

  /** Ends it, whatever the worker does. */
  close(): void {
    this.#end(new AttemptLost('The attempt was closed.', { counts: false }));
    for (const resolve of this.#pending) resolve(false);
  }

  /** Its reader is gone. */
  left(): void {
    this.#isOver();
  }

  #end(error: unknown): void {
    this.#state = 'over';
    this.#callOff();
    this.#queue.close(error);
  }
}

export interface AttemptsOptions {
  /** How long a worker may be silent, in milliseconds. */
  readonly leaseMs: number;
  readonly clock: Clock;
}

/** The attempts of this bot; their addresses are signed with a key that no other bot has. */
export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #key = randomBytes(32);
  readonly #current = new Map<string, Attempt>();
  /** By id; whether the worker has said that it is done with it. */
  readonly #recent = new RecentMap<string, boolean>(10_000);
  #last = 0;

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  open(request: EngineRequest): Attempt {
    const { leaseMs, clock } = this.#options;
    this.#last += 1;
    const name = `${randomUUID()}/attempts/${this.#last}`;
    const id = name.replace('/attempts/', '.');
    const attempt = new Attempt(id, `/workers/jobs/${name}/${this.#signature(name)}`, request, leaseMs, clock);
    this.#current.set(name, attempt);
    this.#recent.set(id, false);
    return attempt;
  }

  close(attempt: Attempt): void {
    for (const [name, one] of this.#current) if (one === attempt) this.#current.delete(name);
    if (attempt.hasEnded) this.#recent.set(attempt.id, true);
    attempt.close();
    attempt.left();
  }

  /** Whether the worker was done with it when it ended here. */
  hasEnded(id: string): boolean {
    return this.#recent.get(id) === true;
  }

  /** Resolves when none is left. */
  async allOver(): Promise<void> {
    while (this.#current.size > 0) await Promise.race([...this.#current.values()].map(({ over }) => over));
  }

  closeAll(): void {
    for (const attempt of [...this.#current.values()]) attempt.close();
  }

  /** The attempt that a signed address names. */
  find(job: string, attempt: string, signature: string): Attempt | Refusal {
    const name = `${job}/attempts/${attempt}`;
    const [given, own] = [Buffer.from(signature), Buffer.from(this.#signature(name))];
    if (given.length !== own.length || !timingSafeEqual(given, own)) return 'forged';
    return this.#current.get(name) ?? 'over';
  }

  #signature(name: string): string {
    return createHmac('sha256', this.#key).update(name).digest('base64url');
  }
}
