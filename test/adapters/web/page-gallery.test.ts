import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { unzipSync } from 'fflate';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser, openPage, until } from './open-page.ts';

let browser: Browser;
before(async () => {
  browser = await launchBrowser();
});
after(() => browser.close());

type Opened = Awaited<ReturnType<typeof openPage>>;

/** The gallery of a room in which ann has asked for some pictures. */
async function openGallery(t: Parameters<typeof openPage>[0], prompts: readonly string[], options = {}) {
  const opened = await openPage(t, browser, { script: `localStorage.setItem('wuerst.name', 'ann')`, ...options });
  for (const prompt of prompts) await painted(opened, prompt);
  await opened.page.getByRole('link', { name: 'Gallery', exact: true }).click();
  await tiles(opened.page, prompts.length);
  return opened;
}

async function painted({ core }: Pick<Opened, 'core'>, prompt: string, user = 'ann', room = 'lobby'): Promise<string> {
  const { id } = await core.request(prompt, room, user);
  await core.complete(id);
  return id;
}

const tiles = (page: Page, count: number) =>
  until(page, `document.querySelectorAll('.tile:not([hidden])').length === ${count}`);
const titles = (page: Page) =>
  page.evaluate(`[...document.querySelectorAll('.tile:not([hidden])')]
    .sort((a, b) => a.getAttribute('aria-posinset') - b.getAttribute('aria-posinset'))
    .map((one) => one.getAttribute('aria-label').split(',')[0])`);
const active = (page: Page) =>
  page.evaluate(`{
    const id = document.querySelector('.gallery-grid').getAttribute('aria-activedescendant');
    document.getElementById(id).getAttribute('aria-label').split(',')[0];
  }`);
const keys = async (page: Page, ...pressed: string[]) => {
  for (const key of pressed) await page.keyboard.press(key);
};

test('the gallery of a room is searched, follows what is painted, and remembers that it was open', async (t) => {
  const { page, core, visit, complaints } = await openGallery(t, ['a panda', 'a penguin', 'a lion']);
  assert.deepEqual(await titles(page), ['a lion', 'a penguin', 'a panda']);
  await page.getByRole('searchbox', { name: 'Search pictures' }).fill('pen');
  await tiles(page, 1);
  await page.getByText('1 picture', { exact: true }).waitFor();
  await page.getByRole('searchbox').fill('wombat');
  await page.getByRole('heading', { name: 'Nothing found' }).waitFor();
  await page.getByRole('searchbox').fill('');
  await tiles(page, 3);
  await painted({ core }, 'a star');
  await tiles(page, 4);
  assert.match(await page.title(), /Gallery of #lobby/);
  const again = await visit('#lobby/gallery');
  await tiles(again, 4);
  await again.getByRole('link', { name: 'Chat', exact: true }).click();
  await again.locator('#prompt').waitFor();
  assert.deepEqual(complaints, []);
});

test('one’s own gallery holds all rooms and nobody else’s pictures', async (t) => {
  const { page, core } = await openGallery(t, ['a panda']);
  await painted({ core }, 'a penguin', 'ann', 'studio');
  await painted({ core }, 'a lion', 'bob');
  await page.getByRole('link', { name: 'Your pictures' }).click();
  await tiles(page, 2);
  assert.deepEqual(await titles(page), ['a penguin', 'a panda']);
});

test('what is withheld leaves no gap, and is not there for any key', async (t) => {
  const { page, core, complaints } = await openPage(t, browser);
  for (const prompt of ['a panda', 'forbidden', 'a lion', 'forbidden', 'a ghost']) await painted({ core }, prompt);
  await page.goto(`${page.url()}/gallery`);
  await tiles(page, 3);
  assert.deepEqual(await titles(page), ['a ghost', 'a lion', 'a panda']);
  await page.locator('.gallery-grid').focus();
  await keys(page, 'End');
  assert.equal(await active(page), 'a panda');
  await page.getByText('3 pictures', { exact: true }).waitFor();
  assert.deepEqual(complaints, []);
});

test('by keys alone: move, look, keep as a favourite, choose, compare, and come back', async (t) => {
  const { page, core, complaints } = await openGallery(t, ['a panda seed:1', 'a penguin seed:2', 'a lion seed:3']);
  await page.locator('.gallery-grid').focus();
  await keys(page, 'ArrowRight');
  assert.equal(await active(page), 'a penguin');
  await keys(page, 'f');
  await until(page, `document.querySelector('.tile[data-liked]')?.getAttribute('aria-label').endsWith('favourite')`);
  await page.locator('#announcer', { hasText: 'Kept as a favourite.' }).waitFor({ state: 'attached' });
  await keys(page, 'Enter');
  await page.locator('.facts').waitFor();
  assert.equal(await page.locator('.picture-panel .prompt').textContent(), 'a penguin');
  await keys(page, 'Escape');
  await until(page, `document.activeElement.classList.contains('gallery-grid')`);
  await keys(page, ' ', 'ArrowRight', ' ');
  await page.getByText('2 chosen', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Compare' }).press('Enter');
  const rows = page.getByRole('dialog', { name: 'Two pictures compared' }).getByRole('row');
  assert.equal(await rows.nth(1).textContent(), 'Prompta penguina panda');
  assert.equal(await rows.nth(2).textContent(), 'Seed21');
  await keys(page, 'Escape');
  await page.locator('.gallery-grid').focus();
  await keys(page, 'Escape');
  await page.getByText('3 pictures', { exact: true }).waitFor();
  await page.getByRole('button', { name: '★ Favourites' }).press('Enter');
  await tiles(page, 1);
  assert.deepEqual([...(core.gallery.liked.get('ann') ?? [])].length, 1);
  assert.deepEqual(complaints, []);
});

test('chosen pictures are saved as one file, varied and deleted', async (t) => {
  const { page, core } = await openGallery(t, ['a panda', 'a penguin', 'a lion']);
  await page.locator('.gallery-grid').focus();
  await keys(page, 'Shift+ArrowRight');
  await page.getByText('2 chosen', { exact: true }).waitFor();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download' }).click(),
  ]);
  const files = unzipSync(await buffer(createReadStream(await download.path())));
  assert.equal(download.suggestedFilename(), 'wuerst-pictures.zip');
  assert.deepEqual(Object.keys(files).length, 3);
  await page.getByRole('button', { name: 'Vary', exact: true }).click();
  await page.getByRole('button', { name: 'A little' }).click();
  await page.locator('#announcer', { hasText: '2 of 2 are on their way.' }).waitFor({ state: 'attached' });
  assert.deepEqual(
    core.actions.map(({ action }) => action.split(':')[0]),
    ['vary-subtle', 'vary-subtle'],
  );
  await keys(page, 'Home', ' ', 'Delete');
  const question = page.getByRole('dialog', { name: 'Delete this picture for good?' });
  await question.getByRole('button', { name: 'Delete' }).click();
  await tiles(page, 2);
  assert.deepEqual(await titles(page), ['a penguin', 'a panda']);
});

test('a picture tells where it comes from, and its words and settings go back to the chat', async (t) => {
  const { page, core } = await openGallery(t, ['a panda seed:9']);
  const [parent] = core.jobs({ surface: 'web', room: 'lobby', limit: 1 });
  await page.locator('.tile').first().click();
  // It is shown for a few seconds only.
  await page.evaluate(`new MutationObserver(() => {
    const told = document.querySelector('.told');
    if (told?.checkVisibility()) window.told = told.textContent;
  }).observe(document.body, { childList: true })`);
  await page.getByRole('button', { name: 'Vary subtle' }).click();
  await until(page, `window.told === 'It is being painted in lobby.'`);
  const [child] = core.jobs({ surface: 'web', room: 'lobby', limit: 1 });
  await core.complete(child?.id ?? '');
  await tiles(page, 2);
  await page.getByRole('button', { name: 'Previous picture' }).click();
  const family = page.getByRole('region', { name: 'Made from', exact: true });
  await family.getByRole('button').click();
  await page.getByRole('region', { name: 'Made from it' }).waitFor();
  assert.ok(await page.evaluate(`document.activeElement.matches('.picture-panel')`), 'keys go on in the panel');
  await page.getByRole('button', { name: 'Edit in chat' }).click();
  await page.locator('#prompt').waitFor();
  assert.equal(await page.inputValue('#prompt'), `a panda seed:${parent?.request.seed}`);
});

test('a hundred thousand pictures are a few dozen elements, and any of them is one jump away', async (t) => {
  const { page, core } = await openPage(t, browser);
  await painted({ core }, 'a panda');
  const { search } = core.gallery;
  core.gallery.search = (query, caller) => {
    const { pictures } = search.call(core.gallery, { ...query, offset: 0 }, caller);
    const [picture] = pictures;
    assert.ok(picture);
    const numbered = Array.from({ length: query.limit }, (_, k) => ({
      ...picture,
      job: { ...picture.job, request: { ...picture.job.request, prompt: `picture ${query.offset + k}` } },
    }));
    return { total: 100_000, withheld: 0, pictures: numbered };
  };
  await page.goto(`${page.url()}/gallery`);
  await page.getByText('100,000 pictures').waitFor();
  await page.locator('.gallery-grid').focus();
  await keys(page, 'End');
  await until(
    page,
    `[...document.querySelectorAll('.tile')].some((one) => one.getAttribute('aria-label').startsWith('picture 99999'))`,
  );
  assert.equal(await active(page), 'picture 99999');
  await keys(page, 'Home', 'PageDown');
  assert.ok(Number(await page.evaluate(`document.querySelectorAll('.tile').length`)) < 150);
  assert.ok(core.gallery.queries.length < 12, 'pages that nobody looks at are not read');
});

test('the grid is made of small copies, and no full picture', async (t) => {
  const { page } = await openGallery(t, ['a panda', 'a penguin']);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.reload();
  await tiles(page, 2);
  await until(page, `document.querySelectorAll('.tile[data-loaded]').length === 2`);
  const pictures = asked.filter((url) => url.includes('/images/'));
  assert.ok(pictures.filter((url) => /\?w=(?:160|320)$/.test(url)).length >= 2, pictures.join(' '));
  assert.ok(!pictures.some((url) => url.endsWith('.png')), pictures.join(' '));
});
