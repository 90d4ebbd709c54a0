import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { linkWith } from '../../../src/adapters/web/server/links.ts';
import { WebAccounts } from '../../../src/bot/history/web-accounts.ts';
import { contrastOf, launchBrowser, openPage, PATIENCE_MS, type } from './open-page.ts';
import { serveFake } from './serve-fake.ts';

const SHARED = 'correct horse battery';

let browser: Browser;
before(async () => {
  browser = await launchBrowser();
});
after(() => browser.close());

/** A chat that asks who somebody is, and browsers that open links to it. */
async function privateChat(t: TestContext, options: BrowserContextOptions = {}) {
  const accounts = WebAccounts.inMemory();
  const { core, url } = await serveFake(t, { token: SHARED, accounts, heartbeatMs: 50 });
  const complaints: string[] = [];
  const open = async (link = url): Promise<Page> => {
    const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
    t.after(() => context.close());
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(link);
    return page;
  };
  const invited = (name: string | undefined, admin = false) =>
    linkWith('invitation', accounts.invite({ name, admin }, { surface: 'terminal', user: 'root' }), url);
  return { accounts, core, url, open, invited, complaints };
}

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const isLive = (page: Page) => page.locator('#connection[data-state=live]').waitFor();
const me = (page: Page, name: string) => page.getByRole('button', { name: `You are ${name}` });

/** The personal link that somebody is given who has none yet. */
async function givenLink(page: Page): Promise<string> {
  return (await page.locator('.note code').textContent()) ?? '';
}

test('an invitation opens the chat under its name, once, and its secret leaves the address', async (t) => {
  const { core, open, invited, complaints } = await privateChat(t);
  await core.request('a lion', 'lobby', 'bob');
  const link = invited('ann');
  const page = await open(link);
  await isLive(page);
  await page.locator('.turn:last-child .note code').waitFor();
  await me(page, 'ann').waitFor();
  assert.doesNotMatch(page.url(), /invit/);
  assert.match(await givenLink(page), /^http:\/\/127\.0\.0\.1:\d+\/#key=wuerst_/);
  await type(page, 'a panda on a green background');
  await page.locator('.turn:last-child[data-job]').waitFor();
  assert.equal(core.commands.at(-1)?.caller.user, 'ann');

  const late = await open(link);
  await late.getByRole('dialog').getByText('The invitation was used already').waitFor();
  await button(late, 'OK').click();
  await late.getByRole('dialog', { name: 'Sign in' }).waitFor();
  assert.deepEqual(complaints, []);
});

test('an invitation for anybody asks for a free name', async (t) => {
  const { open, invited, accounts } = await privateChat(t);
  accounts.claim('ann', { admin: false });
  const page = await open(invited(undefined));
  const form = page.getByRole('dialog', { name: 'What should we call you?' });
  await form.getByLabel('Name').fill('Ann');
  await button(page, 'Save').click();
  await form.getByRole('alert').getByText('looks like "ann"').waitFor();
  await form.getByLabel('Name').fill('bob');
  await button(page, 'Save').click();
  await isLive(page);
  await me(page, 'bob').waitFor();
});

test('a personal link brings somebody back in another browser, and asks before it makes them somebody else', async (t) => {
  const { open, invited } = await privateChat(t);
  const first = await open(invited('ann'));
  const link = await givenLink(first);
  const second = await open(link);
  await isLive(second);
  await me(second, 'ann').waitFor();

  const bob = await open(invited('bob'));
  await isLive(bob);
  await bob.goto(link);
  const question = bob.getByRole('dialog', { name: /^Use this link\? You are signed in as bob/ });
  await question.getByRole('button', { name: 'Cancel' }).click();
  await me(bob, 'bob').waitFor();
  await bob.goto(link);
  await bob.fill('#prompt', 'what bob is about to ask for');
  await question.getByRole('button', { name: 'Use the link' }).click();
  await me(bob, 'ann').waitFor();
  assert.equal(await bob.inputValue('#prompt'), '', 'it was not theirs');
});

test('who clicks their own name sees who they are, and is signed out only after saying so', async (t) => {
  const { open, invited, accounts } = await privateChat(t);
  const page = await open(invited('ann'));
  const other = await open(await givenLink(page));
  await isLive(other);
  await me(page, 'ann').click();
  const sheet = page.getByRole('dialog', { name: 'You are ann' });
  await sheet.getByText('this browser').waitFor();
  assert.deepEqual(await sheet.locator('.key-text bdi').allTextContents(), [
    'Chrome on Linux',
    'personal link',
    'Chrome on Linux',
  ]);
  await page.keyboard.press('Escape');
  await sheet.waitFor({ state: 'detached' });
  await page.reload();
  await isLive(page);

  await me(page, 'ann').click();
  await button(page, 'Sign out: Chrome on Linux').click();
  await page
    .getByRole('dialog', { name: 'Sign Chrome on Linux out?' })
    .getByRole('button', { name: 'Sign out' })
    .click();
  await other.getByRole('dialog', { name: 'Sign in' }).waitFor();

  await sheet.waitFor();
  await button(page, 'Sign out of this browser').click();
  const question = page.getByRole('dialog', { name: /^Sign out of this browser\?/ });
  await question.getByRole('button', { name: 'Cancel' }).click();
  await sheet.waitFor();
  assert.equal(accounts.keysOf('ann').filter(({ kind }) => kind === 'device').length, 1);
  await button(page, 'Sign out of this browser').click();
  await question.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('dialog', { name: 'Sign in' }).waitFor();
  assert.equal(accounts.keysOf('ann').filter(({ kind }) => kind === 'device').length, 0);
});

test('whoever signs out is out in all tabs at once, leaves nothing to be seen, and comes back by a link, in all tabs', async (t) => {
  const { core, open, invited } = await privateChat(t);
  await core.request('a lion', 'lobby', 'bob');
  const page = await open(invited('ann'));
  const link = await givenLink(page);
  const other = await page.context().newPage();
  await other.goto(new URL('#lobby', page.url()).href);
  await isLive(other);
  await page.bringToFront();
  await me(page, 'ann').click();
  await button(page, 'Sign out of this browser').click();
  await page
    .getByRole('dialog', { name: /^Sign out of this/ })
    .getByRole('button', { name: 'Sign out' })
    .click();
  for (const one of [page, other]) {
    await one.getByRole('dialog', { name: 'Sign in' }).waitFor();
    assert.equal(await one.getByText('Signed out').count(), 1);
    assert.equal(await one.locator('.turn').count(), 0);
  }
  await page.evaluate(`location.hash = '${new URL(link).hash}'`);
  for (const one of [page, other]) {
    await isLive(one);
    await one.locator('dialog').waitFor({ state: 'detached' });
    await one.locator('[data-job]').waitFor();
  }
});

test('admins invite from the page; others are not offered it', async (t) => {
  const { open, invited } = await privateChat(t);
  const boss = await open(invited('boss', true));
  await isLive(boss);
  await me(boss, 'boss').click();
  await button(boss, 'Invite somebody').click();
  const form = boss.getByRole('dialog', { name: 'Invite somebody' });
  await form.getByLabel('Name').fill('carl');
  await button(boss, 'Make a link').click();
  const link = await boss.getByRole('dialog', { name: 'An invitation' }).getByLabel('Link').first().inputValue();
  const carl = await open(link);
  await isLive(carl);
  await me(carl, 'carl').click();
  await carl.getByRole('dialog', { name: 'You are carl' }).waitFor();
  assert.equal(await button(carl, 'Invite somebody').count(), 0);
});

test('a new personal link is shown with the token for scripts, and can be ended', async (t) => {
  const { open, invited, url } = await privateChat(t);
  const page = await open(invited('ann'));
  await isLive(page);
  await me(page, 'ann').click();
  await button(page, 'New personal link').click();
  const token = await page
    .getByRole('dialog', { name: 'Your personal link' })
    .getByLabel('Token', { exact: true })
    .inputValue();
  const asAnn = () => fetch(`${url}api/session`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal((await asAnn()).status, 200);
  await button(page, 'Close').click();
  await button(page, 'End: personal link').last().click();
  await page
    .getByRole('dialog', { name: /^End personal link\?/ })
    .getByRole('button', { name: 'End' })
    .click();
  await page.getByRole('dialog', { name: 'You are ann' }).waitFor();
  assert.equal((await asAnn()).status, 401);
});

test('where nobody signs in, each browser is a guest of its own, and a new name needs no sign-in', async (t) => {
  const [one, other] = [await openPage(t, browser), await openPage(t, browser)];
  const name = async (page: Page) => (await page.locator('#me-text').textContent()) ?? '';
  const first = await name(one.page);
  assert.match(first, /^guest-[a-z0-9]{4}$/);
  assert.notEqual(first, await name(other.page));
  await one.page.reload();
  await isLive(one.page);
  assert.equal(await name(one.page), first);
  const tab = await one.visit();
  await one.page.click('#me');
  await one.page.getByLabel('Name').fill('ann');
  await button(one.page, 'Save').click();
  await me(tab, 'ann').waitFor();
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`on a phone in ${colorScheme} the sheet of one's own name fits, and its text stands out`, async (t) => {
    const { open, invited } = await privateChat(t, { colorScheme, viewport: { width: 360, height: 740 } });
    const page = await open(invited('a name that is rather long for a phone that is this narrow', true));
    await isLive(page);
    await button(page, 'Show the list of rooms').click();
    await page.locator('#me').click();
    await page.getByText('this browser', { exact: true }).waitFor();
    for (const selector of ['.key-when', '.tag', '.sheet p', '.sheet .button']) {
      const ratio = await contrastOf(page, selector);
      assert.ok(ratio >= 4.5, `${selector} has contrast ${ratio.toFixed(2)}`);
    }
    const tooWide = `[...document.querySelectorAll('.sheet *')].filter((one) => one.getBoundingClientRect().right > 361).length`;
    assert.equal(await page.evaluate(tooWide), 0);
  });
}
