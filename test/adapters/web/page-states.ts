import type { BrowserContext, Page } from 'playwright-core';
import type { WebAdapterOptions } from '../../../src/adapters/web/server/options.ts';
import { WebAccounts } from '../../../src/bot/history/web-accounts.ts';
import { fakeOperations } from './fake-administration.ts';
import type { FakeCore } from './fake-core.ts';
import { paintPreviews } from './fake-pictures.ts';
import { type } from './open-page.ts';

interface Opened {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly core: FakeCore;
}

/** Something that the page can show. `open` starts at an empty room, and resolves when the state is shown. */
interface PageState {
  readonly name: string;
  readonly server?: () => Partial<WebAdapterOptions>;
  readonly open: (opened: Opened) => Promise<void>;
}

const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).last().click();

async function finished({ page, core }: Opened, prompt: string): Promise<string> {
  const { id } = await core.request(prompt, 'lobby');
  await core.complete(id);
  await page.locator(`[data-job=${id}][data-state=done]`).waitFor();
  return id;
}

async function pressed(opened: Opened, name: string): Promise<void> {
  await finished(opened, 'a panda on a green background');
  await press(opened.page, name);
}

async function typed({ page }: Opened, text: string): Promise<void> {
  await type(page, text);
  await page.locator('.note').waitFor();
}

const TOKEN = 'correct horse battery';
const asksWhoSomebodyIs = () => ({ token: TOKEN, accounts: WebAccounts.inMemory() });

async function signedIn({ page }: Opened): Promise<void> {
  const form = page.getByRole('dialog', { name: 'Sign in' });
  await form.getByLabel('Token').fill(TOKEN);
  await form.getByLabel('Name').fill('ann');
  await press(page, 'Sign in');
  await page.locator('.note code').waitFor();
}

async function withPicture({ page }: Opened): Promise<void> {
  const buffer = Buffer.from(await paintPreviews([3]));
  await page.setInputFiles('#picture-files', [{ name: 'hills.jpg', mimeType: 'image/jpeg', buffer }]);
  await page.locator('.given-list li').waitFor();
}

/** The gallery of the room, with the focus in it. */
async function gallery({ page, core }: Opened, prompts: readonly string[]): Promise<void> {
  for (const prompt of prompts) {
    const { id } = await core.request(prompt, 'lobby');
    await core.complete(id);
  }
  await page.getByRole('link', { name: 'Gallery', exact: true }).click();
  if (prompts.length === 0) await page.locator('.gallery-empty').waitFor();
  else await page.locator('.tile[data-loaded]').first().waitFor();
  if (prompts.length > 0) await page.locator('.gallery-grid').focus();
}

async function administration(page: Page, part: string, shown: string): Promise<void> {
  await page.evaluate(`location.hash = '#/admin/${part}'`);
  await page.locator('.admin').getByText(shown).first().waitFor();
}

/** Requests of several rooms, one of them being painted. */
async function queue({ page, core }: Opened): Promise<void> {
  const { id } = await core.request('a panda on a green background n:4', 'lobby');
  core.start(id);
  core.step(id, 6);
  const asked = [
    ['a penguin in the snow', 'lobby', 'bob'],
    ['a cake', 'secret', 'eve'],
    ['a lion at sunset', 'kitchen'],
  ] as const;
  for (const [k, [prompt, room, user]] of asked.entries()) {
    const job = await core.request(prompt, room, user);
    core.wait(job.id, k + 1);
  }
  await page.getByRole('link', { name: 'Queue', exact: true }).click();
  await page.locator('.queue-row').nth(3).waitFor();
}

/** Every state whose looks and accessibility are tested. What opens a new one belongs here. */
export const PAGE_STATES: readonly PageState[] = [
  { name: 'an empty room', open: ({ page }) => page.locator('.welcome:visible').waitFor() },
  {
    name: 'a request that waits',
    open: async ({ page, core }) => {
      const { id } = await core.request('a panda on a green background negative:trees', 'lobby');
      core.wait(id, 3);
      await page.getByText('Waiting, position 3').first().waitFor();
    },
  },
  {
    name: 'a batch in the making',
    open: async ({ page, core }) => {
      const { id } = await core.request('a panda on a green background n:4', 'lobby');
      core.start(id);
      await core.paint(id);
      core.step(id, 6, { preview: await paintPreviews([8, 9, 10]), previewOf: [1, 2, 3] });
      await page.locator('.coming img').first().waitFor();
    },
  },
  { name: 'a picture', open: async (opened) => void (await finished(opened, 'a panda on a green background')) },
  { name: 'ten pictures', open: async (opened) => void (await finished(opened, 'a panda size:384x256 n:10')) },
  {
    name: 'a covered picture',
    open: async (opened) => void (await finished(opened, 'a spoiler')),
  },
  {
    name: 'a request that failed',
    open: async ({ page, core }) => {
      const { id } = await core.request('a panda', 'lobby');
      core.start(id);
      core.fail(id, 'The model ran out of mustard.');
      await page.locator('.note[data-tone=error]').waitFor();
    },
  },
  {
    name: 'a request that was cancelled',
    open: async ({ page, core }) => {
      const { id } = await core.request('a panda', 'lobby');
      await page.locator(`[data-job=${id}]`).waitFor();
      await press(page, 'Cancel');
      await page.getByText('Cancelled.').first().waitFor();
    },
  },
  { name: 'a refused prompt', open: (opened) => typed(opened, `${'a badword in the snow, '.repeat(60)}`) },
  {
    name: 'a prompt that could not be sent',
    open: async (opened) => {
      await opened.context.setOffline(true);
      await typed(opened, 'a panda on a green background');
    },
  },
  {
    name: 'a picture in the making while the bot is away',
    open: async ({ page, core, context }) => {
      const { id } = await core.request('a panda on a green background', 'lobby');
      core.start(id);
      core.step(id, 6, { preview: await paintPreviews([8]) });
      await page.locator('.coming img').waitFor();
      await context.setOffline(true);
      await page.evaluate(`dispatchEvent(new Event('online'))`);
      await page.locator('.card[data-paused]').waitFor();
    },
  },
  { name: 'help', open: (opened) => typed(opened, 'help') },
  { name: 'a reply with a button', open: (opened) => typed(opened, 'a {red, blue} panda') },
  {
    name: 'what a picture was made with',
    open: async (opened) => {
      await pressed(opened, 'Info');
      await opened.page.getByText('/wuerst a panda on a green background seed:7').waitFor();
    },
  },
  {
    name: 'a picture enlarged',
    open: async (opened) => {
      await finished(opened, 'a panda on a green background size:1024x1024 n:2');
      await opened.page.locator('[data-image]').first().click();
      await opened.page.getByRole('dialog').getByText('1 of 2').waitFor();
    },
  },
  {
    name: 'suggestions',
    open: async ({ page }) => {
      await page.locator('#prompt').pressSequentially('a panda sty');
      await page.getByRole('option').first().waitFor();
      await page.keyboard.press('ArrowDown');
    },
  },
  {
    name: 'the palette',
    open: async ({ page }) => {
      await page.keyboard.press('Control+k');
      await page.getByRole('option', { name: /^seed:/ }).waitFor();
    },
  },
  {
    name: 'the help sheet',
    open: async ({ page }) => {
      await page.getByRole('button', { name: 'Help', exact: true }).click();
      await page.getByRole('dialog', { name: 'Help' }).getByRole('heading', { name: 'Settings' }).waitFor();
    },
  },
  {
    name: 'settings beside the prompt',
    open: async ({ page }) => {
      await page.fill('#prompt', 'a panda --ar 2:3 seed:7');
      await page.getByRole('button', { name: 'Settings', exact: true }).click();
      await page.locator('.sizes [aria-pressed=true]').waitFor();
    },
  },
  { name: 'a gallery without pictures', open: (opened) => gallery(opened, []) },
  {
    name: 'a gallery',
    open: async (opened) => {
      await gallery(opened, ['a panda on a green background n:4', 'a spoiler', 'a penguin in the snow']);
      await opened.page.keyboard.press('f');
      await opened.page.locator('.tile[data-liked]').waitFor();
    },
  },
  {
    name: 'a search that finds nothing',
    open: async (opened) => {
      await gallery(opened, ['a panda']);
      await opened.page.getByRole('searchbox').fill('wombat');
      await opened.page.getByRole('heading', { name: 'Nothing found' }).waitFor();
    },
  },
  {
    name: 'a picture beside the gallery',
    open: async (opened) => {
      await gallery(opened, ['a panda on a green background n:3']);
      await opened.page.keyboard.press('Enter');
      await opened.page.locator('.family').waitFor();
    },
  },
  {
    name: 'chosen pictures',
    open: async (opened) => {
      await gallery(opened, ['a panda on a green background n:3']);
      await opened.page.keyboard.press('Shift+ArrowRight');
      await opened.page.getByRole('button', { name: 'Compare' }).waitFor();
    },
  },
  {
    name: 'two pictures compared',
    open: async (opened) => {
      await gallery(opened, ['a panda on a green background n:3']);
      await opened.page.keyboard.press('Shift+ArrowRight');
      await press(opened.page, 'Compare');
      await opened.page.getByRole('dialog').waitFor();
    },
  },
  {
    name: 'a queue in which nothing waits',
    open: async ({ page }) => {
      await page.getByRole('link', { name: 'Queue', exact: true }).click();
      await page.getByRole('heading', { name: 'Nothing is waiting' }).waitFor();
    },
  },
  { name: 'a queue', open: queue },
  ...(
    [
      ['rules', 'unfinished requests per person at once'],
      ['people', '1 of 50, 49 left'],
      ['painters', 'prior 21 ms, decoder 48 ms'],
      ['models', 'small model that comes with wuerst'],
      ['prompts', 'red, green, 3::blue'],
      ['keys', 'within the rules of a place'],
      ['changes', 'made the API key nightly'],
      ['failures', 'There was too little memory for it.'],
      ['disk', '/var/lib/wuerst/models'],
    ] as const
  ).map(([part, shown]) => ({
    name: `the administration of ${part}`,
    server: () => ({ operations: fakeOperations() }),
    open: ({ page }: Opened) => administration(page, part, shown),
  })),
  {
    name: 'a form for a preset',
    server: () => ({ operations: fakeOperations() }),
    open: async ({ page }) => {
      await administration(page, 'prompts', 'film still');
      await press(page, 'Edit film');
      await page.getByRole('dialog').waitFor();
    },
  },
  {
    name: 'the administration for who is no admin',
    server: asksWhoSomebodyIs,
    open: async (opened) => {
      await signedIn(opened);
      await opened.page.evaluate(`location.hash = '#/admin'`);
      await opened.page.getByRole('heading', { name: 'Only admins can look after this bot' }).waitFor();
    },
  },
  { name: 'a question', open: (opened) => pressed(opened, 'Delete') },
  { name: 'a form for a prompt', open: (opened) => pressed(opened, 'Remix') },
  {
    name: 'the list of rooms',
    open: async ({ page }) => {
      const opener = page.getByRole('button', { name: 'Show the list of rooms' });
      if (await opener.isVisible()) await opener.click();
      await page.locator('#me').waitFor();
    },
  },
  { name: 'a form for a name', open: ({ page }) => page.evaluate(`document.getElementById('me').click()`) },
  {
    name: 'a sign-in',
    server: asksWhoSomebodyIs,
    open: ({ page }) => page.getByRole('dialog', { name: 'Sign in' }).waitFor(),
  },
  { name: 'a personal link', server: asksWhoSomebodyIs, open: signedIn },
  {
    name: 'who somebody is',
    server: asksWhoSomebodyIs,
    open: async (opened) => {
      await signedIn(opened);
      await opened.page.evaluate(`document.getElementById('me').click()`);
      await opened.page.getByText('this browser', { exact: true }).waitFor();
    },
  },
  { name: 'pictures to start from', open: withPicture },
  {
    name: 'a brush for a part of a picture',
    open: async (opened) => {
      await withPicture(opened);
      await press(opened.page, 'Paint only a part');
      await opened.page.getByRole('dialog').waitFor();
    },
  },
];
