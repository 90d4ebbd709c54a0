import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { paintPreview } from './fake-pictures.ts';
import { launchBrowser, openPage, type, until } from './open-page.ts';

let browser: Browser;
before(async () => {
  browser = await launchBrowser();
});
after(() => browser.close());

const PROMPT = 'a panda on a green background';
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const failure = (page: Page) => page.locator('#conversations').getByText('The bot cannot be reached.');
const online = (page: Page) => page.evaluate(`dispatchEvent(new Event('online'))`);

/** Whether something stands within what can be seen of the conversation. */
function inSight(selector: string): string {
  return `{
    const area = document.getElementById('scroll').getBoundingClientRect();
    const box = [...document.querySelectorAll('${selector}')].at(-1).getBoundingClientRect();
    box.top >= area.top - 1 && box.bottom <= area.bottom + 1;
  }`;
}

test('a message that did not reach the bot stays with a button that sends it again, once', async (t) => {
  const { core, page, context } = await openPage(t, browser);
  await context.setOffline(true);
  await type(page, PROMPT);
  const failed = page.locator('.turn', { hasText: PROMPT });
  await failed.getByText('The bot cannot be reached.').waitFor();
  assert.equal(await page.inputValue('#prompt'), '');
  await failed.getByRole('button', { name: 'Try again' }).click();
  await until(page, `document.querySelectorAll('.note [aria-disabled]').length === 0`);
  await failed.getByRole('button', { name: 'Try again' }).waitFor();
  assert.equal(await failed.count(), 1, 'it is one message, however often it fails');
  await context.setOffline(false);
  await failed.getByRole('button', { name: 'Try again' }).click();
  await failure(page).waitFor({ state: 'detached' });
  await page.locator('[data-job]').waitFor();
  assert.deepEqual([await failed.count(), await failure(page).count(), core.commands.length], [1, 0, 1]);
});

test('a request whose answer was lost is not made twice when it is sent again', async (t) => {
  const { core, page } = await openPage(t, browser);
  await page.route('**/commands', async (route) => {
    await route.fetch();
    await route.abort();
  });
  await type(page, PROMPT);
  await button(page, 'Try again').waitFor();
  await page.unroute('**/commands');
  await button(page, 'Try again').click();
  await button(page, 'Try again').waitFor({ state: 'detached' });
  assert.equal(await page.locator('[data-job]').count(), 1);
  assert.equal(core.jobs({ surface: 'web', room: 'lobby', limit: 10 }).length, 1);
});

test('what could not be sent can be changed, and outlives the page', async (t) => {
  const { page, context } = await openPage(t, browser);
  await context.setOffline(true);
  await type(page, PROMPT);
  await button(page, 'Try again').waitFor();
  await context.setOffline(false);
  await page.reload();
  await page.locator('#connection[data-state=live]').waitFor();
  assert.equal(await page.inputValue('#prompt'), PROMPT);

  await context.setOffline(true);
  await page.press('#prompt', 'Enter');
  await button(page, 'Edit').click();
  assert.equal(await page.inputValue('#prompt'), PROMPT);
  assert.equal(await failure(page).count(), 0);
});

test('a button that did not reach the bot says so where it was pressed, and is sent again from there', async (t) => {
  const { core, page, context } = await openPage(t, browser);
  const { id } = await core.request(PROMPT, 'lobby');
  await core.complete(id);
  await context.setOffline(true);
  await button(page, 'Reroll').click();
  const failed = page.locator(`[data-job=${id}] .aside`);
  await failed.getByText('The bot cannot be reached.').waitFor();
  await context.setOffline(false);
  await failed.getByRole('button', { name: 'Try again' }).click();
  await page.locator('[data-job]').nth(1).waitFor();
  await failed.waitFor({ state: 'hidden' });
  assert.equal(core.actions.length, 1);
});

test('while the bot is away what it makes says so, and goes on when it is back', async (t) => {
  const { core, page, context } = await openPage(t, browser);
  const { id } = await core.request(PROMPT, 'lobby');
  core.start(id);
  core.step(id, 4, { preview: await paintPreview(3) });
  await page.getByText('Sketching 4/10').first().waitFor();
  await context.setOffline(true);
  await online(page);
  const card = page.locator(`[data-job=${id}]`);
  await card.getByText('The bot cannot be reached.').waitFor();
  await card.getByText('This goes on by itself when the bot is back.').waitFor();
  assert.deepEqual([await card.getByText('left').count(), await card.getByRole('progressbar').count()], [0, 0]);
  await button(page, 'Try now').click();
  assert.equal(await page.locator('#connection').textContent(), 'Reconnecting…');
  await context.setOffline(false);
  await online(page);
  await card.getByText('Sketching 4/10').waitFor();
  assert.equal(await button(page, 'Try now').count(), 0);
  await core.complete(id);
  await card.getByRole('img', { name: PROMPT }).waitFor();
});

for (const viewport of [
  { width: 1280, height: 800 },
  { width: 390, height: 664 },
]) {
  test(`the refusal of a long prompt is in sight, ${viewport.width} pixels wide`, async (t) => {
    const { core, page } = await openPage(t, browser, { viewport, reducedMotion: 'no-preference' });
    for (let k = 0; k < 6; k++) await core.complete((await core.request(`a panda of ${k}`, 'lobby')).id);
    await page.locator('[data-image]').nth(5).waitFor();
    const long = 'a badword on a green background, '.repeat(70).trim();
    await type(page, long);
    await page.locator('.note[data-tone=error]').waitFor();
    await until(page, `document.getElementById('prompt').value.length > 2000`);
    await until(page, inSight('.note[data-tone=error] .note-line'));
    assert.ok(await page.evaluate(inSight('.note[data-tone=error] .note-title')));
    assert.equal(await page.inputValue('#prompt'), long);
    await button(page, 'Show all').click();
    assert.ok(await page.evaluate(`document.querySelector('.prompt.brief').clientHeight > 200`));
  });
}

test('Info shows up where it was asked for, moves nothing away and never piles up', async (t) => {
  const { core, page } = await openPage(t, browser);
  const { id } = await core.request(PROMPT, 'lobby');
  await core.complete(id);
  for (let k = 0; k < 6; k++) await core.complete((await core.request(`a panda of ${k}`, 'lobby')).id);
  await page.locator('[data-image]').nth(6).waitFor();
  const turn = page.locator(`[data-job=${id}]`);
  const info = turn.getByRole('button', { name: 'Info', exact: true });
  await info.evaluate((element) => element.scrollIntoView({ block: 'center' }));
  const place = () => info.boundingBox();
  const before = await place();
  for (let times = 0; times < 3; times++) {
    await info.click();
    await turn.getByText(`/wuerst ${PROMPT} seed:7`).waitFor();
    await until(page, `document.querySelectorAll('[data-busy]').length === 0`);
  }
  assert.deepEqual(await place(), before);
  assert.equal(await page.locator('.note').count(), 1);
  assert.ok(await page.evaluate(inSight('.aside .note')));
  await button(page, 'Dismiss').click();
  assert.equal(await page.locator('.note').count(), 0);
});
