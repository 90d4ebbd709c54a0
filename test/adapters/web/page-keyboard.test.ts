import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { paintPreviews } from './fake-pictures.ts';
import { launchBrowser, openPage, type, until } from './open-page.ts';

let browser: Browser;
before(async () => {
  browser = await launchBrowser();
});
after(() => browser.close());

test('Up and Down go through what was sent, with its settings, and back to an empty prompt', async (t) => {
  const { page } = await openPage(t, browser);
  const sent = ['a panda seed:7', 'help', 'a cake on a green background n:2', 'a panda seed:7'];
  for (const [k, text] of sent.entries()) {
    // Its event may come before its answer, which says as what it was sent.
    const answer = page.waitForResponse(/\/commands$/);
    await type(page, text);
    await (await answer).finished();
    await until(page, `document.querySelectorAll('.conversation:not([hidden]) .turn').length === ${k + 1}`);
    await until(page, `document.querySelectorAll('.turn [data-busy]').length === 0`);
  }
  await page.focus('#prompt');
  const shown = async (key: 'ArrowUp' | 'ArrowDown') => {
    await page.keyboard.press(key);
    return page.inputValue('#prompt');
  };
  assert.equal(await shown('ArrowUp'), 'a panda seed:7');
  assert.equal(await shown('ArrowUp'), 'a cake on a green background n:2');
  assert.equal(await shown('ArrowUp'), 'help');
  assert.equal(await shown('ArrowUp'), 'help', 'there is nothing before it');
  assert.equal(await shown('ArrowDown'), 'a cake on a green background n:2');
  assert.equal(await shown('ArrowDown'), 'a panda seed:7');
  assert.equal(await shown('ArrowDown'), '');
});

test('Up stays in a text that is being written', async (t) => {
  const { page } = await openPage(t, browser);
  await type(page, 'a panda seed:7');
  await page.locator('[data-job]').waitFor();
  await page.fill('#prompt', 'a new thought');
  await page.keyboard.press('Escape');
  await page.press('#prompt', 'ArrowUp');
  assert.equal(await page.inputValue('#prompt'), 'a new thought');
});

test('a palette finds commands, settings, rooms and prompts by what they are called or mean, and does what is chosen', async (t) => {
  const { core, page, complaints } = await openPage(t, browser);
  await type(page, 'a panda on a green background');
  await page.locator('[data-job]').waitFor();
  const palette = page.getByRole('dialog', { name: 'Help and commands' });
  const search = palette.getByRole('combobox');
  const choose = async (text: string, option: RegExp) => {
    await page.keyboard.press('Control+k');
    await search.fill(text);
    await palette.getByRole('option', { name: option }).first().waitFor();
    assert.match((await palette.getByRole('option', { selected: true }).textContent()) ?? '', option);
    await page.keyboard.press('Enter');
    await palette.waitFor({ state: 'detached' });
  };
  await choose('how to ask', /^help/);
  await until(page, `document.querySelector('.note') !== null`);
  assert.equal(core.commands.at(-1)?.text, 'help');
  await page.fill('#prompt', 'a cake');
  await choose('same picture', /^seed:/);
  assert.equal(await page.inputValue('#prompt'), 'a cake seed:');
  await page.fill('#prompt', '');
  await choose('panda', /^a panda on a green background/);
  assert.equal(await page.inputValue('#prompt'), 'a panda on a green background');
  await choose('#stu', /^#studio/);
  await until(page, `document.getElementById('room-title').textContent === 'studio'`);
  await page.keyboard.press('Control+k');
  await palette.waitFor();
  const isOpenAgain = await page.evaluate(`{
    document.querySelector('dialog').close();
    dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true }));
    document.querySelector('dialog[open]') !== null;
  }`);
  assert.ok(isOpenAgain, 'also by a key that comes right after it closed');
  await palette.getByRole('option', { name: /^seed:/ }).waitFor();
  assert.deepEqual(complaints, []);
});

test('a slash opens the palette where nothing is typed in, its arrows go round, and Escape gives the focus back', async (t) => {
  const { page } = await openPage(t, browser);
  await page.focus('#theme');
  await page.keyboard.press('/');
  const palette = page.getByRole('dialog', { name: 'Help and commands' });
  await palette.getByRole('option', { name: /^seed:/ }).waitFor();
  const selected = () => palette.getByRole('option', { selected: true }).getAttribute('id');
  assert.equal(await selected(), 'palette-0');
  await page.keyboard.press('ArrowUp');
  assert.notEqual(await selected(), 'palette-0');
  await page.keyboard.press('ArrowDown');
  assert.equal(await selected(), 'palette-0');
  await page.keyboard.press('Escape');
  await palette.waitFor({ state: 'detached' });
  assert.equal(await page.evaluate('document.activeElement.id'), 'theme');
  await page.fill('#prompt', 'half a panda, half');
  await page.keyboard.press('/');
  assert.equal(await page.inputValue('#prompt'), 'half a panda, half/');
  await page.fill('#prompt', '');
  await page.keyboard.type('/wuerst a panda');
  assert.equal(await page.inputValue('#prompt'), '/wuerst a panda', 'commands may be typed as elsewhere');
  assert.equal(await palette.count(), 0);
});

test('a question mark opens the help, which is searched, walked through and closed by keys, and fills the prompt', async (t) => {
  const { page, complaints } = await openPage(t, browser);
  await page.focus('#theme');
  await page.keyboard.press('?');
  const help = page.getByRole('dialog', { name: 'Help' });
  await help.getByRole('heading', { name: 'Settings' }).waitFor();
  const all = await help.getByRole('listitem').count();
  assert.ok(all > 40, `${all} entries`);
  await page.keyboard.type('same picture');
  await help
    .getByRole('status')
    .getByText(/^\d+ entr/)
    .waitFor();
  assert.ok((await help.getByRole('listitem').count()) < 5);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await help.waitFor({ state: 'detached' });
  assert.equal(await page.inputValue('#prompt'), 'seed:');

  await page.fill('#prompt', 'is this a panda');
  await page.keyboard.press('?');
  assert.equal(await page.inputValue('#prompt'), 'is this a panda?', 'in a text it is a question mark');
  await page.fill('#prompt', '');
  await page.keyboard.press('?');
  await help.waitFor();
  await page.keyboard.type('wombat');
  await help.getByText('Nothing is called so').waitFor();
  await page.keyboard.press('Escape');
  await help.waitFor({ state: 'detached' });
  assert.equal(await page.evaluate('document.activeElement.id'), 'prompt');
  assert.deepEqual(complaints, []);
});

test('what takes a while to open opens once, and not over what was opened meanwhile', async (t) => {
  const { page, complaints } = await openPage(t, browser);
  const press = (selector: string) => `document.querySelector('${selector}').click()`;
  const shown = (count: number) => until(page, `document.querySelectorAll('dialog').length === ${count}`);
  const help = page.waitForResponse(/\/api\/help/);
  await page.evaluate(`${press('#help')}; ${press('#help')}`);
  await help;
  await shown(1);
  await page.keyboard.press('Escape');
  await shown(0);
  const slow = page.waitForResponse(/\/api\/help/);
  await page.evaluate(`${press('#help')}; dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true }))`);
  await (await slow).finished();
  await page.getByRole('option', { name: /^seed:/ }).waitFor();
  assert.equal(await page.getByRole('dialog').getAttribute('aria-label'), 'Help and commands');
  await page.keyboard.press('Escape');
  await shown(0);
  const buffer = Buffer.from(await paintPreviews([3]));
  await page.setInputFiles('#picture-files', [{ name: 'hills.jpg', mimeType: 'image/jpeg', buffer }]);
  await page.locator('.given-list li').waitFor();
  await page.evaluate(
    `[...document.querySelectorAll('.given-settings button')].forEach((one) => { one.click(); one.click(); })`,
  );
  await page.locator('.mask-canvas').waitFor();
  assert.equal(await page.locator('dialog').count(), 1);
  await page.keyboard.press('Escape');
  await shown(0);
  // The second click comes beside the dialog that the first one has opened.
  await page.locator('#me').dblclick();
  await page.locator('dialog[open]').waitFor();
  assert.equal(await page.locator('dialog').count(), 1);
  assert.deepEqual(complaints, []);
});

test('on a phone Tab goes through the header as it is seen, and through the open list of rooms alone', async (t) => {
  const { page } = await openPage(t, browser, { viewport: { width: 390, height: 844 } });
  const tab = async () => {
    await page.keyboard.press('Tab');
    return page.evaluate<[string, number, number]>(`{
      const { top, left } = document.activeElement.getBoundingClientRect();
      [document.activeElement.id, Math.round(top), Math.round(left)];
    }`);
  };
  await page.focus('#side-open');
  const seen = [await tab(), await tab(), await tab(), await tab()];
  assert.deepEqual(
    seen.map(([id]) => id),
    ['help', 'view-chat', 'view-gallery', 'view-queue'],
  );
  const [[, above], ...links] = seen as [(typeof seen)[0], ...typeof seen];
  assert.ok(links.every(([, top, left], k) => top > above && left > (links[k - 1]?.[2] ?? -1)));
  await page.click('#side-open');
  const inside = [];
  for (let k = 0; k < 12; k++) inside.push((await tab())[0]);
  assert.ok(!inside.some((id) => /^(?:side-open|help|view-|prompt|send)/.test(id)), inside.join());
  // Turned to its side, a phone shows the rooms beside the conversation.
  await page.setViewportSize({ width: 844, height: 390 });
  await until(page, `!document.getElementById('main').inert`);
  await page.click('#view-queue');
});
