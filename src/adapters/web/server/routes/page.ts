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
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
};

/** Where the files of this version are, and may be kept for good: a reload asks for the page alone. */
function versionOf(files: ReadonlyMap<string, Uint8Array>): string {
  const hash = createHash('sha256');
  for (const [name, bytes] of files) hash.update(`${name}\0${bytes.length}\0`).update(bytes);
  return hash.digest('base64url').slice(0, 12);
}

/** The files of the page, read once. No request can reach any other file. */
export function pageRoutes(app: WebApp): void {
  const folder = fileURLToPath(new URL('../../page/', import.meta.url));
  const names = readdirSync(folder)
    .sort()
    .filter((name) => extname(name) in TYPES);
  const files = new Map(names.map((name) => [name, new Uint8Array(readFileSync(`${folder}/${name}`))]));
  const kept = `/page/${versionOf(files)}/`;
  for (const [name, bytes] of files) {
    if (name === 'index.html') {
      const html = new TextDecoder().decode(bytes).replaceAll('"/page/', `"${kept}`);
      fileRoute(app, '/', name, new TextEncoder().encode(html), CHECKED);
      continue;
    }
    fileRoute(app, `${kept}${name}`, name, bytes, 'public, max-age=31536000, immutable');
    fileRoute(app, `/page/${name}`, name, bytes, CHECKED);
  }
}

/** Checked each time, so that a new version of the bot shows its own page at once. */
const CHECKED = 'no-cache';

function fileRoute(app: WebApp, path: string, name: string, bytes: Uint8Array<ArrayBuffer>, cache: string): void {
  const type = TYPES[extname(name)] ?? '';
  const small = new Uint8Array(gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }));
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
  route(app, path, {
    GET: (c) => {
      c.header('ETag', etag);
      c.header('Cache-Control', cache);
      c.header('Vary', 'Accept-Encoding');
      if (c.req.header('if-none-match') === etag) return c.body(null, 304);
      if (!acceptsGzip(c.req.header('accept-encoding'))) return c.body(bytes, 200, { 'Content-Type': type });
      return c.body(small, 200, { 'Content-Type': type, 'Content-Encoding': 'gzip' });
    },
  });
}

/** `gzip;q=0` refuses it. */
function acceptsGzip(header = ''): boolean {
  return header.split(',').some((coding) => /^\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(coding));
}
