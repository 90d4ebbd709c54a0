import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { pino } from 'pino';
import type { Browser, Locator, Page } from 'playwright-core';
import type { JobEvent } from '../src/bot/job.ts';
import { readConfig } from '../src/config.ts';
import { type RunningBot, startBot } from '../src/main.ts';
import { launchBrowser, type, until } from './adapters/web/open-page.ts';
import { temporaryFolder } from './bot-process.ts';
import { HeldPainting } from './held-painting.ts';

/**
 * Nothing stands in for anything here: the page, the core, the database, the pipeline process, the embedded model. Only painting
 * waits where something is to be seen of it.
 */
const painting = new HeldPainting({ after });
let browser: Browser;
let bot: RunningBot;
const events: JobEvent[] = [];

before(async () => {
  const folder = temporaryFolder({ after });
  const config = readConfig({ WUERST_DATA: folder, WUERST_WEB_PORT: '0', WUERST_PROVIDER: 'cpu' });
  browser = await launchBrowser();
  const { engine } = painting;
  bot = await startBot(config, { engine, logger: pino({ level: 'silent' }), watchProcess: false });
  bot.studio.subscribe((event) => void events.push(event));
});
afterEach(() => painting.goOn());
after(async () => {
  await browser.close();
  await bot.stop();
});

async function openRoom(room: string): Promise<Page> {
  const page = await browser.newPage({ reducedMotion: 'reduce' });
  // Pictures are painted, and the machine may do other things too.
  page.setDefaultTimeout(300_000);
  await page.goto(`${bot.url}#${room}`);
  await page.locator('#connection[data-state=live]').waitFor();
  return page;
}

const turns = (page: Page) => page.locator('.conversation:not([hidden]) [data-job]');
const press = (where: Page | Locator, name: string) => where.getByRole('button', { name, exact: true }).click();

/** The turn at this place, when its job has ended so. */
async function ended(page: Page, place: number, state = 'done'): Promise<Locator> {
  const id = await turns(page).nth(place).getAttribute('data-job');
  const turn = page.locator(`[data-job="${id}"]`);
  await page.locator(`[data-job="${id}"][data-state=${state}]`).waitFor();
  return turn;
}

test('a prompt is watched while it is painted, and its pictures are what was asked for', async () => {
  const page = await openRoom('watching');
  painting.holdAt('prior');
  await type(page, '/wuerst a red fox in the snow size:512x512 n:2 seed:7 style:aesthetic steps:20 decoder-steps:6');
  await page.getByRole('progressbar').waitFor();
  await page.getByText(/^Sketching \d+\/20/).waitFor();
  const previews = page.locator('.coming img[src^="data:image/jpeg"]');
  await previews.nth(1).waitFor();
  assert.equal(await previews.count(), 2, 'a preview in the place of each picture');
  painting.holdAt('decoder');
  await page.getByText(/^Painting \d+\/6/).waitFor();
  painting.goOn();
  const turn = await ended(page, 0);
  assert.equal(await turn.getByRole('img', { name: 'a red fox in the snow' }).count(), 2);
  await until(page, `[...document.querySelectorAll('.picture img')].every((img) => img.naturalWidth > 0)`);
  const [first] = await turn.locator('.picture img').all();
  const source = (await first?.getAttribute('src'))?.replace(/\?.*/, '') ?? '';
  const png = await page.request.get(new URL(source, bot.url ?? '').href);
  assert.equal(png.headers()['content-type'], 'image/png');
  assert.match(png.headers()['content-length'] ?? '', /^\d{5,}$/);
  await page.close();
});

test('every button of a result does what it says', async () => {
  const page = await openRoom('buttons');
  await type(page, 'a cake on a pink background size:256x256 seed:7');
  const parent = await ended(page, 0);
  const made: [button: string, remark: RegExp, size: string][] = [
    ['Reroll', /New seeds for/, '256 × 256'],
    ['Vary subtle', /A subtle variation of/, '256 × 256'],
    ['Vary strong', /A strong variation of/, '256 × 256'],
    ['Larger 1.5×', /Larger, from \w+ \(1\.5×\)/, '384 × 384'],
    ['Larger 2×', /Larger, from \w+ \(2×\)/, '512 × 512'],
  ];
  for (const [place, [button, remark, size]] of made.entries()) {
    await press(parent, button);
    const turn = await ended(page, place + 1);
    await turn.getByText(remark).waitFor();
    await turn.getByText(size, { exact: true }).waitFor();
    assert.equal(await turn.locator('.picture img').count(), 1, button);
  }
  await press(parent, 'Remix');
  const form = page.getByRole('dialog', { name: 'Remix' });
  await form.getByLabel('Prompt').fill('a strawberry on a pink background');
  await press(form, 'Remix');
  const remix = await ended(page, 6);
  await remix.getByText('seed 7', { exact: true }).waitFor();

  await press(parent, 'Info');
  await page.getByText(/^\/wuerst a cake on a pink background width:256 .*seed:7/).waitFor();

  await press(remix, 'Delete');
  await press(page.getByRole('dialog'), 'Delete');
  await remix.getByText('The pictures were deleted.').waitFor();
  assert.equal(await remix.locator('.picture').count(), 0);

  painting.holdAt('prior');
  await type(page, 'a cake that is painted');
  await turns(page).nth(7).waitFor();
  await type(page, 'a cake that waits');
  await press(turns(page).nth(8), 'Cancel');
  await (await ended(page, 8, 'cancelled')).getByText('Cancelled.').waitFor();
  await press(turns(page).nth(7), 'Cancel');
  await ended(page, 7, 'cancelled');
  await page.close();
});

test('a page that is loaded again in the middle of a job goes on watching it', async () => {
  const page = await openRoom('reloading');
  painting.holdAt('prior');
  await type(page, 'a blue bird size:256x256 n:2 seed:1');
  await page.getByText(/^Sketching/).waitFor();
  await page.reload();
  await page.getByRole('progressbar').waitFor();
  painting.goOn();
  const turn = await ended(page, 0);
  assert.equal(await turn.locator('.picture img').count(), 2);
  assert.equal(await turns(page).count(), 1);
  await page.reload();
  assert.equal(await (await ended(page, 0)).locator('.picture img').count(), 2);
  await page.close();
});

test('two rooms take turns, and neither shows what is asked in the other', async () => {
  const [busy, quiet] = [await openRoom('busy'), await openRoom('quiet')];
  painting.holdAt('prior');
  await type(busy, 'a big cake size:256x256');
  await busy.getByText(/^Sketching/).waitFor();
  for (const colour of ['red', 'green', 'yellow']) await type(busy, `a ${colour} cake size:256x256`);
  await turns(busy).nth(3).waitFor();
  await type(quiet, 'a penguin in the snow size:256x256');
  await quiet.getByText(/^Waiting/).waitFor();
  await press(turns(busy).nth(0), 'Cancel');
  await ended(busy, 0, 'cancelled');
  painting.goOn();
  await Promise.all([ended(quiet, 0), ...[1, 2, 3].map((place) => ended(busy, place))]);
  const guest = events.filter(({ job }) => job.request.prompt === 'a penguin in the snow');
  const [asked, begun] = (['queued', 'started'] as const).map((wanted) => guest.find(({ type }) => type === wanted));
  assert.ok(asked && begun);
  const meanwhile = events.slice(events.indexOf(asked), events.indexOf(begun)).filter(({ type }) => type === 'started');
  assert.ok(meanwhile.length <= 1, `of three that wait in the busy room one may come first, not ${meanwhile.length}`);
  assert.deepEqual([await turns(quiet).count(), await turns(busy).count()], [1, 4]);
  await Promise.all([busy.close(), quiet.close()]);
});

test('a pipeline process that dies while a page watches is replaced, and the job finished', async () => {
  const page = await openRoom('dying');
  painting.holdAt('prior');
  await type(page, 'a rocket in space size:256x256 n:2');
  await page.getByText(/^Sketching/).waitFor();
  const [before] = bot.pipelines;
  const { pid = null, crashes = 0 } = before ?? {};
  process.kill(pid ?? 0, 'SIGKILL');
  painting.goOn();
  const turn = await ended(page, 0);
  assert.equal(await turn.locator('.picture img').count(), 2);
  assert.equal(bot.pipelines[0]?.crashes, crashes + 1);
  assert.notEqual(bot.pipelines[0]?.pid, pid);
  await page.close();
});

test('with the keyboard alone a picture is asked for, varied, looked at and left', async () => {
  const page = await openRoom('keyboard');
  await page.locator('#prompt:focus').waitFor();
  await page.keyboard.type('a strawberry size:256x256');
  await page.keyboard.press('Enter');
  await ended(page, 0);
  const reach = async (name: string) => {
    for (let steps = 0; steps < 40; steps += 1) {
      await page.keyboard.press('Shift+Tab');
      if ((await page.evaluate('document.activeElement?.textContent')) === name) return;
    }
    assert.fail(`no way to "${name}" with the keyboard`);
  };
  await reach('Vary subtle');
  await page.keyboard.press('Enter');
  await ended(page, 1);
  await reach('Reroll');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await page.close();
});
