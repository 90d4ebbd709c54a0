import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Painters } from '../../bot/jobs/painters.ts';
import type { Clock } from '../../system/clock.ts';
import type { Logger } from '../../system/logging.ts';
import {
  type HandOver,
  identityOf,
  PREFIX,
  queueName,
  type Registration,
  ROLL,
  registrationKey,
  type Verdict,
  verdictKey,
  workerId,
} from '../roll.ts';
import { toldInEnglish } from '../said.ts';
import type { Attempts } from './attempts.ts';
import { type Judgement, judge, type Standards } from './judgement.ts';
import { RemotePainter } from './remote-painter.ts';

export interface RosterOptions {
  readonly redis: Redis;
  readonly painters: Painters;
  readonly attempts: Attempts;
  readonly standards: () => Standards;
  /** Names and hashes of the bot's LoRAs. */
  readonly loras: () => readonly { readonly name: string; readonly hash: string }[];
  readonly logger: Logger;
  /** Redis did not take a job. */
  readonly onProblem: (error: unknown) => void;
  /** A worker is done with a job that it was given. */
  readonly onEnd?: ((name: string, outcome: WorkerEnd) => void) | undefined;
  readonly clock: Clock;
  /** How long a verdict holds without being said again, in milliseconds. */
  readonly verdictMs: number;
}

/** `lost`: somebody else has to paint it. */
export type WorkerEnd = 'done' | 'lost';

/** A worker, as an operator sees it. */
export interface WorkerView {
  readonly id: string;
  /** Absent for one whose registration cannot be read. */
  readonly registration?: Registration | undefined;
  readonly verdict: Verdict | undefined;
  readonly isBusy: boolean;
  /** Jobs that ended here, by how. */
  readonly painted: number;
  readonly lost: number;
}

interface Member {
  readonly painter: RemotePainter;
  readonly queue: Queue<HandOver>;
  isJoined: boolean;
}

/** Something that is kept about a worker as long as it is on the roll. */
interface Known {
  verdict?: Verdict;
  registration?: Registration | undefined;
  /** When it was answered last, by the monotonic clock. */
  saidAt: number;
  painted: number;
  lost: number;
}

/** Reads who works for this bot, answers them, and lets those join the core's painters that fit. */
export class Roster {
  readonly #options: RosterOptions;
  readonly #members = new Map<string, Member>();
  readonly #known = new Map<string, Known>();
  /** Since the last look began. */
  #hasLostSight = false;

  constructor(options: RosterOptions) {
    this.#options = options;
  }

  get workers(): readonly WorkerView[] {
    return [...this.#known].map(([id, { verdict, registration, painted, lost }]) => ({
      ...{ id, registration, verdict, painted, lost },
      isBusy: this.#members.get(id)?.painter.isBusy ?? false,
    }));
  }

  /** Shows that Redis takes a job, and lets it learn the scripts of a hand-over before the first one. */
  async rehearse(): Promise<void> {
    const queue = this.#queueOf('rehearsal');
    await queue.add(
      'rehearsal',
      { path: '', ...identityOf({ checkpoint: '' }) },
      { removeOnComplete: true, removeOnFail: true },
    );
    await emptied(queue);
  }

  /** Looks at the roll once. */
  async look(): Promise<void> {
    const { redis } = this.#options;
    this.#hasLostSight = false;
    const listed = await redis.smembers(ROLL);
    const ids = listed.filter((id) => workerId.safeParse(id).success);
    const texts = ids.length === 0 ? [] : await redis.mget(ids.map(registrationKey));
    const standards = this.#options.standards();
    const answers: [string, Verdict][] = [];
    for (const [i, id] of ids.entries()) {
      const text = texts[i] ?? null;
      if (text === null) continue;
      const judgement = judge(text, standards);
      const verdict = judgement && (await this.#take(id, judgement));
      if (verdict) answers.push([id, verdict]);
    }
    const gone = listed.filter((id) => (texts[ids.indexOf(id)] ?? null) === null);
    const there = new Set(ids.filter((id) => !gone.includes(id)));
    const strangers = gone.filter((id) => ids.includes(id) && !this.#members.has(id));
    for (const id of this.#known.keys()) if (!there.has(id)) this.#gone(id);
    // An earlier bot may have handed over to them.
    for (const id of strangers) await this.#clear(id);
    await this.#answer(answers, gone);
  }

  /** Redis is away: nothing can be handed over. What is being painted goes on, since it is sent over HTTP. */
  lostSight(): void {
    this.#hasLostSight = true;
    for (const { painter } of this.#members.values()) {
      painter.lostSight();
      this.#settle(painter.id);
    }
  }

  close(): void {
    for (const id of [...this.#members.keys()]) this.#options.painters.leave(id);
  }

  /** Lets it join or leave, as it is judged. */
  async #take(id: string, { verdict, registration }: Judgement): Promise<Verdict | undefined> {
    const { attempts } = this.#options;
    const known = this.#known.get(id) ?? { painted: 0, lost: 0, saidAt: 0 };
    this.#known.set(id, known);
    known.registration = registration;
    const isFit = verdict.state === 'accepted' || verdict.state === 'draining';
    if (registration?.id === id && isFit) {
      const member = this.#members.get(id) ?? (await this.#welcome(registration));
      const { attempts: own, ready } = registration;
      // One that still works for an earlier bot, or on what was given up here, is not free.
      const isFree = own.every((attempt) => attempts.hasEnded(attempt) || member.painter.has(attempt));
      const isUsable = verdict.state === 'accepted' && ready && isFree && !this.#hasLostSight;
      member.painter.update(registration, isUsable);
    } else this.#members.get(id)?.painter.giveUp();
    this.#settle(id);
    return this.#said(id, known, verdict);
  }

  /** What it is answered, if that is new or was said long ago. */
  #said(id: string, known: Known, verdict: Verdict): Verdict | undefined {
    const { logger, clock, verdictMs } = this.#options;
    const painter = this.#members.get(id)?.painter;
    const isDrained = verdict.state === 'draining' && painter?.isBusy !== true;
    const said: Verdict = isDrained ? { state: 'released' } : verdict;
    if (known.verdict?.state !== said.state) {
      const name = known.registration?.name;
      if (said.state === 'refused') logger.warn({ id, name }, toldInEnglish(said.reason));
      else logger.info({ id, name, state: said.state }, 'a worker');
    }
    const now = clock.monotonic();
    if (known.verdict?.state === said.state && now - known.saidAt < verdictMs / 3) return undefined;
    Object.assign(known, { verdict: said, saidAt: now });
    return said;
  }

  async #welcome(registration: Registration): Promise<Member> {
    const { id } = registration;
    const { attempts, onProblem, onEnd, logger, loras } = this.#options;
    const queue = this.#queueOf(id);
    // What an earlier bot left in it: that job is handed over anew.
    await queue.obliterate({ force: true });
    const ended = (outcome: WorkerEnd) => {
      const known = this.#known.get(id);
      if (known) known[outcome === 'done' ? 'painted' : 'lost'] += 1;
      onEnd?.(registration.name, outcome);
    };
    const painter = new RemotePainter({
      ...{ registration, attempts, queue, onProblem },
      loras: ({ loras: hashes }) => loras().flatMap(({ name, hash }) => (hashes.includes(hash) ? name : [])),
      onLost: (reason) => {
        ended('lost');
        logger.warn({ id, name: registration.name, reason }, 'a job comes back from a worker and is handed over again');
      },
      onPainted: () => ended('done'),
      onBusy: () => this.#settle(id),
    });
    const member = { painter, queue, isJoined: false };
    this.#members.set(id, member);
    return member;
  }

  /** In the pool are those that can work, and those that do. */
  #settle(id: string): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    const { painters } = this.#options;
    const { painter } = member;
    const belongs = painter.isUsable || painter.isBusy;
    if (belongs && !member.isJoined) painters.join(painter);
    else if (belongs) painters.changed(id);
    else if (member.isJoined) painters.leave(id);
    member.isJoined = belongs;
    if (!belongs && !this.#known.has(id)) this.#dismiss(id, member);
  }

  #gone(id: string): void {
    this.#known.delete(id);
    const member = this.#members.get(id);
    if (member === undefined) return;
    this.#options.logger.info({ id, name: member.painter.name }, 'a worker is gone');
    member.painter.unusable();
    this.#settle(id);
  }

  #dismiss(id: string, { queue }: Member): void {
    this.#members.delete(id);
    emptied(queue).catch(() => {});
  }

  /** Removes the queue of a worker that no painter here stands for. */
  #clear(id: string): Promise<void> {
    return emptied(this.#queueOf(id));
  }

  #queueOf(id: string): Queue<HandOver> {
    const queue = new Queue<HandOver>(queueName(id), {
      ...{ connection: this.#options.redis, prefix: PREFIX, skipVersionCheck: true, skipMetasUpdate: true },
      streams: { events: { maxLen: 10 } },
    });
    queue.on('error', () => {});
    return queue;
  }

  async #answer(answers: readonly (readonly [string, Verdict])[], gone: readonly string[]): Promise<void> {
    if (answers.length === 0 && gone.length === 0) return;
    const { redis, verdictMs } = this.#options;
    const pipeline = redis.pipeline();
    for (const [id, verdict] of answers) pipeline.set(verdictKey(id), JSON.stringify(verdict), 'PX', verdictMs);
    if (gone.length > 0) pipeline.srem(ROLL, ...gone);
    for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
  }
}

/** Removes a queue with everything in it. */
async function emptied(queue: Queue<HandOver>): Promise<void> {
  try {
    await queue.obliterate({ force: true });
  } finally {
    await queue.close().catch(() => {});
  }
}
