import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import sharp from 'sharp';
import * as z from 'zod';
import { WebAccounts } from '../../../src/bot/history/web-accounts.ts';
import { paintPreviews } from './fake-pictures.ts';
import { launchBrowser, openPage, until } from './open-page.ts';
import { appOverFake } from './serve-fake.ts';

let browser: Browser;
before(async () => {
  browser = await launchBrowser();
});
after(() => browser.close());

const installable = z.object({ installabilityErrors: z.array(z.object({ errorId: z.string() })) });
const parsed = z.object({ errors: z.array(z.unknown()), url: z.string() });

test('a browser reads the manifest without complaint, and its icons are what it says', async (t) => {
  const { page, complaints, context } = await openPage(t, browser);
  const devtools = await context.newCDPSession(page);
  const { errors, url } = parsed.parse(await devtools.send('Page.getAppManifest'));
  assert.deepEqual(errors, []);
  const { installabilityErrors } = installable.parse(await devtools.send('Page.getInstallabilityErrors'));
  // Contexts of tests are private windows, where nothing can be installed.
  assert.deepEqual(
    installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito'),
    [],
  );
  assert.deepEqual(complaints, []);
  const { app } = await appOverFake(t);
  const { pathname } = new URL(url);
  const { icons } = z
    .object({ icons: z.array(z.object({ src: z.string(), sizes: z.string() })) })
    .parse(await (await app.request(pathname)).json());
  for (const { src, sizes } of icons.filter(({ sizes }) => sizes !== 'any')) {
    const answer = await app.request(new URL(src, `http://localhost${pathname}`).pathname);
    const { width, height, format } = await sharp(await answer.arrayBuffer()).metadata();
    assert.deepEqual([`${width}x${height}`, format], [sizes, 'png'], src);
  }
});

test('a text that another app shares begins a prompt, once, and is not sent by itself', async (t) => {
  const { core, visit } = await openPage(t, browser);
  const page = await visit('?title=A+panda&text=A+panda&url=https%3A%2F%2Fexample.org%2F%3Fa%3Db#lobby');
  assert.equal(await page.inputValue('#prompt'), 'A panda https://example.org/?a=b');
  assert.equal(new URL(page.url()).search, '');
  await page.fill('#prompt', '');
  await page.reload();
  await page.locator('#connection[data-state=live]').waitFor();
  assert.equal(await page.inputValue('#prompt'), '');
  assert.deepEqual(core.commands, []);
});

/** Shares a picture and a text as a phone's system does. Returns what it opens. */
async function share(url: string, text: string): Promise<string> {
  const body = new FormData();
  body.append('text', text);
  body.append('pictures', new Blob([await paintPreviews([3])]), 'hills.jpg');
  const headers = { origin: 'null', 'sec-fetch-site': 'none' };
  const answer = await fetch(new URL('/share', url), { method: 'POST', headers, body, redirect: 'manual' });
  return `${answer.headers.get('location')?.slice(1)}#lobby`;
}

test('what is shared by who has to sign in first is there afterwards, also where a link signs in another page', async (t) => {
  const accounts = WebAccounts.inMemory();
  accounts.claim('ann', { admin: false });
  const link = `#key=${accounts.addToken('ann', 'test')}`;
  const server = { token: 'correct horse battery', accounts };
  const { url, visit, context } = await openPage(t, browser, { server, waitFor: 'shown' });
  const asked = await visit(await share(url, 'a panda like this'));
  await asked.getByRole('dialog', { name: 'Sign in' }).waitFor();
  await asked.close();
  const shown = await visit(link);
  await shown.locator('.given-list li').waitFor();
  assert.equal(await shown.inputValue('#prompt'), 'a panda like this');
  assert.deepEqual(await shown.evaluate(`localStorage.getItem('wuerst.shared')`), null);
  await context.clearCookies();
  const again = await visit(await share(url, ''));
  await again.getByLabel('Token or link').fill(url + link);
  await again.getByRole('button', { name: 'Sign in' }).click();
  await again.locator('.given-list li').waitFor();
});

test('a picture that another app shares stands beside the prompt, which its text begins', async (t) => {
  const { core, page, url, visit, complaints } = await openPage(t, browser);
  const shown = await visit(await share(url, 'a panda like this'));
  await shown.locator('.given-list li').waitFor();
  assert.equal(await shown.inputValue('#prompt'), 'a panda like this');
  assert.equal(new URL(shown.url()).search, '');
  // Its marks are read first, one form of a person after the other.
  await until(shown, `document.querySelector('.given-marks').textContent !== ''`);
  await shown.press('#prompt', 'Enter');
  await until(shown, `document.querySelector('[data-job]') !== null`);
  assert.equal(core.given.length, 1);
  assert.equal(core.commands.at(-1)?.text, 'a panda like this');
  assert.deepEqual(complaints, []);
  await page.close();
  const late = await visit('?shared=0123456789abcdef#lobby');
  await late.getByText('What was shared is not here any more').first().waitFor();
});
