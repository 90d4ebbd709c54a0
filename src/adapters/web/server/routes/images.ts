import { type Caller, type Job, personalPayer } from '../../../../bot/job.ts';
import { pictureOfFile } from '../../../../bot/reply.ts';
import { UserError } from '../../../../system/errors.ts';
import { t } from '../../../../texts/translate.ts';
import { parseId } from '../names.ts';
import { notFound } from '../problems.ts';
import { THUMBNAIL_WIDTHS } from '../served-pictures.ts';
import { personOf, route, type WebApp, type WebContext, type WebRequest } from '../web-context.ts';

/** `GET /images/{id}.png` or another version of it, or a small WebP with `?w=`. What is shown under a name never changes. */
export function imageRoutes(app: WebApp, web: WebContext): void {
  route(app, '/images/:file', {
    GET: async (c) => {
      const name = c.req.param('file') ?? '';
      const fileId = parseId(name.endsWith('.png') ? name.slice(0, -4) : '', 'image');
      const { id, version } = pictureOfFile(fileId);
      const width = parseWidth(c.req.query('w'));
      // Before the ETag is compared, so that a deleted picture is gone for browsers that have it too. The pictures of other
      // platforms are for those who see them there.
      const job = web.core.jobOfImage(id);
      const asker = job?.caller.surface === 'web' ? askerOf(web, c, job) : null;
      const path = asker === null ? null : await web.core.imagePath(fileId, asker);
      if (path === null || asker === null) throw notFound(t('There is no image with this id, or it was deleted.'));
      const etag = `"${fileId}${width === null ? '' : `-${width}`}"`;
      // Under the plain name, what is blurred now may be uncovered later.
      const stays = version !== undefined || web.core.cover?.(id, asker) !== 'blur';
      if (stays) c.header('ETag', etag);
      c.header('Cache-Control', stays ? 'private, max-age=31536000, immutable' : 'no-store');
      if (stays && matches(c.req.header('if-none-match'), etag)) return c.body(null, 304);
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
