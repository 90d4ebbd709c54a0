import { Readable } from 'node:stream';
import * as z from 'zod';
import type { Gallery } from '../../../../bot/core.ts';
import type { Caller } from '../../../../bot/job.ts';
import { UserError } from '../../../../system/errors.ts';
import { t } from '../../../../texts/translate.ts';
import { pictureJson, requestJson } from '../gallery-json.ts';
import { replyJson } from '../job-json.ts';
import { readJson } from '../json-body.ts';
import { parseId, parseRoom } from '../names.ts';
import { zipOfPictures } from '../picture-zips.ts';
import { notFound } from '../problems.ts';
import {
  callerOf,
  personOf,
  requireRate,
  route,
  type WebApp,
  type WebContext,
  type WebRequest,
} from '../web-context.ts';

const MAX_PAGE = 200;
/** Above every number of pictures, and far below what loses digits. */
const MAX_OFFSET = 1e9;
const MAX_ZIPPED = 1000;
/** Pictures of a zip that cost as much as a request. */
const PER_REQUEST = 20;
/** The room of a caller whose request is about all rooms. */
const EVERYWHERE = 'everywhere';

const ZIP = z.strictObject({ ids: z.array(z.string().max(64)).min(1).max(MAX_ZIPPED), user: z.string().optional() });

/**
 * `GET /api/gallery?room=…&q=…&liked=1&offset=…&limit=…`: the pictures of a room, without one those of whoever asks.
 * `GET /api/pictures/{id}`: everything about one. `POST /api/zips` with `{ ids }`: an address that gives them as one file.
 */
export function galleryRoutes(app: WebApp, web: WebContext): void {
  const isForAdults = (room: string) => web.options.ageRestrictedRooms.includes(room);

  route(app, '/api/gallery', {
    GET: (c) => {
      const room = c.req.query('room');
      const limit = whole(c, 'limit', 100, MAX_PAGE);
      const query = {
        ...(room === undefined ? {} : { room: parseRoom(room) }),
        ...{ text: c.req.query('q') ?? '', liked: c.req.query('liked') === '1' },
        ...{ offset: whole(c, 'offset', 0, MAX_OFFSET), limit },
      };
      const { total, pictures, withheld } = galleryOf(web).search(query, callerAt(web, c, query.room), isForAdults);
      return c.json({ total, withheld, pictures: pictures.map(pictureJson) });
    },
  });

  route(app, '/api/pictures/:id', {
    GET: async (c) => {
      const id = parseId(c.req.param('id'), 'image');
      const gallery = galleryOf(web);
      const caller = callerAt(web, c, web.core.jobOfImage(id)?.caller.room);
      const picture = gallery.picture(id, caller, isForAdults);
      const job = picture === null ? null : web.core.job(picture.job.id);
      if (picture === null || job === null) throw notFound(t('There is no image with this id, or it was deleted.'));
      const info = await web.core.act(`info:${id}`, caller);
      const { ancestors, siblings, children } = gallery.family(picture, caller, isForAdults);
      const {
        fields,
        code,
        lines,
        images,
        buttons: more,
      } = replyJson(info.kind === 'reply' ? info.reply : web.core.jobReply(job));
      // What is blurred for others moderators see behind a cover.
      const [original] = images.filter(({ version }) => version === 'original');
      const buttons = web.core.jobReply(job).buttons.flat();
      return c.json({
        ...pictureJson(picture),
        ...(original === undefined ? {} : { url: original.url, spoiler: true }),
        ...{ request: requestJson(job.request), fields, command: code, lines },
        buttons: [
          ...buttons.filter(({ action }) => action.endsWith(`:${id}`) && !action.startsWith('show:')),
          ...(info.kind === 'reply' ? more.flat() : []),
        ],
        ancestors: ancestors.map(pictureJson),
        siblings: siblings.map(pictureJson),
        children: children.map(pictureJson),
      });
    },
  });

  zipRoutes(app, web, isForAdults);
}

function zipRoutes(app: WebApp, web: WebContext, isForAdults: (room: string) => boolean): void {
  route(app, '/api/zips', {
    POST: async (c) => {
      const { ids, user } = await readJson(c, ZIP);
      requireRate(web, c, Math.ceil(ids.length / PER_REQUEST));
      const id = web.zips.add({
        ids: [...new Set(ids)],
        caller: callerAt(web, c, undefined, user),
        for: personOf(web, c),
      });
      return c.json({ url: `/api/zips/${id}` }, 201);
    },
  });
  route(app, '/api/zips/:id', {
    GET: (c) => {
      const wanted = web.zips.get(c.req.param('id') ?? '');
      if (wanted === undefined || wanted.for !== personOf(web, c))
        throw notFound(t('This file is not offered any more.'));
      c.header('Content-Type', 'application/zip');
      c.header('Content-Disposition', 'attachment; filename="wuerst-pictures.zip"');
      const parts = Readable.from(zipOfPictures(web.core, galleryOf(web), wanted, isForAdults));
      return c.body(Readable.toWeb(parts) as ReadableStream<Uint8Array>);
    },
  });
}

function galleryOf({ core }: WebContext): Gallery {
  if (core.gallery !== undefined) return core.gallery;
  throw notFound(t('No pictures are kept here.'));
}

function callerAt(web: WebContext, c: WebRequest, room = EVERYWHERE, user = c.req.query('user')): Caller {
  return callerOf(web, c, user, room);
}

function whole(c: WebRequest, name: string, usual: number, most: number): number {
  const text = c.req.query(name);
  if (text === undefined) return usual;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value <= most) return value;
  throw new UserError('page_invalid', `Expected a whole number up to ${most} as ${name}, got "${text.slice(0, 20)}".`, {
    hint: `For example ?${name}=${usual}.`,
  });
}
