import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';
import { DEFAULT_LIMITS } from '../../../src/bot/request-limits.ts';
import { fakeOperations } from './fake-administration.ts';
import { launchBrowser, openPage, until } from './open-page.ts';

let browser: Browser;
before(async () => {
  browser = await launchBrowser();
});
after(() => browser.close());

async function openSettings(t: Parameters<typeof openPage>[0], limits = DEFAULT_LIMITS) {
  const opened = await openPage(t, browser);
  opened.core.limits = () => limits;
  await opened.page.getByRole('button', { name: 'Settings', exact: true }).click();
  await opened.page.getByRole('group', { name: 'Size' }).waitFor();
  return opened;
}

const says = (page: Page, text: string) =>
  until(page, `document.getElementById('prompt').value === ${JSON.stringify(text)}`);
const press = (page: Page, group: string, name: string | RegExp) =>
  page
    .getByRole('group', { name: group })
    .getByRole('button', { name, exact: typeof name === 'string' })
    .click();
const pressed = (page: Page) =>
  page.evaluate(`[...document.querySelectorAll('.settings [aria-pressed=true]')].map((one) => one.textContent).join()`);

test('a click writes the setting into the text, in place of what it excludes, and takes it out again', async (t) => {
  const { page, core, complaints } = await openSettings(t);
  await page.fill('#prompt', 'a panda --ar 2:3 on a green background style:base');
  await press(page, 'Size', /1:1/);
  await says(page, 'a panda on a green background style:base size:1024x1024');
  await press(page, 'Style', 'aesthetic');
  await says(page, 'a panda on a green background size:1024x1024 style:aesthetic');
  await press(page, 'Pictures', '2');
  await press(page, 'Pictures', '4');
  await says(page, 'a panda on a green background size:1024x1024 style:aesthetic n:4');
  await press(page, 'Pictures', '4');
  await press(page, 'Size', /1:1/);
  await says(page, 'a panda on a green background style:aesthetic');
  await page.getByLabel('Guidance').fill('6.5');
  await page.getByLabel('Guidance').press('Tab');
  await page.getByLabel('Steps').fill('20');
  await page.getByLabel('Steps').press('Enter');
  await says(page, 'a panda on a green background style:aesthetic guidance:6.5 steps:20');
  assert.deepEqual(core.commands, [], 'nothing was sent');
  assert.deepEqual(complaints, []);
});

test('what is typed shows at once, however it is spelled, and what is no setting does not', async (t) => {
  const { page } = await openSettings(t);
  await page.fill('#prompt', 'a poster "style:base" --aspect 3:2, w/ n:4 Seed:12 cfg:7');
  await until(page, `document.querySelector('.sizes [aria-pressed=true]')?.textContent.startsWith('3:2')`);
  assert.match(String(await pressed(page)), /^3:2\d+×\d+,4$/);
  assert.equal(await page.getByLabel('Seed').inputValue(), '12');
  assert.equal(await page.getByLabel('Guidance').inputValue(), '7');
  await page.fill('#prompt', 'a panda n:nonsense style:base');
  await until(page, `document.querySelector('.segments [aria-pressed=true]')?.textContent === 'base'`);
  await press(page, 'Pictures', '2');
  await says(page, 'a panda style:base n:2');
  await page.fill('#prompt', '');
  await until(page, `document.querySelectorAll('.settings [aria-pressed=true]').length === 0`);
});

test('a seed that is kept goes into the prompts that follow, until it is free again', async (t) => {
  const { page, core } = await openSettings(t);
  await page.fill('#prompt', 'a panda seed:42');
  await until(page, `document.querySelector('.seed input').value === '42'`);
  await page.getByRole('button', { name: 'Keep' }).click();
  await page.press('#prompt', 'Enter');
  await says(page, 'seed:42 ');
  await page.locator('#prompt').pressSequentially('a lion');
  await page.press('#prompt', 'Enter');
  await says(page, 'seed:42 ');
  assert.deepEqual(
    core.commands.map(({ text }) => text),
    ['a panda seed:42', 'seed:42 a lion'],
  );
  await page.getByRole('button', { name: 'Keep' }).click();
  await says(page, '');
});

test('presets and LoRAs are offered where there are some, and written with quotes where they need them', async (t) => {
  const loras = [{ name: 'film grain' }] as unknown as typeof DEFAULT_LIMITS.loras & object;
  const { page } = await openSettings(t, { ...DEFAULT_LIMITS, presets: ['warm light'], loras });
  await page.fill('#prompt', 'a panda');
  await page.getByLabel('Preset').selectOption('warm light');
  await says(page, 'a panda preset:"warm light"');
  await page.getByLabel('LoRA').selectOption({ label: 'film grain' });
  await says(page, 'a panda preset:"warm light" lora:"film grain:0.8"');
  await until(page, `document.querySelectorAll('.setting select')[1].value !== ''`);
  await page.getByLabel('Preset').selectOption('');
  await says(page, 'a panda lora:"film grain:0.8"');
});

test('the panel is opened and closed by keys, and is as it was left after a reload', async (t) => {
  const { page } = await openSettings(t);
  await page.reload();
  await page.getByRole('group', { name: 'Style' }).getByRole('button').first().press('Escape');
  await page.locator('#settings').waitFor({ state: 'hidden' });
  assert.equal(await page.evaluate(`document.activeElement.id`), 'settings-open');
});

test('an admin looks after rules, people, workers, presets and keys; what is wrong is said where it is', async (t) => {
  const operations = fakeOperations();
  const { core, page, complaints } = await openPage(t, browser, { server: { operations } });
  const { administration } = core;
  const admin = page.getByRole('region', { name: 'Administration' });
  const press = (name: string, where: Page | Locator = page) =>
    where.getByRole('button', { name, exact: true }).click();
  const part = (name: string) =>
    page.getByRole('navigation', { name: 'Parts of the administration' }).getByText(name).click();
  await page.getByRole('link', { name: 'Administration' }).click();

  const rule = admin.getByRole('textbox', { name: 'everywhere-user-jobs' });
  await rule.fill('many');
  await page.keyboard.press('Enter');
  await admin.getByRole('alert').getByText('Expected everywhere-user-jobs to be a whole number').waitFor();
  await rule.fill('3');
  await press('Save everywhere-user-jobs');
  await admin.getByText(/Changed .* by Root \(root\)/).waitFor();
  assert.equal(administration.values.get('everywhere-user-jobs'), '3');
  await press('Take back everywhere-user-jobs');
  await until(page, `!document.body.textContent.includes('by Root (root)')`);
  assert.equal(administration.values.size, 0);

  await part('People');
  await press('Ban Bob');
  await press('Ban', page.getByRole('dialog'));
  await admin.getByText('banned', { exact: true }).waitFor();
  await press('Let in Bob again');
  await until(page, `!document.body.textContent.includes('banned')`);
  assert.equal(administration.blocked.size, 0);

  await part('Painters');
  await press('Drain cellar: it finishes its job and stops');
  await admin.getByText('accepted, is to be drained').waitFor();
  assert.equal(operations.given.get('cellar'), 'drain');
  await press('Admit cellar again');
  await until(page, `!document.body.textContent.includes('is to be drained')`);

  await part('Presets and wildcards');
  await press('New preset');
  const form = page.getByRole('dialog', { name: 'New preset' });
  await form.getByLabel('Name').fill('a/b');
  await form.getByLabel('Text').fill('{prompt}, in ink');
  await press('Save', form);
  await form.getByRole('alert').getByText('without a slash').waitFor();
  await form.getByLabel('Name').fill('ink');
  await press('Save', form);
  await admin.getByText('{prompt}, in ink').waitFor();
  await press('Delete ink');
  await press('Delete', page.getByRole('dialog'));
  await admin.getByText('{prompt}, in ink').waitFor({ state: 'detached' });

  await part('API keys');
  await press('New key');
  await page.getByLabel('What it is for').fill('open webui');
  await press('New key', page.getByRole('dialog'));
  const secret = page.getByRole('dialog', { name: 'Your new key' }).getByLabel('Key', { exact: true });
  assert.match(await secret.inputValue(), /^sk-wuerst-/);
  await press('Close');
  await admin.getByText('open webui').waitFor();
  assert.equal(await page.getByText(/sk-wuerst-/).count(), 0);
  await press('Revoke open webui');
  await press('Revoke', page.getByRole('dialog'));
  await admin.getByText('None.').waitFor();
  // The browser itself complains of the refusals.
  assert.deepEqual(
    complaints.filter((one) => !one.includes('400')),
    [],
  );
});

test('what admins look after is loaded when it is opened, and is told to nobody else', async (t) => {
  const { page } = await openPage(t, browser);
  const names = `performance.getEntriesByType('resource').map(({ name }) => name).filter((name) => name.includes('admin'))`;
  assert.deepEqual(await page.evaluate(names), []);
  const other = await openPage(t, browser, { server: { token: 'correct horse battery' }, waitFor: 'shown' });
  const form = other.page.getByRole('dialog', { name: 'Sign in' });
  await form.getByLabel('Token').fill('correct horse battery');
  await form.getByLabel('Name').fill('ann');
  await form.getByRole('button', { name: 'Sign in' }).click();
  await other.page.locator('#connection[data-state=live]').waitFor();
  assert.equal(await other.page.getByRole('link', { name: 'Administration' }).count(), 0);
  await other.page.evaluate(`location.hash = '#/admin/keys'`);
  await other.page.getByRole('heading', { name: 'Only admins can look after this bot' }).waitFor();
});
