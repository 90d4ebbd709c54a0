import { UserError } from '../../system/errors.ts';
import type { Accepted } from '../history/history.ts';
import type { Caller, Derivation, Eta, ImagineRequest, Job } from '../job.ts';
import { fits } from '../request-limits.ts';
import type { GuildRules } from '../rules/guild-rules.ts';
import { moderate } from '../rules/moderation.ts';
import { checkQuotas } from '../rules/quotas.ts';
import { workOf } from './estimator.ts';
import type { JobServices } from './job-services.ts';

/** A request that may become a job. */
export interface Draft {
  readonly request: ImagineRequest;
  readonly derivation: Derivation | null;
  readonly notes: readonly string[];
}

export interface Submitted {
  readonly job: Job;
  /** The key was known: this is the job that it led to before. */
  readonly repeated: boolean;
}

export interface SubmissionsOptions extends JobServices {
  readonly rules: GuildRules;
  /** When a job should be done. */
  readonly etaOf: (job: Job) => Eta | null;
}

/** The way in: from drafts to stored jobs that wait. */
export class Submissions {
  readonly #options: SubmissionsOptions;
  #open = false;

  constructor(options: SubmissionsOptions) {
    this.#options = options;
  }

  open(): void {
    this.#open = true;
  }

  close(): void {
    this.#open = false;
  }

  /** Jobs of one command that were accepted before under this key; empty if it is new. */
  earlier(caller: Caller, key: string | undefined): readonly Submitted[] {
    if (key === undefined) return [];
    const single = this.#options.history.jobs.byKey(caller, key);
    if (single !== null) return [{ job: single, repeated: true }];
    const found: Submitted[] = [];
    for (let index = 0; ; index += 1) {
      const job = this.#options.history.jobs.byKey(caller, partKey(key, index));
      if (job === null) return found;
      found.push({ job, repeated: true });
    }
  }

  /** Refuses what the rules forbid, without making anything. Returns the requests with what the rules add. */
  review(caller: Caller, requests: readonly ImagineRequest[]): readonly ImagineRequest[] {
    const { rules } = this.#options;
    const limits = rules.limits(caller);
    return requests.map((request) => {
      const allowed = moderate(request, caller, rules.at(caller));
      if (!fits(allowed, limits)) throw tooLarge(allowed, limits.maxPixels);
      if (allowed.n > limits.maxImages) throw tooMany(allowed.n, limits.maxImages);
      return allowed;
    });
  }

  /**
   * Stores the drafts as jobs, all or none. Each is in the database, and its `queued` event readable, before anyone
   * hears of it.
   * @throws UserError `stopping`, and what `review` and `checkQuotas` throw
   */
  submit(caller: Caller, drafts: readonly Draft[], key?: string): readonly Submitted[] {
    const earlier = this.earlier(caller, key);
    if (earlier.length > 0) return earlier;
    const { history, rules, estimator, queue, bus, clock, etaOf } = this.#options;
    if (!this.#open) {
      throw new UserError('stopping', 'The bot is being restarted.', { hint: 'Try again in a moment.' });
    }
    const requests = this.review(
      caller,
      drafts.map(({ request }) => request),
    );
    const jobs = drafts.map((draft, index) => {
      const request = requests[index] ?? draft.request;
      const estimate = estimator.seconds(workOf(request, draft.derivation?.verb ?? null));
      return { ...draft, request, estimate };
    });
    const seconds = jobs.reduce((sum, { estimate }) => sum + estimate, 0);
    const joined: Accepted[] = [];
    const accept = () => {
      const now = clock.now();
      checkQuotas(caller, { jobs: jobs.length, seconds }, { history, rules: rules.at(caller), etaOf, now });
      for (const [index, job] of jobs.entries()) {
        const idempotencyKey = key === undefined || jobs.length === 1 ? key : partKey(key, index);
        const accepted = history.jobs.accept({
          caller,
          ...job,
          ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
        });
        queue.add(accepted);
        joined.push(accepted);
      }
    };
    const tell = () => {
      for (const { event } of joined) bus.emit(event);
    };
    try {
      queue.transact(accept, tell);
    } catch (error) {
      for (const { job } of joined) queue.remove(job.id);
      throw error;
    }
    return joined.map(({ job }) => ({ job, repeated: false }));
  }
}

function partKey(key: string, index: number): string {
  return `${key}#${index}`;
}

function tooLarge({ width, height }: ImagineRequest, maxPixels: number): UserError {
  return new UserError(
    'limit_pixels',
    `A picture here has at most ${maxPixels} pixels; ${width}×${height} are ${width * height}.`,
    { hint: 'Ask for a smaller size. The rule is the setting pixels.' },
  );
}

function tooMany(n: number, maxImages: number): UserError {
  return new UserError('limit_images', `A request here makes at most ${maxImages} pictures, not ${n}.`, {
    hint: `For example n:${maxImages}. The rule is the setting images.`,
  });
}
