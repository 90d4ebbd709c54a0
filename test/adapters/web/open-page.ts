import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { WebAdapterOptions } from '../../../src/adapters/web/server/options.ts';
import { serveFake } from './serve-fake.ts';

// The others draw windows around their pages, which takes most of their time.
const BROWSERS: readonly string[] = [
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];
const QUIET: readonly string[] = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A system Chromium; `CHROMIUM` names another one. */
export function launchBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? BROWSERS.find((path) => existsSync(path));
  if (executablePath === undefined) throw new Error('No Chromium found: install it, or set CHROMIUM to its path');
  return chromium.launch({ executablePath, args: [...QUIET] });
}

/** Only what never comes takes so long, in milliseconds: a machine does other things too. */
export const PATIENCE_MS = 60_000;

/** A page of its own over a fake core. Anything that the page complains about fails the test. */
export async function openPage(
  t: TestContext,
  browser: Browser,
  options: BrowserContextOptions & {
    readonly room?: string;
    readonly server?: Partial<WebAdapterOptions>;
    /** Runs in each page before anything else does. */
    readonly script?: string;
    /** Of somebody who has to sign in first, the page is only shown. @default 'live' */
    readonly waitFor?: 'live' | 'shown';
  } = {},
) {
  const { room = 'lobby', server, script = '', waitFor = 'live', ...contextOptions } = options;
  const { core, url } = await serveFake(t, { liveIntervalMs: 10, ...server });
  const context = await browser.newContext({ reducedMotion: 'reduce', ...contextOptions });
  t.after(() => context.close());
  await context.addInitScript(script);
  const complaints: string[] = [];
  const visit = async (path = `#${room}`): Promise<Page> => {
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    await page.goto(url + path);
    if (waitFor === 'live') await page.locator('#connection[data-state=live]').waitFor();
    return page;
  };
  return { core, url, context, page: await visit(), visit, complaints };
}

/** Types into the prompt and sends it. */
export async function type(page: Page, text: string): Promise<void> {
  await page.fill('#prompt', text);
  await page.press('#prompt', 'Enter');
}

/** Waits for an expression to come true in the page. (The page's own policy forbids what Playwright would do for that.) */
export async function until(page: Page, expression: string): Promise<void> {
  for (const began = performance.now(); !(await page.evaluate(expression)); ) {
    if (performance.now() - began > PATIENCE_MS) throw new Error(`Still not true: ${expression}`);
    await page.evaluate('new Promise(requestAnimationFrame)');
  }
}

/** Of the first visible element: its text against what lies behind it, as WCAG counts it (1 to 21). */
export function contrastOf(page: Page, selector: string): Promise<number> {
  return page.evaluate(`{
    const canvas = new OffscreenCanvas(1, 1).getContext('2d');
    const luminance = (color) => {
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((byte) => {
        const part = byte / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const element = [...document.querySelectorAll('${selector}')].find((one) => one.checkVisibility());
    let behind = element;
    while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
    const text = luminance(getComputedStyle(element).color);
    const ground = luminance(getComputedStyle(behind).backgroundColor);
    (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
  }`);
}
