import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, gzipSync } from 'node:zlib';
import { once } from '../../../../system/memo.ts';
import { currentLanguage, LANGUAGES, type Language } from '../../../../texts/language.ts';
import { translationsFor } from '../../../../texts/translate.ts';
import { localisedHtml, localisedJson, textsModule } from '../page-texts.ts';
import { route, type WebApp, type WebRequest } from '../web-context.ts';

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
  for (const language of LANGUAGES) hash.update(JSON.stringify(translationsFor(language)));
  return hash.digest('base64url').slice(0, 12);
}

/** The files of the page, read once. No request can reach any other file. */
export function pageRoutes(app: WebApp): void {
  const folder = fileURLToPath(new URL('../../page/', import.meta.url));
  const names = readdirSync(folder).filter((name) => extname(name) in TYPES);
  const read = names.map((name) => [name, new Uint8Array(readFileSync(`${folder}/${name}`))] as const);
  const files = new Map([...read, [FORMATTER, formatter()] as const].sort(([a], [b]) => (a < b ? -1 : 1)));
  const kept = `/page/${versionOf(files)}/`;
  const { html, styles } = joined(textOf(files.get('index.html')), files);
  const page = html.replaceAll('"/page/', `"${kept}`);
  localRoute(app, '/', 'index.html', CHECKED, (language) => withTexts(localisedHtml(page, language), kept, language));
  // Compressing all files takes as long as everything else here, and few visits ask for all.
  const styleFile = once(() => prepared(STYLES, encoded(styles)));
  fileRoute(app, kept + STYLES, styleFile, KEPT);
  const modules = () => [...files].filter(([name]) => extname(name) === '.js').map(([, bytes]) => textOf(bytes));
  for (const language of LANGUAGES) {
    const name = textsOf(language);
    if (language !== 'en') localRoute(app, kept + name, name, KEPT, () => textsModule(language, modules()), language);
  }
  for (const [name, bytes] of files) {
    if (name === 'index.html') continue;
    if (name === MANIFEST) {
      const manifest = (language: Language) => localisedJson(textOf(bytes), language);
      localRoute(app, kept + name, name, CHECKED, manifest);
      localRoute(app, `/page/${name}`, name, CHECKED, manifest);
      continue;
    }
    const file = once(() => prepared(name, bytes));
    fileRoute(app, kept + name, file, KEPT);
    fileRoute(app, `/page/${name}`, file, CHECKED);
  }
}

const MANIFEST = 'manifest.webmanifest';
/** What puts values into texts, the same for the bot and its page. */
const FORMATTER = 'message.js';

function formatter(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`../../../../texts/${FORMATTER}`, import.meta.url)));
}

function textsOf(language: Language): string {
  return `texts-${language}.js`;
}

/** English needs no translations. Modules run in the order of the page. */
function withTexts(html: string, kept: string, language: Language): string {
  if (language === 'en') return html;
  const texts = `    <script type="module" src="${kept}${textsOf(language)}"></script>\n`;
  return html.replace(MAIN, () => texts);
}

/** What starts the page, once it is painted. */
const MAIN = /(?= *<script type="module")/;

const KEPT = 'public, max-age=31536000, immutable';
/** All styles of the page in one file. */
const STYLES = 'page.css';

/**
 * The page with one file of styles, which it waits for, and with its modules named, so that none waits for another.
 */
function joined(
  html: string,
  files: ReadonlyMap<string, Uint8Array>,
): { readonly html: string; readonly styles: string } {
  const links = [...html.matchAll(/ *<link rel="stylesheet" href="\/page\/([\w.-]+)">\n/g)];
  const styles = links.map(([, name = '']) => textOf(files.get(name))).join('\n');
  const modules = [...modulesFrom('main.js', files)].map(
    (name) => `    <link rel="modulepreload" href="/page/${name}">\n`,
  );
  const [first = ''] = links[0] ?? [];
  const without = links.slice(1).reduce((text, [link]) => text.replace(link, ''), html);
  const one = `  <link rel="stylesheet" href="/page/${STYLES}">\n`;
  return { html: without.replace(first, () => one).replace(MAIN, () => modules.join('')), styles };
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

function encoded(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Checked each time, so that a new version of the bot shows its own page at once. */
const CHECKED = 'no-cache';

function fileRoute(app: WebApp, path: string, file: () => PreparedFile, cache: string): void {
  route(app, path, { GET: (c) => sent(c, file(), cache, 'Accept-Encoding') });
}

/**
 * A file that differs by the reader's language.
 * @param fixed the only language that it is in
 */
function localRoute(
  app: WebApp,
  path: string,
  name: string,
  cache: string,
  contentIn: (language: Language) => string,
  fixed?: Language,
): void {
  const files = new Map<Language, PreparedFile>();
  const vary = fixed === undefined ? 'Accept-Encoding, Accept-Language' : 'Accept-Encoding';
  const fileIn = (language: Language) => {
    const file = files.get(language) ?? prepared(name, encoded(contentIn(language)));
    files.set(language, file);
    return file;
  };
  route(app, path, { GET: (c) => sent(c, fileIn(fixed ?? currentLanguage()), cache, vary) });
}

interface PreparedFile {
  readonly type: string;
  readonly etag: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly small: Uint8Array<ArrayBuffer>;
}

function prepared(name: string, bytes: Uint8Array<ArrayBuffer>): PreparedFile {
  return {
    type: TYPES[extname(name)] ?? '',
    etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`,
    bytes,
    small: new Uint8Array(gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION })),
  };
}

function sent(c: WebRequest, { type, etag, bytes, small }: PreparedFile, cache: string, vary: string): Response {
  c.header('ETag', etag);
  c.header('Cache-Control', cache);
  c.header('Vary', vary);
  if (c.req.header('if-none-match') === etag) return c.body(null, 304);
  if (!acceptsGzip(c.req.header('accept-encoding'))) return c.body(bytes, 200, { 'Content-Type': type });
  return c.body(small, 200, { 'Content-Type': type, 'Content-Encoding': 'gzip' });
}

/** `gzip;q=0` refuses it. */
function acceptsGzip(header = ''): boolean {
  return header.split(',').some((coding) => /^\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(coding));
}
