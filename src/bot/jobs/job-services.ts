import type { Clock } from '../../system/clock.ts';
import type { History } from '../history/history.ts';
import type { Estimator } from './estimator.ts';
import type { EventBus } from './event-bus.ts';
import type { JobQueue } from './job-queue.ts';

/** What everything that handles jobs works with. */
export interface JobServices {
  readonly history: History;
  readonly queue: JobQueue;
  readonly estimator: Estimator;
  readonly bus: EventBus;
  readonly clock: Clock;
  /** Tells the operator what went wrong with what. */
  readonly onProblem: (error: unknown, what: string) => void;
}
