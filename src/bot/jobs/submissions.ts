import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import type { Accepted, NewJob, Party } from '../history/history.ts';
import type { Caller, Derivation, Eta, ImagineRequest, Job, Repeatable } from '../job.ts';
import { fits } from '../request-limits.ts';
import type { GuildRules } from '../rules/guild-rules.ts';
import { refuseBlocked } from '../rules/moderation.ts';
import { checkQuotas } from '../rules/quotas.ts';
import { lostBefore, secondsToRepaint } from './ancestry.ts';
import { workOf } from './estimator.ts';
import type { JobServices } from './job-services.ts';
import { checkCost } from './request-cost.ts';

/** A request that may become a job. */
export interface Draft {
  readonly request: ImagineRequest;
  readonly derivation: Derivation | null;
  readonly notes: readonly string[];
}

export interface Submitted {
  readonly job: Job;
  /** The key was known: this is the job that was made for it before. */
  readonly repeated: boolean;
}

export interface SubmissionsOptions extends JobServices {
  readonly rules: GuildRules;
  /** When a job should be done. */
  readonly etaOf: (job: Job) => Eta | null;
}

/** Seconds that a restart takes, about. */
const MOMENT = 10;

/** Turns drafts into stored jobs that wait in the queue. */
export class Submissions {
  readonly #options: SubmissionsOptions;
  #open = false;

  constructor(options: SubmissionsOptions) {
    this.#options = options;
  }

  /** From now on drafts are taken. */
  open(): void {
    this.#open = true;
  }

  /** From now on drafts are refused. */
  close(): void {
    this.#open = false;
  }

  /** The jobs that were accepted under this key before; empty if it is new. @throws UserError `idempotency_key_reused` */
  earlier(caller: Caller, { idempotencyKey: key, fingerprint }: Repeatable): readonly Submitted[] {
    if (key === undefined) return [];
    const { jobs } = this.#options.history;
    const single = jobs.byKey(caller, key);
    const known = single?.fingerprint ?? fingerprint;
    if (fingerprint !== known) throw reusedKey();
    if (single !== null) return [{ job: single.stored.job, repeated: true }];
    const found: Submitted[] = [];
    for (let index = 0; ; index += 1) {
      const part = jobs.byKey(caller, partKey(key, index));
      if (part === null) return found;
      found.push({ job: part.stored.job, repeated: true });
    }
  }

  /**
   * Refuses what the rules forbid, without making anything. Returns the requests with what the rules add.
   * @throws UserError `stopping`, `limit_pixels`, `limit_images`, `limit_cost`, `blocked_user`, and what `GuildRules.refuse` throws
   */
  review(caller: Caller, requests: readonly ImagineRequest[]): readonly ImagineRequest[] {
    this.#requireOpen();
    return requests.map((request) => this.#allowed(caller, { request, derivation: null }).request);
  }

  /**
   * Stores the drafts as jobs, all or none. Each is in the database, and its `queued` event can be read there, before
   * anyone hears of it.
   * @throws UserError `stopping`, and what `earlier`, `review` and `checkQuotas` throw
   */
  submit(caller: Caller, drafts: readonly Draft[], key: Repeatable = {}): readonly Submitted[] {
    const earlier = this.earlier(caller, key);
    if (earlier.length > 0) return earlier;
    this.#requireOpen();
    const { queue, bus } = this.#options;
    const jobs = drafts.map((draft) => ({ ...draft, caller, ...this.#allowed(caller, draft) }));
    const accepted: Accepted[] = [];
    const tell = () => {
      for (const { event } of accepted) bus.emit(event);
    };
    try {
      queue.transact(() => this.#accept(caller, jobs, key, accepted), tell);
    } catch (error) {
      for (const { job } of accepted) queue.remove(job.id);
      throw error;
    }
    return accepted.map(({ job }) => ({ job, repeated: false }));
  }

  #requireOpen(): void {
    if (this.#open) return;
    throw new UserError('stopping', t('The bot is being restarted.'), {
      ...{ hint: t('Try again in a moment.'), retryAfter: MOMENT },
    });
  }

  #allowed(caller: Caller, draft: Pick<Draft, 'request' | 'derivation'>) {
    const { rules, estimator } = this.#options;
    const limits = rules.limits(caller);
    const here = rules.at(caller);
    refuseBlocked(caller, here);
    rules.refuse(draft.request, caller);
    const request = here.spoiler ? { ...draft.request, spoiler: true } : draft.request;
    if (!fits(request, limits)) throw tooLarge(request, limits.maxPixels);
    if (request.n > limits.maxImages) throw tooMany(request.n, limits.maxImages);
    const estimate = this.#seconds(request, draft.derivation);
    checkCost(request, estimate, { estimator, most: here.cost, limits: rules.checkpoint() });
    return { request, estimate };
  }

  /** Expected accelerator seconds, with those of what has to be painted again for it. */
  #seconds(request: ImagineRequest, derivation: Derivation | null): number {
    const { history, estimator } = this.#options;
    const own = estimator.seconds(workOf(request, derivation?.verb ?? null));
    const lost = derivation === null ? [] : lostBefore(history.images, derivation);
    return own + secondsToRepaint(this.#options, lost);
  }

  /** Inside the transaction; adds to `accepted` what is in the queue already, also if a later job cannot be stored. */
  #accept(
    caller: Caller,
    jobs: readonly Omit<NewJob, keyof Repeatable>[],
    { idempotencyKey: key, fingerprint }: Repeatable,
    accepted: Accepted[],
  ) {
    const { history, rules, queue, clock, etaOf } = this.#options;
    const seconds = jobs.reduce((sum, { estimate }) => sum + estimate, 0);
    const wanted = { jobs: jobs.length, seconds };
    const errands = (party: Party) => queue.errandsOf(party);
    checkQuotas(caller, wanted, { history, rules: rules.at(caller), errands, etaOf, now: clock.now() });
    for (const [index, job] of jobs.entries()) {
      const idempotencyKey = jobs.length === 1 ? key : key && partKey(key, index);
      const stored = history.jobs.accept({ ...job, idempotencyKey, fingerprint });
      queue.add(stored);
      accepted.push(stored);
    }
  }
}

function reusedKey(): UserError {
  // In English alone: nobody but the author of a program can mend it.
  return new UserError('idempotency_key_reused', 'This Idempotency-Key came with another request before.', {
    hint: 'Send each request with a key of its own, and only its repetitions with the same.',
  });
}

function partKey(key: string, index: number): string {
  return `${key}#${index}`;
}

function tooLarge({ width, height }: ImagineRequest, maxPixels: number): UserError {
  return new UserError(
    'limit_pixels',
    t('A picture here has at most {maxPixels} pixels; {size} are {pixels}.', {
      maxPixels,
      size: `${width}×${height}`,
      pixels: width * height,
    }),
    { hint: t('Ask for a smaller size. The rule is the setting {setting}.', { setting: 'pixels' }) },
  );
}

function tooMany(n: number, maxImages: number): UserError {
  return new UserError(
    'limit_images',
    t(
      'A request here makes at most {count} picture, not {n}. | A request here makes at most {count} pictures, not {n}.',
      { count: maxImages, n },
    ),
    {
      hint: t('For example {example}. The rule is the setting {setting}.', {
        example: `n:${maxImages}`,
        setting: 'images',
      }),
    },
  );
}
