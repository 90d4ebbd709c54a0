/**
 * The page of the web chat in a real Chromium, over a core in memory: first paint and bytes with an empty cache, a reload, and what
 * a frame costs while 2,000 pictures scroll, as a ratio to an empty list of the same height.
 * Run with `node --import tsx bench/web-page.ts`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Browser, CDPSession, Page } from 'playwright-core';
import * as z from 'zod';
import { createWebAdapter } from '../src/adapters/web/server/adapter.ts';
import { FakeCore } from '../test/adapters/web/fake-core.ts';
import { launchBrowser } from '../test/adapters/web/open-page.ts';
import { optionsFrom } from '../test/adapters/web/serve-fake.ts';

const VISITS = 9;
const PICTURES = 2000;
const FRAMES = 240;
/** Pixels that are scrolled in each frame: what a flick of a wheel or a finger does. */
const SPEED = 60;

const folder = mkdtempSync(join(tmpdir(), 'wuerst-bench-'));
const core = new FakeCore(folder);
const adapter = createWebAdapter({ ...optionsFrom(), logger: pino({ level: 'silent' }) });
await adapter.start(core);
const browser = await launchBrowser();
/** Few files, each under many ids. */
async function fill(): Promise<void> {
  for (let made = 0; made < 20; made += 1) {
    const { id } = await core.request(`a panda on a green background seed:${made} size:512x512`, 'lobby');
    await core.complete(id);
  }
  const { search } = core.gallery;
  core.gallery.search = (query, caller) => {
    const { pictures } = search.call(core.gallery, { ...query, offset: 0, limit: 20 }, caller);
    const length = Math.max(0, Math.min(query.limit, PICTURES - query.offset));
    const shown = Array.from({ length }, (_, k) => pictures[(query.offset + k) % pictures.length]);
    return { total: PICTURES, withheld: 0, pictures: shown.flatMap((picture) => picture ?? []) };
  };
}

const paint = z.object({ paint: z.number(), bytes: z.number(), requests: z.number() });
const PAINTED = `{
  const own = performance.getEntriesByType('resource').filter(({ name }) => !name.includes('/images/') && !name.includes('/events'));
  const [page] = performance.getEntriesByType('navigation');
  ({
    paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0,
    bytes: [page, ...own].reduce((sum, { transferSize }) => sum + transferSize, 0),
    requests: own.length + 1,
  });
}`;

async function visits(chromium: Browser): Promise<void> {
  const first: z.output<typeof paint>[] = [];
  const again: z.output<typeof paint>[] = [];
  for (let visit = 0; visit < VISITS; visit += 1) {
    const context = await chromium.newContext();
    const page = await context.newPage();
    for (const seen of [first, again]) {
      await (seen === first ? page.goto(`${adapter.url}#empty`) : page.reload());
      await page.locator('#connection[data-state=live]').waitFor();
      await page.locator('.welcome:visible').waitFor();
      seen.push(paint.parse(await page.evaluate(PAINTED)));
    }
    await context.close();
  }
  for (const [what, seen] of [
    ['with an empty cache', first],
    ['a reload', again],
  ] as const) {
    const last = seen.at(-1);
    const times = seen.map((one) => one.paint).sort((a, b) => a - b);
    const [fastest = 0, median = 0] = [times[0], times[Math.floor(times.length / 2)]];
    console.log(
      `${what}: first paint after ${median.toFixed(0)} ms, at best ${fastest.toFixed(0)}; ${((last?.bytes ?? 0) / 1000).toFixed(1)} kB in ${last?.requests} requests`,
    );
  }
}

/** Scrolls so many frames. Resolves to the frames a second. */
const scroll = (selector: string) => `new Promise((resolve) => {
  const list = document.querySelector('${selector}');
  const start = performance.now();
  let frames = 0;
  const next = () => {
    list.scrollTop += ${SPEED};
    frames += 1;
    if (frames < ${FRAMES}) requestAnimationFrame(next);
    else resolve((frames * 1000) / (performance.now() - start));
  };
  requestAnimationFrame(next);
})`;

const metrics = z.object({ metrics: z.array(z.object({ name: z.string(), value: z.number() })) });

/** Seconds of the page's main thread. */
async function busySeconds(devtools: CDPSession): Promise<number> {
  const found = metrics.parse(await devtools.send('Performance.getMetrics'));
  return found.metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0;
}

async function scrolling(chromium: Browser): Promise<void> {
  const context = await chromium.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send('Performance.enable');
  await page.goto(`${adapter.url}#lobby/gallery`);
  await page.locator('.tile[data-loaded]').first().waitFor();
  const pictures = await measured(page, devtools, '.gallery-scroll');
  await page.evaluate(`{
    const height = document.querySelector('.gallery-grid').offsetHeight;
    const list = document.createElement('div');
    list.id = 'empty-list';
    list.style.setProperty('height', '100%');
    list.style.setProperty('overflow-y', 'auto');
    const content = document.createElement('div');
    content.style.setProperty('height', height + 'px');
    list.append(content);
    document.querySelector('.gallery-body').replaceChildren(list);
  }`);
  const empty = await measured(page, devtools, '#empty-list');
  for (const [what, { rate, cost }] of [
    [`${PICTURES} pictures`, pictures],
    ['an empty list', empty],
  ] as const) {
    console.log(`scrolling ${what}: ${rate.toFixed(1)} frames a second, ${cost.toFixed(2)} ms of the main thread each`);
  }
  console.log(`frames a second with pictures by those without: ${(pictures.rate / empty.rate).toFixed(2)}`);
  await context.close();
}

async function measured(page: Page, devtools: CDPSession, selector: string) {
  const before = await busySeconds(devtools);
  const rate = z.number().parse(await page.evaluate(scroll(selector)));
  return { rate, cost: (((await busySeconds(devtools)) - before) * 1000) / FRAMES };
}

try {
  await fill();
  await visits(browser);
  await scrolling(browser);
} finally {
  await browser.close();
  await adapter.stop(100);
  rmSync(folder, { recursive: true, force: true });
}
