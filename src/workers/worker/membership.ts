import type { Redis } from 'ioredis';
import { type Clock, pause } from '../../system/clock.ts';
import { type Registration, ROLL, registrationKey, type Verdict, verdict, verdictKey } from '../roll.ts';
import { parsedJson } from '../wire.ts';

export interface MembershipOptions {
  readonly redis: Redis;
  readonly clock: Clock;
  /** How often it is said that this worker is there, in milliseconds. It counts as gone after four times as long. */
  readonly everyMs: number;
  readonly registration: () => Registration;
  /** What the bot says; `undefined` where it says nothing, or nothing that this version can read. */
  readonly onVerdict: (verdict: Verdict | undefined) => void;
  /** Redis has answered. */
  readonly onAnswer: () => void;
  readonly onProblem: (error: unknown) => void;
}

/** Keeps this worker on the roll, and reads what the bot says to it. */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #stopping = new AbortController();
  #hurry = new AbortController();
  #work: Promise<void> = Promise.resolve();

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  start(): void {
    this.#work = this.#run();
  }

  /** Something of the registration has changed. */
  changed(): void {
    this.#hurry.abort();
  }

  /** Takes this worker from the roll. */
  async end(): Promise<void> {
    this.#stopping.abort();
    this.#hurry.abort();
    await this.#work;
    const { redis, registration, onProblem } = this.#options;
    const { id } = registration();
    if (redis.status !== 'ready') return;
    await redis.del(registrationKey(id), verdictKey(id)).catch(onProblem);
  }

  async #run(): Promise<void> {
    const { clock, everyMs, onProblem } = this.#options;
    while (!this.#stopping.signal.aborted) {
      this.#hurry = new AbortController();
      await this.#tell().catch(onProblem);
      if (!this.#stopping.signal.aborted) await pause(clock, everyMs, this.#hurry.signal);
    }
  }

  async #tell(): Promise<void> {
    const { redis, everyMs, registration, onAnswer, onVerdict } = this.#options;
    if (redis.status !== 'ready') return;
    const said = registration();
    const answers = await redis
      .pipeline()
      .set(registrationKey(said.id), JSON.stringify(said), 'PX', 4 * everyMs)
      .sadd(ROLL, said.id)
      .get(verdictKey(said.id))
      .exec();
    for (const [failure] of answers ?? []) if (failure) throw failure;
    onAnswer();
    const answer = answers?.at(-1)?.[1];
    onVerdict(verdict.safeParse(typeof answer === 'string' ? parsedJson(answer) : undefined).data);
  }
}
