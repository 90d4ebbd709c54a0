import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { EMPTY_REPLY } from '../../../src/bot/reply.ts';
import { fakeOperations } from './fake-administration.ts';
import { paintPreviews } from './fake-pictures.ts';
import { launchBrowser, openPage, type, until } from './open-page.ts';

let browser: Browser;
before(async () => {
  browser = await launchBrowser();
});
after(() => browser.close());

const SCREENS = [
  [1280, 800],
  [1366, 768],
  [1440, 900],
  [1920, 1080],
  [390, 844],
  [844, 390],
  [640, 400],
] as const;

for (const [size, shape] of [
  ['1024x1024', 1],
  ['512x1536', 1 / 3],
  ['1536x512', 3],
  ['256x256', 1],
] as const) {
  test(`a picture of ${size} fits every screen when it is enlarged, with all of its buttons`, async (t) => {
    const { core, page } = await openPage(t, browser);
    const { id } = await core.request(`a panda on a green background n:2 size:${size}`, 'lobby');
    await core.complete(id);
    await page.locator('[data-image]').first().click();
    const dialog = page.getByRole('dialog', { name: 'Picture' });
    const [width = 0] = size.split('x').map(Number);
    await until(page, `document.querySelector('.lightbox img').naturalWidth === ${width}`);
    for (const [screenWidth, screenHeight] of SCREENS) {
      const screen = `${screenWidth}×${screenHeight}`;
      await page.setViewportSize({ width: screenWidth, height: screenHeight });
      const picture = await dialog.getByRole('img').boundingBox();
      assert.ok(picture && picture.height > 40, `${screen}: no room for the picture`);
      assert.ok(Math.abs(picture.width / picture.height - shape) < 0.02 * shape, `${screen}: another shape`);
      assert.ok(picture.width <= width, `${screen}: larger than it is`);
      const above = (await dialog.locator('.lightbox-top').boundingBox()) ?? assert.fail();
      assert.ok(picture.y >= above.y + above.height && picture.x >= 0, `${screen}: cut off, or under the title`);
      assert.ok(picture.x + picture.width <= screenWidth, `${screen}: too wide`);
      for (const name of ['Vary subtle', 'Vary strong', 'Larger', 'Remix', 'Info']) {
        const box = (await dialog.getByRole('button', { name, exact: true }).boundingBox()) ?? assert.fail();
        assert.ok(box.y >= picture.y + picture.height, `${screen}: the picture covers ${name}`);
        assert.ok(
          box.y + box.height <= screenHeight && box.x + box.width <= screenWidth,
          `${screen}: ${name} is cut off`,
        );
      }
    }
  });
}

test('each picture of a batch shows its own preview, in its own place', async (t) => {
  const { core, page } = await openPage(t, browser);
  const { id } = await core.request('a panda on a green background n:5', 'lobby');
  core.start(id);
  await core.paint(id);
  core.step(id, 4, { preview: await paintPreviews([3, 4, 5]), previewOf: [1, 2, 3] });
  await page.locator('.coming img').nth(2).waitFor();
  await until(page, `[...document.querySelectorAll('.coming img')].every((img) => img.naturalWidth > 0)`);
  const shown = await page.evaluate(`
    [...document.querySelectorAll('.picture')].map((tile) => {
      const img = tile.querySelector('.preview img');
      if (!img) return tile.className;
      const [of, cell] = [img.getBoundingClientRect(), tile.getBoundingClientRect()];
      const middle = [(cell.x + cell.width / 2 - of.x) / of.width, (cell.y + cell.height / 2 - of.y) / of.height];
      return middle.map((part) => Math.round(part * 100)).join();
    })
  `);
  assert.deepEqual(shown, ['picture', '25,25', '75,25', '25,75', 'picture waiting']);
});

test('text and settings of an idea are separate words, for who hears and for who copies them', async (t) => {
  const { page } = await openPage(t, browser);
  const ideas = page.getByRole('list', { name: 'Ideas to start with' }).getByRole('button');
  await ideas.first().waitFor();
  for (const idea of await ideas.all()) {
    const [text, settings] = [await idea.locator('span').textContent(), await idea.locator('code').textContent()];
    assert.equal(await idea.textContent(), `${text} ${settings}`);
    assert.ok(await page.getByRole('button', { name: `${text} ${settings}`, exact: true }).isVisible());
  }
});

test('beside the rooms and without them what admins look after has room: nothing lies over a label, no table is cut off', async (t) => {
  const { page } = await openPage(t, browser, { server: { operations: fakeOperations() } });
  const faults = `[...document.querySelectorAll('.admin-rule')].filter((rule) => {
    const [label, control] = ['strong', 'input, select, textarea'].map((one) => rule.querySelector(one).getBoundingClientRect());
    return label.right > control.left && label.bottom > control.top;
  }).length + [...document.querySelectorAll('.admin-table')].filter((table) => table.scrollWidth > table.clientWidth).length`;
  for (const part of ['rules', 'people', 'painters', 'models']) {
    await page.evaluate(`location.hash = '#/admin/${part}'`);
    await page
      .locator(part === 'rules' ? '.admin-rule' : `.admin-table`)
      .first()
      .waitFor();
    for (const width of [1280, 1024, 900, 840, 700, 390]) {
      await page.setViewportSize({ width, height: 800 });
      assert.equal(await page.evaluate(faults), 0, `${part}, ${width} pixels wide`);
    }
  }
});

test('a long text to copy scrolls in a box, beside its buttons, and is saved as a file', async (t) => {
  const { core, page, complaints } = await openPage(t, browser);
  const code = JSON.stringify(
    { requests: Array.from({ length: 200 }, (_, id) => ({ id, prompt: 'a panda' })) },
    null,
    2,
  );
  t.mock.method(core, 'command', async () => ({ kind: 'reply', reply: { ...EMPTY_REPLY, title: 'Everything', code } }));
  await type(page, 'export');
  const box = await page.locator('.code').boundingBox();
  assert.ok(box && box.height < 400, `${box?.height} pixels high`);
  const link = page.locator('.code').getByRole('link', { name: 'Download' });
  const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
  assert.equal(download.suggestedFilename(), 'wuerst.json');
  assert.equal(await readFile(await download.path(), 'utf8'), code);
  assert.deepEqual(complaints, []);
});
