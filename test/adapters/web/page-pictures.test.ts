import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { crc32 } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { signerName } from '../../../src/marking/credential.ts';
import { signingMarker } from '../../marking/own-marker.ts';
import { launchBrowser, openPage, until } from './open-page.ts';

let browser: Browser;
before(async () => {
  browser = await launchBrowser();
});
after(() => browser.close());

const picture = (tint: string, width = 200, height = 100) =>
  sharp({ create: { width, height, channels: 3, background: tint } })
    .png()
    .toBuffer();

const file = async (name: string, tint: string) => ({ name, mimeType: 'image/png', buffer: await picture(tint) });

/** Gives files to the page as dropping or pasting them does. */
function hand(page: Page, how: 'drop' | 'paste', base64: string): Promise<void> {
  return page.evaluate(`{
    const bytes = Uint8Array.from(atob('${base64}'), (one) => one.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], 'handed.png', { type: 'image/png' }));
    const init = { bubbles: true, cancelable: true };
    const event = '${how}' === 'drop'
      ? new DragEvent('drop', { ...init, dataTransfer: data })
      : new ClipboardEvent('paste', { ...init, clipboardData: data });
    document.getElementById('prompt').dispatchEvent(event);
  }`);
}

const items = (page: Page, count: number) =>
  until(page, `document.querySelectorAll('.given-list li').length === ${count}`);

test('pictures are picked, dropped and pasted, and go with the next command, also without words', async (t) => {
  const { core, page, complaints } = await openPage(t, browser);
  await page.setInputFiles('#picture-files', [await file('a.png', '#ff0000')]);
  await page.click('#view-gallery');
  await page.locator('.gallery').waitFor();
  await hand(page, 'drop', (await picture('#00ff00')).toString('base64'));
  await page.locator('.given').waitFor();
  await hand(page, 'paste', (await picture('#0000ff')).toString('base64'));
  await items(page, 3);
  await page.locator('.remove-picture').nth(2).click();
  await items(page, 2);
  await page.press('#prompt', 'Enter');
  await items(page, 0);
  assert.equal(core.given.length, 2);
  assert.equal(core.commands[0]?.text, '');
  assert.deepEqual(core.commands[0]?.options.pictures?.pictures, ['1'.repeat(64), '2'.repeat(64)]);
  await page.fill('#prompt', 'a panda');
  await page.press('#prompt', 'Enter');
  await until(page, `document.querySelectorAll('.turn').length > 1`);
  assert.equal(core.commands[1]?.options.pictures, undefined, 'they went with one command');
  assert.deepEqual(complaints, []);
});

test('strength is a slider, and a part is painted with keys alone', async (t) => {
  const { core, page, complaints } = await openPage(t, browser);
  await page.setInputFiles('#picture-files', [await file('a.png', '#ff0000')]);
  await page.focus('#strength');
  for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowLeft');
  await page.getByRole('button', { name: 'Paint only a part' }).press('Enter');
  await page.locator('.mask-canvas').waitFor();
  for (const key of ['ArrowLeft', ' ', 'ArrowLeft', ' ']) await page.keyboard.press(key);
  await page.getByRole('button', { name: 'Use this part' }).press('Enter');
  await page.getByRole('button', { name: 'Change the part' }).waitFor();
  await page.fill('#prompt', 'a panda');
  await page.press('#prompt', 'Enter');
  await items(page, 0);
  assert.equal(core.commands[0]?.text, 'a panda size:1408x768 strength:0.4', 'in about the shape of the picture');
  const [, mask] = core.given;
  const { data, info } = await sharp(mask).greyscale().raw().toBuffer({ resolveWithObject: true });
  assert.deepEqual([info.width, info.height], [200, 100]);
  assert.equal(data[50 * 200 + 95], 255, 'where the brush was');
  assert.equal(data[0], 0);
  assert.deepEqual(complaints, []);
});

test('a refused picture is said, and stays to be taken out', async (t) => {
  const { core, page } = await openPage(t, browser);
  await page.setInputFiles('#picture-files', [{ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('x') }]);
  await page.getByText('notes.txt is no picture.').waitFor();
  await page.setInputFiles('#picture-files', [
    { name: 'a.png', mimeType: 'image/png', buffer: Buffer.from('damaged') },
  ]);
  await items(page, 1);
  await page.fill('#prompt', 'a panda');
  await page.press('#prompt', 'Enter');
  await page.locator('.note-title', { hasText: 'This picture is damaged.' }).waitFor();
  await items(page, 1);
  assert.deepEqual(core.commands, []);
  await page.getByRole('button', { name: 'Paint only a part' }).click();
  await page.getByText('This browser cannot show a.png').waitFor();
  await page.getByRole('button', { name: 'Remove a.png' }).click();
  await page.setInputFiles('#picture-files', [
    await file('b.png', '#ff0000'),
    { name: 'c.txt', mimeType: 'text/plain', buffer: Buffer.from('x') },
  ]);
  await page.getByText('c.txt is no picture.').waitFor();
  await page.press('#prompt', 'Enter');
  await page.getByText('c.txt is no picture.').waitFor({ state: 'detached' });
});

test('a picture that is dropped is looked at: who signed it, and whether it was changed', async (t) => {
  const { page } = await openPage(t, browser);
  const { marker, credential } = await signingMarker(t);
  const signed = await marker.open(await picture('#0000ff')).file();
  const said = (words: string) =>
    until(page, `document.querySelector('.given-marks').textContent.includes('${words}')`);
  await hand(page, 'drop', signed.toString('base64'));
  await said(`handed.png: It has not been changed since it was signed by ${signerName(credential)}, untrusted`);
  signed[signed.length - 20] = (signed[signed.length - 20] ?? 0) ^ 1;
  await hand(page, 'drop', signed.toString('base64'));
  await said('It has been CHANGED');
  await hand(page, 'drop', (await picture('#00ff00')).toString('base64'));
  await said('It is not signed');
  await page.click('.remove-picture');
  await until(page, "document.querySelector('.given-marks').textContent === ''");
});

/** A PNG with a text chunk before its pixels, as other programs write it. */
async function pngWith(text: string): Promise<Buffer> {
  const png = await picture('#336699');
  const content = Buffer.from(`tEXtparameters\0${text}`, 'latin1');
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length - 4);
  check.writeUInt32BE(crc32(content));
  const afterHeader = 8 + 25;
  return Buffer.concat([png.subarray(0, afterHeader), length, content, check, png.subarray(afterHeader)]);
}

test('a picture that says how it was made offers that as a prompt, in place of a start', async (t) => {
  const { core, page } = await openPage(t, browser);
  const parameters = 'a panda on a green background\nNegative prompt: trees\nSteps: 20, Seed: 7, Size: 512x768';
  await hand(page, 'drop', (await picture('#00ff00')).toString('base64'));
  await hand(page, 'drop', (await pngWith(parameters)).toString('base64'));
  await page.getByRole('button', { name: 'Use the prompt and settings of handed.png' }).click();
  await items(page, 1);
  assert.equal(await page.inputValue('#prompt'), parameters);
  await page.getByRole('button', { name: /^Use the prompt/ }).waitFor({ state: 'hidden' });
  assert.deepEqual(core.commands, [], 'it is not sent by itself');
});

test('strokes of the brush are taken back and done again', async (t) => {
  const { core, page, complaints } = await openPage(t, browser);
  await page.setInputFiles('#picture-files', [await file('a.png', '#ff0000')]);
  await page.getByRole('button', { name: 'Paint only a part' }).press('Enter');
  await page.locator('.mask-canvas').waitFor();
  for (const key of [' ', ...Array<string>(6).fill('ArrowRight'), ' ']) await page.keyboard.press(key);
  for (const key of ['Control+z', 'Control+z', 'Control+Shift+z']) await page.keyboard.press(key);
  await page.getByRole('button', { name: 'Use this part' }).press('Enter');
  await page.getByRole('button', { name: 'Change the part' }).waitFor();
  await page.fill('#prompt', 'a panda ar:1:1');
  await page.press('#prompt', 'Enter');
  await items(page, 0);
  assert.equal(core.commands[0]?.text, 'a panda ar:1:1', 'a size that is typed stays');
  const { data } = await sharp(core.given[1]).greyscale().raw().toBuffer({ resolveWithObject: true });
  assert.equal(data[50 * 200 + 100], 255, 'the first stroke was done again');
  assert.equal(data[50 * 200 + 130], 0, 'the second one was not');
  assert.deepEqual(complaints, []);
});

test('a quick stroke has no gaps, who has no keys erases and sizes the brush, and a chosen part is changed, not begun anew', async (t) => {
  const { core, page, complaints } = await openPage(t, browser);
  await page.setInputFiles('#picture-files', [await file('a.png', '#ff0000')]);
  const brush = async (name: string, work: (at: (x: number, y: number) => [number, number]) => Promise<void>) => {
    await page.getByRole('button', { name }).click();
    const { x, y, width, height } = (await page.locator('.mask-canvas').boundingBox()) ?? assert.fail();
    await work((across, down) => [x + across * width, y + down * height]);
    await page.getByRole('button', { name: 'Use this part' }).click();
    await page.locator('dialog').waitFor({ state: 'detached' });
  };
  const stroke = async (from: [number, number], to: [number, number]) => {
    await page.mouse.move(...from);
    await page.mouse.down();
    await page.mouse.move(...to);
    await page.mouse.up();
  };
  await brush('Paint only a part', (at) => stroke(at(0.1, 0.5), at(0.9, 0.5)));
  await brush('Change the part', async (at) => {
    await page.getByRole('button', { name: 'Eraser' }).click();
    await page.getByLabel('Brush size').fill('0.2');
    await stroke(at(0.5, 0.1), at(0.5, 0.9));
  });
  await page.press('#prompt', 'Enter');
  await items(page, 0);
  const { data } = await sharp(core.given[1]).greyscale().raw().toBuffer({ resolveWithObject: true });
  const along = [20, 60, 75, 85, 100, 115, 125, 140, 180].map((x) => data[50 * 200 + x]);
  assert.deepEqual(along, [255, 255, 255, 0, 0, 0, 255, 255, 255]);
  assert.deepEqual(complaints, []);
});
