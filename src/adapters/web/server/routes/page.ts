import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, gzipSync } from 'node:zlib';
import { route, type WebApp } from '../web-context.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The files of the page, read once. No request can reach any other file. */
export function pageRoutes(app: WebApp): void {
  const folder = fileURLToPath(new URL('../../page/', import.meta.url));
  for (const name of readdirSync(folder)) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const bytes = new Uint8Array(readFileSync(`${folder}/${name}`));
    const small = new Uint8Array(gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }));
    const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
    route(app, name === 'index.html' ? '/' : `/page/${name}`, {
      GET: (c) => {
        c.header('ETag', etag);
        // Checked each time, so that a new version of the bot shows its own page at once.
        c.header('Cache-Control', 'no-cache');
        c.header('Vary', 'Accept-Encoding');
        if (c.req.header('if-none-match') === etag) return c.body(null, 304);
        if (!acceptsGzip(c.req.header('accept-encoding'))) return c.body(bytes, 200, { 'Content-Type': type });
        return c.body(small, 200, { 'Content-Type': type, 'Content-Encoding': 'gzip' });
      },
    });
  }
}

/** `gzip;q=0` refuses it. */
function acceptsGzip(header = ''): boolean {
  return header.split(',').some((coding) => /^\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(coding));
}
