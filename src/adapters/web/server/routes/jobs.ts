import type { Job } from '../../../../bot/job.ts';
import { UserError } from '../../../../system/errors.ts';
import { t } from '../../../../texts/translate.ts';
import { parseId, parseRoom } from '../names.ts';
import { notFound } from '../problems.ts';
import { callerOf, jobFor, requireRate, route, type WebApp, type WebContext } from '../web-context.ts';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

/** `GET` and `DELETE /api/jobs/{id}`, and the history of a room. */
export function jobRoutes(app: WebApp, web: WebContext): void {
  route(app, '/api/jobs/:id', {
    GET: (c) => c.json(jobFor(web, c, findJob(web, c.req.param('id')))),
    DELETE: async (c) => {
      const job = findJob(web, c.req.param('id'));
      const caller = callerOf(web, c, c.req.query('user'), job.caller.room);
      await web.core.act(`cancel:${job.id}`, caller);
      return c.json({ job: jobFor(web, c, job) });
    },
  });

  route(app, '/api/rooms/:room/jobs', {
    GET: (c) => {
      const room = parseRoom(c.req.param('room'));
      const before = c.req.query('before');
      const limit = parseLimit(c.req.query('limit'));
      const page = before === undefined ? {} : { before: findJob(web, before).id };
      // One more than asked for, to know whether there are older ones.
      const jobs = web.core.jobs({ surface: 'web', room, limit: limit + 1, ...page });
      // A long page costs as much as the short ones that it takes the place of.
      requireRate(web, c, Math.max(0, Math.ceil(jobs.length / DEFAULT_LIMIT) - 1));
      return c.json({ jobs: jobs.slice(0, limit).map((job) => jobFor(web, c, job)), more: jobs.length > limit });
    },
  });
}

/** `GET /api/rooms`: the rooms in which whoever asks was, the latest first. */
export function roomRoutes(app: WebApp, web: WebContext): void {
  route(app, '/api/rooms', {
    GET: (c) => {
      const rooms = web.core.rooms(callerOf(web, c, c.req.query('user'), 'rooms'));
      return c.json({ rooms: rooms.slice(0, MAX_LIMIT) });
    },
  });
}

/** Throws `not_found`, also for the jobs of other platforms. */
function findJob(web: WebContext, id: string | undefined): Job {
  const job = web.core.job(parseId(id, 'job'));
  if (job?.caller.surface !== 'web') throw notFound(t('There is no job with this id.'));
  return job;
}

function parseLimit(text: string | undefined): number {
  if (text === undefined) return DEFAULT_LIMIT;
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new UserError('page_size_invalid', `Expected a limit from 1 to ${MAX_LIMIT}, got "${text.slice(0, 20)}".`, {
    hint: `For example ?limit=${DEFAULT_LIMIT}.`,
  });
}
