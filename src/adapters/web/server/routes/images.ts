import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { UserError } from '../../../../system/errors.ts';
import { methods } from '../methods.ts';
import { parseId } from '../names.ts';
import { notFound } from '../problems.ts';
import { THUMBNAIL_WIDTHS } from '../thumbnails.ts';
import type { WebApp, WebContext, WebRequest } from '../web-context.ts';

/** `GET /images/{id}.png`, or a small WebP with `?w=`. An id always means the same picture. */
export function imageRoutes(app: WebApp, web: WebContext): void {
  methods(app, '/images/:file', {
    GET: async (c) => {
      const file = c.req.param('file') ?? '';
      const id = parseId(file.endsWith('.png') ? file.slice(0, -4) : '', 'image');
      const width = parseWidth(c.req.query('w'));
      // Asked for before the ETag is compared: a deleted picture is gone, also for who has seen it.
      const path = await web.core.imagePath(id);
      if (path === null) throw notFound('There is no image with this id, or it was deleted.');
      const etag = `"${id}${width === null ? '' : `-${width}`}"`;
      c.header('ETag', etag);
      c.header('Cache-Control', 'private, max-age=31536000, immutable');
      if (matches(c.req.header('if-none-match'), etag)) return c.body(null, 304);
      return width === null ? sendFile(c, path) : sendThumbnail(c, web, id, path, width);
    },
  });
}

async function sendFile(c: WebRequest, path: string): Promise<Response> {
  const { size } = await stat(path);
  c.header('Content-Type', 'image/png');
  c.header('Content-Length', String(size));
  if (c.req.raw.method === 'HEAD') return c.body(null);
  return c.body(Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>);
}

async function sendThumbnail(
  c: WebRequest,
  web: WebContext,
  id: string,
  path: string,
  width: number,
): Promise<Response> {
  const bytes = await web.thumbnails.get(id, path, width);
  c.header('Content-Type', 'image/webp');
  return c.body(new Uint8Array(bytes));
}

function parseWidth(text: string | undefined): number | null {
  if (text === undefined) return null;
  const width = THUMBNAIL_WIDTHS.find((allowed) => String(allowed) === text);
  if (width !== undefined) return width;
  throw new UserError('width_not_offered', `Pictures are not offered ${text.slice(0, 20)} pixels wide.`, {
    hint: `Use ?w= with one of ${THUMBNAIL_WIDTHS.join(', ')}, or leave it out for the full size.`,
  });
}

function matches(header: string | undefined, etag: string): boolean {
  return (header ?? '').split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}
