import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { answerOf } from './answer.ts';
import { launchBrowser, openPage, until } from './open-page.ts';
import { appOverFake } from './serve-fake.ts';

let browser: Browser;
before(async () => {
  browser = await launchBrowser();
});
after(() => browser.close());

/** The page as ann, with a system that notes down of what it is to tell. */
const ANN = `localStorage.setItem('wuerst.name', 'ann');
  window.told = [];
  window.Notification = class extends EventTarget {
    static permission = 'default';
    static requestPermission = async () => (window.Notification.permission = 'granted');
    constructor(title, options) {
      super();
      window.told.push([title, options.body, options.tag]);
      window.lastTold = this;
    }
    close() {}
  };`;

const hide = (page: Page) =>
  page.evaluate(`{
    Object.defineProperty(document, 'visibilityState', { get: () => window.looksAt ?? 'hidden', configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }`);

test('who asked for it is notified of their own pictures, while they look at something else', async (t) => {
  const { page, core, complaints } = await openPage(t, browser, { script: ANN });
  const bell = page.getByRole('button', { name: 'Notify me when my pictures are done' });
  const first = await core.request('a panda', 'lobby');
  await page.locator(`[data-job=${first.id}]`).waitFor();
  await bell.click();
  await until(page, `document.getElementById('notify').getAttribute('aria-pressed') === 'true'`);
  await core.complete(first.id);
  await page.locator(`[data-job=${first.id}][data-state=done]`).waitFor();
  assert.deepEqual(await page.evaluate('told'), [], 'it was seen');
  const [second, other] = [await core.request('a lion n:2', 'lobby'), await core.request('a star', 'lobby', 'bob')];
  await page.locator(`[data-job=${other.id}]`).waitFor();
  await hide(page);
  await core.complete(other.id);
  await core.complete(second.id);
  await until(page, 'told.length > 0');
  assert.deepEqual(await page.evaluate('told'), [['Your 2 pictures are done', 'a lion', second.id]]);
  assert.match(await page.title(), /^\(\d\) /);
  await page.evaluate(`location.hash = 'studio'`);
  await page.evaluate(`lastTold.dispatchEvent(new Event('click'))`);
  await until(page, `location.hash === '#lobby'`);
  assert.deepEqual(complaints, []);
});

test('rooms that one was in with another browser are listed, and nobody else’s', async (t) => {
  const { page, core } = await openPage(t, browser, { script: ANN });
  await core.request('a panda', 'kitchen');
  await core.request('a lion', 'secret', 'bob');
  await page.reload();
  await page.locator('.rooms').getByText('kitchen').waitFor();
  assert.equal(await page.locator('.rooms').getByText('secret').count(), 0);
  const { app, core: other } = await appOverFake(t);
  for (const room of ['a', 'b', 'a', 'c']) await other.request('a panda', room);
  const { rooms } = (await answerOf(app.request('/api/rooms?user=ann'))) as unknown as { rooms: string[] };
  assert.deepEqual(rooms, ['c', 'a', 'b']);
});

test('a reload shows the last state before the server has answered, and what was erased goes when it does', async (t) => {
  const { page, core, context } = await openPage(t, browser, { script: ANN });
  const [gone, stays] = [await core.request('a panda', 'lobby'), await core.request('a lion', 'lobby')];
  for (const { id } of [gone, stays]) await core.complete(id);
  await until(
    page,
    `JSON.parse(localStorage.getItem('wuerst.last') ?? '{}').jobs?.filter((job) => job.state === 'done').length === 2`,
  );
  let answer = () => {};
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  await context.route('**/api/**', async (route) => {
    await held;
    await route.continue();
  });
  await page.goto('about:blank');
  core.erase(gone.id);
  await page.goBack();
  await page.locator(`[data-job=${stays.id}]`).waitFor();
  assert.equal(await page.locator(`[data-job=${gone.id}]`).count(), 1);
  answer();
  await page.locator(`[data-job=${gone.id}]`).waitFor({ state: 'detached' });
  await page.locator(`[data-job=${stays.id}]`).waitFor();
});

test('a reload asks for the page alone: its files are kept by the browser', async (t) => {
  const { page } = await openPage(t, browser);
  await page.reload();
  await page.locator('#connection[data-state=live]').waitFor();
  const fetched = await page.evaluate(`performance.getEntriesByType('resource')
    .filter(({ name, transferSize }) => name.includes('/page/') && transferSize > 0).map(({ name }) => name)`);
  assert.deepEqual(fetched, []);
});

test('signing out leaves nothing of the last state in the browser', async (t) => {
  const { page } = await openPage(t, browser, {
    script: `localStorage.setItem('wuerst.name', 'ann');
      localStorage.setItem('wuerst.last', JSON.stringify({ user: 'ann', room: 'lobby', jobs: [] }));`,
    server: { token: 'correct horse battery' },
    waitFor: 'shown',
  });
  await page.getByRole('dialog', { name: 'Sign in' }).waitFor();
  assert.equal(await page.evaluate(`localStorage.getItem('wuerst.last')`), null);
});

test('the queue tells what waits where and why, goes on by itself, and lets one’s own requests be cancelled', async (t) => {
  const { core, page, complaints } = await openPage(t, browser);
  await page.evaluate(`localStorage.setItem('wuerst.name', 'ann')`);
  await page.reload();
  await page.locator('#connection[data-state=live]').waitFor();
  const { id } = await core.request('a panda on a green background', 'lobby', 'bob');
  await page.getByRole('link', { name: 'Queue', exact: true }).click();
  const rows = page.locator('.queue-row');
  await rows.getByText('a panda on a green background').waitFor();
  await rows.getByText('next in turn').waitFor();

  // Neither room is listened to: the one stream says that the queue is different.
  const own = await core.request('a cake', 'attic', 'ann');
  await core.request('a lion at sunset', 'secret', 'eve');
  await rows.nth(2).waitFor();
  assert.equal(await rows.getByText('a lion at sunset').count(), 0);
  await rows.getByText('A request in another room').waitFor();
  await rows.getByText('after 2 of others').waitFor();

  core.start(id);
  await page.getByRole('region', { name: 'Being painted' }).getByText('painted by GPU 1').waitFor();
  core.step(id, 7);
  await until(page, `document.querySelector('.queue-row .bar')?.getAttribute('aria-valuenow') === '70'`);

  await page.getByRole('button', { name: '#attic 1' }).click();
  assert.deepEqual(await rows.getByRole('paragraph').first().allTextContents(), ['a cake']);
  await page.getByRole('button', { name: 'Cancel: a cake' }).click();
  await rows.getByText('a cake').waitFor({ state: 'detached' });
  assert.equal(core.job(own.id)?.state, 'cancelled');
  // Of another, where everybody is an admin: none of the two answers is said like the other.
  await page.getByRole('button', { name: /^#lobby/ }).click();
  await page
    .getByRole('button', { name: /^Cancel: / })
    .first()
    .click();
  assert.deepEqual(await page.getByRole('dialog').getByRole('button').allTextContents(), [
    'Cancel',
    'Cancel the request',
  ]);
  assert.deepEqual(complaints, []);
});
