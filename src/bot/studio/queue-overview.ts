import type { History } from '../history/history.ts';
import { type Caller, type Job, titleOf } from '../job.ts';
import type { Dispatcher } from '../jobs/dispatcher.ts';
import type { JobQueue } from '../jobs/job-queue.ts';
import type { Painters } from '../jobs/painters.ts';
import type { QueuePositions } from '../jobs/queue-positions.ts';
import type { QueueEntry, QueueOverview } from '../queue-overview.ts';
import { lackText } from '../replies/lack-text.ts';
import type { GuildRules } from '../rules/guild-rules.ts';
import { isOperator } from './change-settings.ts';
import { isOwner, isVisible } from './targets.ts';

interface Parts {
  readonly history: History;
  readonly rules: GuildRules;
  readonly queue: JobQueue;
  readonly dispatcher: Dispatcher;
  readonly positions: QueuePositions;
  readonly painters: Painters;
}

/** Of those that wait, the first. */
const LISTED = 60;

/** What is being painted and what waits. Of other places' requests only that they are there. */
export function queueOverview(parts: Parts, caller: Caller): QueueOverview {
  const { history, queue, dispatcher, painters } = parts;
  const known = (id: string) => history.jobs.get(id) ?? [];
  const running = dispatcher.runningIds.flatMap(known).map((job): QueueEntry => {
    const { fraction = 0, eta = null } = dispatcher.step(job.id) ?? {};
    return {
      ...entryOf(parts, job, caller),
      ...{ position: null, ahead: { own: 0, others: 0 }, lack: null, start: null, end: eta ?? dispatcher.eta(job.id) },
      ...{ painters: dispatcher.paintersOf(job.id).map(({ name }) => name), fraction },
    };
  });
  // Lost pictures that are being made again take places, too.
  const places = [...queue.waiting.places(LISTED)].flatMap(({ id }, index) => {
    const job = history.jobs.get(id);
    return job === null ? [] : [{ job, index }];
  });
  const times = parts.positions.expected(places.map(({ job }) => job));
  const waiting = places.map(({ job, index }, k): QueueEntry => {
    const own = places.slice(0, k).filter((other) => isOwner(other.job, job.caller)).length;
    const { start = null, end = null, lack } = times[k] ?? {};
    const entry = entryOf(parts, job, caller);
    // It names a part of the request.
    const isTold = lack !== undefined && lack.what !== 'painter' && entry.prompt !== null;
    return {
      ...entry,
      ...{ position: index + 1, ahead: { own, others: index - own }, lack: isTold ? lackText(lack) : null },
      ...{ start, end, painters: [], fraction: 0 },
    };
  });
  return {
    ...{ count: queue.waiting.size, running, waiting },
    painters: painters.all.map(({ painter: { name }, ready, busy }) => ({ name, ready, busy })),
  };
}

function entryOf({ rules }: Parts, job: Job, caller: Caller) {
  const own = isOwner(job, caller);
  const operator = isOperator(caller);
  const seen = isVisible(job, caller) || (operator && job.caller.surface === caller.surface);
  const shown = seen && rules.refusal(job.request, caller) === undefined;
  return {
    // The operator may cancel what they may not read.
    id: seen || operator ? job.id : null,
    room: seen ? job.caller.room : null,
    user: seen ? job.caller.name : null,
    prompt: shown ? titleOf(job.request) : null,
    surface: job.caller.surface,
    pictures: job.request.n,
    own,
    mayCancel: own || operator || (seen && caller.moderator),
    askedAt: job.createdAt,
  };
}
