/**
 * Takes the picture of the web chat for the README: the bot on an empty folder, the embedded model, a real Chromium.
 * Run with `node --import tsx scripts/chat-picture.ts`; writes docs/web-chat.webp.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import sharp from 'sharp';
import { readConfig } from '../src/config.ts';
import { startBot } from '../src/main.ts';
import { launchBrowser, type } from '../test/adapters/web/open-page.ts';

const FINISHED = '/wuerst a panda on a green background n:2 seed:2';
const RUNNING = '/wuerst a penguin in the snow size:1536x1024 seed:2';

const folder = mkdtempSync(join(tmpdir(), 'wuerst-picture-'));
const config = readConfig({ WUERST_DATA: folder, WUERST_WEB_PORT: '0', WUERST_PROVIDER: 'cpu' });
const bot = await startBot(config, { logger: pino({ level: 'error' }), watchProcess: false });
const browser = await launchBrowser();
try {
  const page = await browser.newPage({
    viewport: { width: 1120, height: 1240 },
    deviceScaleFactor: 1.5,
    reducedMotion: 'reduce',
  });
  await page.addInitScript(`localStorage.setItem('wuerst.name', 'ann')`);
  await page.goto(`${bot.url}#lobby`);
  await page.locator('#connection[data-state=live]').waitFor();
  await type(page, FINISHED);
  await page.locator('[data-state=done]').waitFor({ timeout: 60_000 });
  await type(page, RUNNING);
  await page
    .locator('[data-state=running]')
    .getByText(/^Painting/)
    .waitFor({ timeout: 60_000 });
  const shot = await page.screenshot();
  await sharp(shot)
    .webp({ quality: 84 })
    .toFile(join(import.meta.dirname, '../docs/web-chat.webp'));
} finally {
  await browser.close();
  await bot.stop();
  rmSync(folder, { recursive: true, force: true });
}
