import { type Caller, type Job, personalPayer } from '../../../../bot/job.ts';
import { UserError } from '../../../../system/errors.ts';
import { t } from '../../../../texts/translate.ts';
import { parseId } from '../names.ts';
import { notFound } from '../problems.ts';
import { THUMBNAIL_WIDTHS } from '../served-pictures.ts';
import { personOf, route, type WebApp, type WebContext, type WebRequest } from '../web-context.ts';

/** `GET /images/{id}.png`, or a small WebP with `?w=`. The picture of an id never changes. */
export function imageRoutes(app: WebApp, web: WebContext): void {
  route(app, '/images/:file', {
    GET: async (c) => {
      const name = c.req.param('file') ?? '';
      const id = parseId(name.endsWith('.png') ? name.slice(0, -4) : '', 'image');
      const width = parseWidth(c.req.query('w'));
      // Before the ETag is compared, so that a deleted picture is gone for browsers that have it too. The pictures of other
      // platforms are for those who see them there.
      const job = web.core.jobOfImage(id);
      const path = job?.caller.surface === 'web' ? await web.core.imagePath(id, askerOf(web, c, job)) : null;
      if (path === null) throw notFound(t('There is no image with this id, or it was deleted.'));
      const etag = `"${id}${width === null ? '' : `-${width}`}"`;
      c.header('ETag', etag);
      c.header('Cache-Control', 'private, max-age=31536000, immutable');
      if (matches(c.req.header('if-none-match'), etag)) return c.body(null, 304);
      const file = await (width === null ? web.pictures.whole(path) : web.pictures.thumbnail(path, width));
      c.header('Content-Type', width === null ? 'image/png' : 'image/webp');
      c.header('Content-Length', String(file.length));
      return c.req.raw.method === 'HEAD' ? c.body(null) : c.body(new Uint8Array(file));
    },
  });
}

/** Whose time it is if the picture has to be made again: a name that is proven, else an address. */
function askerOf(web: WebContext, c: WebRequest, { caller: { room, guild } }: Job): Caller {
  const { user: proven, admin } = c.get('identity');
  const user = proven ?? personOf(web, c);
  const payer = personalPayer('web', user);
  const ageRestricted = web.options.ageRestrictedRooms.includes(room);
  return { surface: 'web', user, name: user, room, guild, payer, moderator: admin, ageRestricted };
}

function parseWidth(text: string | undefined): number | null {
  if (text === undefined) return null;
  const width = THUMBNAIL_WIDTHS.find((allowed) => String(allowed) === text);
  if (width !== undefined) return width;
  throw new UserError('width_not_offered', `There are no thumbnails of width "${text.slice(0, 20)}".`, {
    hint: `Use ?w= with ${THUMBNAIL_WIDTHS.join(', ')}, or leave it out for the full size.`,
  });
}

function matches(header: string | undefined, etag: string): boolean {
  return (header ?? '').split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}
