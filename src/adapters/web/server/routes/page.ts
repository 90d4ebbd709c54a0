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
      const { html, styles } = joined(textOf(bytes), files);
      fileRoute(app, '/', name, new TextEncoder().encode(html.replaceAll('"/page/', `"${kept}`)), CHECKED);
      fileRoute(app, kept + STYLES, STYLES, new TextEncoder().encode(styles), KEPT);
      continue;
    }
    fileRoute(app, kept + name, name, bytes, KEPT);
    fileRoute(app, `/page/${name}`, name, bytes, CHECKED);
  }
}

const KEPT = 'public, max-age=31536000, immutable';
/** All styles of the page in one file. */
const STYLES = 'page.css';

/**
 * The page with one file of styles, which it waits for, and with its modules named, so that none waits for another. They are many,
 * and must not take the connections of what is to be painted first.
 */
function joined(
  html: string,
  files: ReadonlyMap<string, Uint8Array>,
): { readonly html: string; readonly styles: string } {
  const links = [...html.matchAll(/ *<link rel="stylesheet" href="\/page\/([\w.-]+)">\n/g)];
  const styles = links.map(([, name = '']) => textOf(files.get(name))).join('\n');
  const modules = [...modulesFrom('main.js', files)].map(
    (name) => `  <link rel="modulepreload" fetchpriority="low" href="/page/${name}">\n`,
  );
  const [first = ''] = links[0] ?? [];
  const without = links.slice(1).reduce((text, [link]) => text.replace(link, ''), html);
  const one = `  <link rel="stylesheet" href="/page/${STYLES}">\n`;
  // Behind what the first paint waits for.
  const main = /(?= *<script type="module")/;
  return { html: without.replace(first, () => one).replace(main, () => modules.join('')), styles };
}

/** What a module imports before it runs, and what that imports. */
function modulesFrom(
  name: string,
  files: ReadonlyMap<string, Uint8Array>,
  found = new Set<string>(),
): ReadonlySet<string> {
  if (found.has(name)) return found;
  found.add(name);
  const imports = textOf(files.get(name)).matchAll(/^(?:import|\}) .*from '\.\/([\w.-]+)';$/gm);
  for (const [, imported = ''] of imports) modulesFrom(imported, files, found);
  return found;
}

function textOf(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
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
