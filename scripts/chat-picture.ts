/**
 * Takes the pictures of the web chat for the README and its page: the bot on an empty folder, the embedded model, a real Chromium.
 * Run with `node --import tsx scripts/chat-picture.ts`; writes docs/web-chat.webp and docs/web-chat/*.webp.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import sharp from 'sharp';
import { readConfig } from '../src/config.ts';
import { startBot } from '../src/main.ts';
import { launchBrowser, type, until } from '../test/adapters/web/open-page.ts';

const FINISHED = '/wuerst a panda on a green background n:2 seed:2';
const RUNNING = '/wuerst a penguin in the snow size:1536x1024 seed:2';
const IN_THE_GALLERY = [
  ...['a rocket in space seed:3', 'a lion at sunset seed:5', 'a mushroom in the forest size:1024x1536 seed:4'],
  ...[
    'a strawberry on a white background seed:1',
    'a ghost at night seed:6',
    'a cactus in the desert size:1536x1024 seed:8',
  ],
  ...['a rainbow in the sky seed:9', 'a sunflower in a field seed:11'],
];
/** The first is painted while the others wait. */
const IN_THE_QUEUE = [
  'a castle at night n:4 size:1536x1024',
  'a cake on a pink background',
  'an owl in the forest n:2',
];
const DOCS = join(import.meta.dirname, '../docs');
const DESK = { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1.25 } as const;
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 } as const;
/** On a machine that does other things too. */
const PATIENCE = 300_000;

async function open(browser: Browser, url: string, options: BrowserContextOptions): Promise<Page> {
  const page = await browser.newPage({ reducedMotion: 'reduce', ...options });
  await page.addInitScript(`localStorage.setItem('wuerst.name', 'ann')`);
  await page.goto(url);
  await page.locator('#connection[data-state=live]').waitFor();
  return page;
}

const LOADED = `[...document.images].filter((one) => one.checkVisibility()).every((one) => one.complete && one.naturalWidth > 0)`;

async function shoot(page: Page, name: string): Promise<void> {
  await until(page, LOADED);
  await sharp(await page.screenshot())
    .webp({ quality: 84 })
    .toFile(join(DOCS, `${name}.webp`));
}

/** Asks for a picture, and waits until it is there. */
async function made(page: Page, text: string): Promise<void> {
  const before = await page.locator('[data-state=done]').count();
  await type(page, text);
  await page.locator('[data-state=done]').nth(before).waitFor({ timeout: PATIENCE });
}

async function galleryLoaded(page: Page): Promise<void> {
  await page.locator('.tile[data-loaded]').nth(IN_THE_GALLERY.length).waitFor();
}

const folder = mkdtempSync(join(tmpdir(), 'wuerst-picture-'));
const config = readConfig({ WUERST_DATA: folder, WUERST_WEB_PORT: '0', WUERST_PROVIDER: 'cpu' });
const bot = await startBot(config, { logger: pino({ level: 'error' }), watchProcess: false });
const browser = await launchBrowser();
try {
  mkdirSync(join(DOCS, 'web-chat'), { recursive: true });
  const page = await open(browser, `${bot.url}#lobby`, {
    viewport: { width: 1120, height: 1240 },
    deviceScaleFactor: 1.5,
  });
  await made(page, FINISHED);
  await type(page, RUNNING);
  await page
    .locator('[data-state=running]')
    .getByText(/^Painting/)
    .waitFor({ timeout: PATIENCE });
  await shoot(page, 'web-chat');
  await page.locator('[data-state=done]').nth(1).waitFor({ timeout: PATIENCE });
  for (const text of IN_THE_GALLERY) await made(page, text);
  await page.locator('.turn').last().getByRole('button', { name: 'Vary subtle' }).click();
  await page
    .locator('[data-state=done]')
    .nth(IN_THE_GALLERY.length + 2)
    .waitFor({ timeout: PATIENCE });

  const gallery = await open(browser, `${bot.url}#lobby/gallery`, DESK);
  await galleryLoaded(gallery);
  await shoot(gallery, 'web-chat/gallery');
  await gallery.locator('.tile').first().click();
  await gallery.locator('.family img').first().waitFor();
  await shoot(gallery, 'web-chat/picture');

  const settings = await open(browser, `${bot.url}#studio`, { ...DESK, colorScheme: 'dark' });
  await settings.fill('#prompt', 'a panda on a green background --ar 2:3 n:4 seed:7');
  await settings.getByRole('button', { name: 'Settings', exact: true }).click();
  await settings.locator('.sizes [aria-pressed=true]').waitFor();
  await shoot(settings, 'web-chat/settings');

  const queue = await open(browser, `${bot.url}#lobby`, DESK);
  for (const text of IN_THE_QUEUE) await type(queue, `/wuerst ${text}`);
  await queue.getByRole('link', { name: 'Queue', exact: true }).click();
  await queue.locator('.queue-row .bar').waitFor({ timeout: PATIENCE });
  await shoot(queue, 'web-chat/queue');

  const admin = await open(browser, `${bot.url}#/admin/rules`, DESK);
  await admin.locator('.admin-rule').first().waitFor();
  await shoot(admin, 'web-chat/administration');

  const phone = await open(browser, `${bot.url}#lobby/gallery`, PHONE);
  await galleryLoaded(phone);
  await shoot(phone, 'web-chat/phone');
} finally {
  await browser.close();
  await bot.stop();
  rmSync(folder, { recursive: true, force: true });
}
