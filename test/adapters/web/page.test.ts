import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, BrowserContext, Page, Request } from 'playwright-core';
import { paintPreview } from './fake-pictures.ts';
import { contrastOf, launchBrowser, openPage, PATIENCE_MS, type, until } from './open-page.ts';
import { serveFake } from './serve-fake.ts';

let browser: Browser;
before(async () => {
  browser = await launchBrowser();
});
after(() => browser.close());

/** Types a prompt, waits for its turn, and returns the id of its job. */
async function ask(page: Page, text: string): Promise<string> {
  await type(page, text);
  await page.locator('[data-job]').waitFor();
  return (await page.locator('[data-job]').getAttribute('data-job')) ?? '';
}

const shown = (page: Page, text: string) => page.locator('#conversations').getByText(text, { exact: true });
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

test('a typed prompt is followed from the queue to the finished picture', async (t) => {
  const { core, page, complaints } = await openPage(t, browser);
  const id = await ask(page, '/wuerst a red fox in the snow seed:7');
  await shown(page, 'Waiting, position 1').waitFor();
  assert.equal(core.commands[0]?.text, 'a red fox in the snow seed:7');
  core.wait(id, 3);
  await shown(page, 'Waiting, position 3').waitFor();
  await page.getByText(/\d+–\d+ s left/).waitFor();
  core.start(id);
  core.step(id, 4, { preview: await paintPreview(7) });
  await page.locator('.coming img[src^="data:image/jpeg"]').waitFor();
  assert.equal(await page.getByRole('progressbar').getAttribute('aria-valuenow'), '40');
  await core.paint(id);
  core.finish(id);
  const picture = page.getByRole('img', { name: 'a red fox in the snow' });
  await picture.waitFor();
  assert.equal(await page.getByRole('progressbar').count(), 0);
  await until(page, `document.querySelector('.picture img').naturalWidth > 0`);
  await page.locator('#announcer').getByText('Finished: a red fox in the snow').waitFor();
  assert.deepEqual(complaints, []);
});

test('every button under a result does its work', async (t) => {
  const { core, page, complaints } = await openPage(t, browser);
  const id = await ask(page, 'a fox n:2');
  await core.complete(id);
  await page.getByRole('radio', { name: 'Picture 2' }).check();
  let turns = 1;
  for (const [label, action] of [
    ['Reroll', `reroll:${id}`],
    ['Vary subtle', `vary-subtle:${id}i1`],
    ['Vary strong', `vary-strong:${id}i1`],
    ['Larger', `larger:${id}i1`],
  ] as const) {
    await page.locator(`[data-job=${id}]`).getByRole('button', { name: label, exact: true }).click();
    await page.locator('[data-job]').nth(turns).waitFor();
    turns += 1;
    assert.equal(core.actions.at(-1)?.action, action);
  }
  await page.locator(`[data-job=${id}]`).getByRole('button', { name: 'Remix', exact: true }).click();
  const form = page.getByRole('dialog', { name: 'Remix' });
  assert.equal(await form.getByLabel('Prompt').inputValue(), 'a fox');
  await form.getByLabel('Prompt').fill('a blue fox');
  await form.getByRole('button', { name: 'Remix' }).click();
  await shown(page, 'a blue fox').waitFor();
  assert.equal(core.actions.at(-1)?.text, 'a blue fox');

  await button(page, 'Info').click();
  await shown(page, '/wuerst a fox seed:7').waitFor();
  await button(page, 'Dismiss').click();
  assert.equal(await shown(page, '/wuerst a fox seed:7').count(), 0);

  await button(page, 'Delete').click();
  const question = page.getByRole('dialog', { name: 'Delete these pictures?' });
  await question.getByRole('button', { name: 'Cancel' }).click();
  assert.equal(core.job(id)?.images[0]?.deleted, false);
  await button(page, 'Delete').click();
  await question.getByRole('button', { name: 'Delete' }).click();
  await page.locator(`[data-job=${id}] .picture`).first().waitFor({ state: 'detached' });

  await button(page, 'Cancel').last().click();
  await shown(page, 'Cancelled.').waitFor();
  assert.deepEqual(complaints, []);
});

test('of ten pictures each has all of its buttons', async (t) => {
  const { core, page, complaints } = await openPage(t, browser);
  const id = await ask(page, 'a fox n:10');
  await core.complete(id);
  await page.getByRole('radio', { name: 'Picture 10', exact: true }).check();
  const card = page.locator(`[data-job=${id}]`);
  assert.equal(await card.getByRole('button', { name: 'Picture 10', exact: true }).count(), 0);
  for (const label of ['Vary subtle', 'Vary strong', 'Larger', 'Remix', 'Info']) {
    assert.equal(await card.getByRole('button', { name: label, exact: true }).count(), 1, label);
  }
  await card.getByRole('button', { name: 'Vary subtle', exact: true }).click();
  await page.locator('[data-job]').nth(1).waitFor();
  assert.equal(core.actions.at(-1)?.action, `vary-subtle:${id}i9`);
  assert.deepEqual(complaints, []);
});

test('an erased request goes from every page that shows it, without a reload', async (t) => {
  const { core, page } = await openPage(t, browser);
  const [first, second] = [await core.request('a fox', 'lobby'), await core.request('a cat', 'lobby')];
  for (const { id } of [first, second]) await core.complete(id);
  await page.locator('[data-job]').nth(1).waitFor();
  core.erase(first.id);
  await page.locator(`[data-job="${first.id}"]`).waitFor({ state: 'detached' });
  assert.equal(await page.locator('[data-job]').count(), 1);
});

test('impatient clicks on a button send it once', async (t) => {
  const { core, page } = await openPage(t, browser);
  await core.complete(await ask(page, 'a fox'));
  await button(page, 'Reroll').waitFor();
  await page.evaluate(`{
    const reroll = [...document.querySelectorAll('button')].find((one) => one.textContent === 'Reroll');
    for (let k = 0; k < 10_000; k++) reroll.click();
  }`);
  await page.locator('[data-job]').nth(1).waitFor();
  assert.equal(core.actions.length, 1);
});

test('a reload in the middle of a job finds it where it is', async (t) => {
  const { core, page, complaints } = await openPage(t, browser);
  const id = await ask(page, 'a fox n:2');
  core.start(id);
  await core.paint(id);
  core.step(id, 7, { preview: await paintPreview(8) });
  await page.locator('.coming img').waitFor();
  await page.reload();
  await page.locator('.coming img').waitFor();
  assert.equal(await page.getByRole('progressbar').getAttribute('aria-valuenow'), '70');
  assert.equal(await page.locator('[data-image]').count(), 1);
  await core.paint(id);
  core.finish(id);
  await page.locator('[data-image]').nth(1).waitFor();
  assert.equal(await page.locator('[data-job]').count(), 1);
  assert.deepEqual(complaints, []);
});

test('a broken connection is mended and nothing that happened meanwhile is missed', async (t) => {
  const { core, page, context } = await openPage(t, browser);
  const id = await ask(page, 'a fox');
  await context.setOffline(true);
  await page.evaluate(`dispatchEvent(new Event('online'))`);
  await page.locator('#connection[data-state=lost]').waitFor();
  await core.complete(id);
  await context.setOffline(false);
  await page.evaluate(`dispatchEvent(new Event('online'))`);
  await page.locator('[data-image]').waitFor();
  await page.locator('#connection[data-state=live]').waitFor();
});

test('two rooms live side by side, in one page and in two', async (t) => {
  const { core, page, visit, complaints } = await openPage(t, browser, { room: 'kitchen' });
  const other = await visit('#attic');
  await type(page, 'a fox in the kitchen');
  await type(other, 'an owl in the attic');
  await shown(page, 'a fox in the kitchen').waitFor();
  await shown(other, 'an owl in the attic').waitFor();
  assert.deepEqual(
    core.commands.map(({ caller }) => caller.guild),
    ['kitchen', 'attic'],
  );
  assert.equal(new Set(core.commands.map(({ caller }) => caller.payer)).size, 1, 'one person pays in both');
  await page.fill('#room-name', 'attic');
  await page.press('#room-name', 'Enter');
  await shown(page, 'an owl in the attic').waitFor();
  assert.equal(await shown(page, 'a fox in the kitchen').isVisible(), false);
  await core.complete('job1');
  const kitchen = page.getByRole('link', { name: /kitchen/ });
  await kitchen.getByLabel('1 new').waitFor();
  await page.fill('#prompt', 'half a thought');
  await kitchen.click();
  await page.getByRole('img', { name: 'a fox in the kitchen' }).waitFor();
  assert.equal(await page.inputValue('#prompt'), '');
  await page.getByRole('link', { name: /attic/ }).click();
  await until(page, `document.getElementById('room-title').textContent === 'attic'`);
  assert.equal(await page.inputValue('#prompt'), 'half a thought');
  assert.deepEqual(complaints, []);
});

/** As when another tab is opened over this one, or this one is brought back to the front. */
function setVisible(page: Page, visible: boolean): Promise<void> {
  return page.evaluate(`{
    Object.defineProperty(document, 'visibilityState', { value: '${visible ? 'visible' : 'hidden'}', configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }`);
}

/** Counts the event streams that the pages of a browser hold. */
function countStreams(context: BrowserContext): () => number {
  const open = new Set<Request>();
  context.on('request', (request) => request.url().includes('/events') && open.add(request));
  context.on('requestfinished', (request) => open.delete(request));
  context.on('requestfailed', (request) => open.delete(request));
  return () => open.size;
}

test('eight tabs with eight rooms share one event stream, and all of them go on working', async (t) => {
  const { core, context, page, visit, complaints } = await openPage(t, browser, { room: 'room0' });
  const pages = [page];
  for (let k = 1; k < 8; k++) pages.push(await visit(`#room${k}`));
  for (const [k, one] of pages.entries()) await type(one, `a fox in room ${k}`);
  for (const [k, one] of pages.entries()) await shown(one, `a fox in room ${k}`).waitFor();
  for (const [k, one] of pages.entries()) {
    await core.complete(`job${k + 1}`);
    await one.getByRole('img', { name: `a fox in room ${k}` }).waitFor();
  }
  const streams = countStreams(context);
  await page.evaluate(`dispatchEvent(new Event('online'))`);
  await core.request('one more', 'room3');
  await shown(pages[3] as Page, 'one more').waitFor();
  while (streams() === 0) await page.evaluate('new Promise(requestAnimationFrame)');
  assert.equal(streams(), 1);
  assert.deepEqual(complaints, []);
});

test('when the tab that holds the stream is closed, the others miss nothing', async (t) => {
  const { core, page, visit } = await openPage(t, browser, { room: 'kitchen' });
  const second = await visit('#attic');
  const third = await visit('#cellar');
  await type(page, 'a fox in the kitchen');
  await shown(page, 'a fox in the kitchen').waitFor();
  for (const [closing, name] of [
    [third, 'before'],
    [second, 'after'],
  ] as const) {
    const closed = closing.close();
    const job = await core.request(`an owl ${name}`, 'kitchen');
    await closed;
    await core.complete(job.id);
    await page.getByRole('img', { name: `an owl ${name}` }).waitFor();
  }
});

test('a hidden tab holds no stream once it waits for nothing, and catches up when it is looked at', async (t) => {
  const { core, context, page } = await openPage(t, browser);
  const streams = countStreams(context);
  const id = await ask(page, 'a fox');
  await setVisible(page, false);
  await page.locator('#connection[data-state=live]').waitFor();
  await core.complete(id);
  await page.getByRole('img', { name: 'a fox' }).waitFor();
  while (streams() > 0) await page.evaluate('new Promise(requestAnimationFrame)');
  for (let k = 0; k < 30; k++) await core.request(`missed ${k}`, 'lobby');
  await setVisible(page, true);
  for (const k of [0, 29]) await shown(page, `missed ${k}`).waitFor();
});

test('where tabs cannot agree, each visible one holds a stream of its own', async (t) => {
  const script = `Object.defineProperty(navigator, 'locks', { value: undefined })`;
  const { core, page, visit } = await openPage(t, browser, { script });
  const other = await visit('#attic');
  await core.request('a fox', 'lobby');
  await core.request('an owl', 'attic');
  await shown(page, 'a fox').waitFor();
  await shown(other, 'an owl').waitFor();
});

test('a server that ends every stream at its greeting is asked less and less often', async (t) => {
  const script = `{
    const Real = EventSource;
    window.asked = 0;
    window.ended = 0;
    window.EventSource = class extends Real {
      constructor(address) {
        super(address);
        window.asked += 1;
        this.addEventListener('error', () => { window.ended += 1; });
      }
    };
  }`;
  const { context, url } = await openPage(t, browser, { script });
  const page = await context.newPage();
  let answer = () => {};
  const paused = new Promise<void>((resolve) => {
    answer = resolve;
  });
  await page.route('**/events*', async (route) => {
    await paused;
    await route.fulfill({ contentType: 'text/event-stream', body: 'event: hello\ndata: {"replays":false}\n\n' });
  });
  await page.clock.install({ time: 0 });
  await Promise.all([page.waitForRequest('**/events*'), page.goto(url)]);
  // Until then time goes on by itself as well.
  await page.clock.pauseAt(3_600_000);
  answer();
  const waits: number[] = [];
  for (let asked = 1; asked <= 6; asked++) {
    while ((await page.evaluate('window.ended')) !== asked);
    assert.equal(await page.locator('#connection').getAttribute('data-state'), 'lost');
    let seconds = 0;
    for (; (await page.evaluate('window.asked')) === asked; seconds += 0.5) await page.clock.runFor(500);
    waits.push(seconds);
  }
  // Doubled each time, up to 15 s, and up to half of it is left to chance.
  for (const [k, most] of [1, 2, 4, 8, 15, 15].entries()) {
    const wait = waits[k] ?? 0;
    assert.ok(wait >= most / 2 && wait <= most + 0.5, `${wait} s before try ${k + 2}`);
  }
});

test('an address that no room can have opens the first room', async (t) => {
  const { page, complaints } = await openPage(t, browser, { room: '%' });
  assert.equal(await page.locator('#room-title').textContent(), 'lobby');
  await page.evaluate(`location.hash = '%E0%A4%A'`);
  await ask(page, 'a fox');
  assert.deepEqual(complaints, []);
});

test('a browser that stores nothing for the page gets it all the same, with a theme and a name until it is closed', async (t) => {
  const script = `Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('', 'SecurityError'); } })`;
  const { core, page, complaints } = await openPage(t, browser, { script, colorScheme: 'light' });
  await page.getByRole('button', { name: 'Switch between dark and light' }).click();
  assert.equal(await page.evaluate('document.documentElement.dataset.shows'), 'dark');
  await page.getByRole('button', { name: /You are guest/ }).click();
  await page.getByLabel('Name').fill('ann');
  await button(page, 'Save').click();
  await page.fill('#prompt', 'half a thought');
  await page.getByRole('link', { name: /studio/ }).click();
  await page.getByRole('link', { name: /lobby/ }).click();
  await until(page, `document.getElementById('prompt').value === 'half a thought'`);
  await ask(page, 'a fox');
  assert.equal(core.commands[0]?.caller.user, 'ann');
  assert.deepEqual(complaints, []);
});

for (const [hours, what] of [
  [1, 'ahead of'],
  [-1, 'behind'],
] as const) {
  test(`a browser whose clock is an hour ${what} the bot's shows the time that is left, and the turns in order`, async (t) => {
    const script = `{ const real = Date.now; Date.now = () => real() + ${hours * 3_600_000}; }`;
    const { core, page } = await openPage(t, browser, { script });
    const id = await ask(page, 'a fox');
    // It stands there for half an hour.
    core.wait(id, 3, { from: Date.now() + 5 * 3_600_000, to: Date.now() + 8 * 3_600_000 });
    await page.getByText('5–8 h left', { exact: true }).waitFor();
    await type(page, 'help');
    await shown(page, 'What you can type').waitFor();
    await type(page, 'an owl');
    await shown(page, 'an owl').waitFor();
    const turns = await page.locator('.turn').evaluateAll((all) => all.map((turn) => 'job' in turn.dataset));
    assert.deepEqual(turns, [true, false, true]);
  });
}

test('hostile prompts and names stay text', async (t) => {
  const { core, page, complaints } = await openPage(t, browser, { viewport: { width: 360, height: 740 } });
  const prompts = [
    '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>',
    '\u202egnp.exe \u2066right to left\u2069 \u05d0\u05d1\u05d2',
    '@everyone <!here> <@U123> [link](javascript:window.hacked=1)',
    `${'unbreakable'.repeat(60)} \u0000\u0007`,
  ];
  for (const prompt of prompts) {
    const job = await core.request(prompt, 'lobby', '<b>eve</b>');
    await core.complete(job.id);
  }
  await page.locator('[data-image]').nth(3).waitFor();
  assert.deepEqual(
    await page.locator('.prompt').evaluateAll((elements) => elements.map((element) => element.textContent)),
    prompts,
  );
  assert.equal(await page.locator('.turn-who bdi').first().textContent(), '<b>eve</b>');
  assert.equal(await page.evaluate('window.hacked'), undefined);
  assert.equal(await page.locator('.turns :is(script, b)').count(), 0);
  assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 360);
  assert.deepEqual(complaints, []);
});

test('suggestions complete keys and values with the keyboard alone', async (t) => {
  const { page } = await openPage(t, browser);
  await page.locator('#prompt').pressSequentially('a fox sty');
  // Not those of a part of it.
  await until(page, `document.querySelectorAll('[role=option]').length === 1`);
  await page.getByRole('option', { name: /style:/ }).waitFor();
  await page
    .locator('#announcer')
    .getByText(/^\d+ suggestions?\./)
    .first()
    .waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await page.inputValue('#prompt'), 'a fox style:');
  await page.getByRole('option', { name: 'aesthetic' }).waitFor();
  for (let k = 0; k < 3; k++) await page.keyboard.press('ArrowDown');
  assert.equal(await page.locator('#prompt').getAttribute('aria-activedescendant'), 'completion-2');
  await page.keyboard.press('Enter');
  assert.equal(await page.inputValue('#prompt'), 'a fox style:aesthetic ');
  await page.keyboard.press('Escape');
  assert.equal(await page.getByRole('option').count(), 0);
});

test('Tab completes what has been typed by then, not what the suggestions in sight are for', async (t) => {
  const { page } = await openPage(t, browser);
  await page.locator('#prompt').pressSequentially('a fox s');
  await page.getByRole('option', { name: /seed:/ }).waitFor();
  await page.evaluate(`{
    const prompt = document.getElementById('prompt');
    prompt.setRangeText('ty', 7, 7, 'end');
    prompt.dispatchEvent(new Event('input', { bubbles: true }));
    prompt.dispatchEvent(new KeyboardEvent('keydown', { key: 'Tab', bubbles: true, cancelable: true }));
  }`);
  await until(page, `document.getElementById('prompt').value !== 'a fox sty'`);
  assert.equal(await page.inputValue('#prompt'), 'a fox style:');
});

test('the lightbox goes through the pictures of an answer by keys and gives the focus back', async (t) => {
  const { core, page } = await openPage(t, browser);
  await core.complete(await ask(page, 'a fox n:3 seed:40'));
  await page.locator('[data-image]').nth(1).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('2 of 3').waitFor();
  await page.keyboard.press('ArrowRight');
  await dialog.getByText('3 of 3').waitFor();
  await page.keyboard.press('ArrowRight');
  await dialog.getByText('1 of 3').waitFor();
  await page.keyboard.press('ArrowLeft');
  await dialog.getByText('3 of 3').waitFor();
  assert.equal(await dialog.getByRole('link', { name: 'Download' }).getAttribute('download'), 'picture-42.png');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await page.evaluate('document.activeElement.dataset.image'), 'job1i1');
});

test('spoilers are covered until somebody asks', async (t) => {
  const { core, page } = await openPage(t, browser);
  await core.complete(await ask(page, 'a spoiler'));
  await page.getByRole('img', { name: 'Covered picture' }).waitFor();
  await page.getByRole('button', { name: /^Covered picture 1/ }).click();
  await page.getByRole('img', { name: 'a spoiler', exact: true }).waitFor();
  assert.equal(await page.getByRole('dialog').count(), 0);
});

test('a refusal says why and gives the prompt back to be mended', async (t) => {
  const { page } = await openPage(t, browser);
  await type(page, 'a badword in the snow');
  await shown(page, 'The word "badword" is blocked here.').waitFor();
  await shown(page, 'Leave it out: a red fox.').waitFor();
  assert.equal(await page.inputValue('#prompt'), 'a badword in the snow');
});

test('several jobs are made only after they are confirmed', async (t) => {
  const { core, page } = await openPage(t, browser);
  await type(page, 'a {red, blue} fox');
  await button(page, 'Make 2').click();
  await page.locator('[data-job]').waitFor();
  assert.equal(core.actions[0]?.action, 'confirm:a red fox');
});

test('the past loads while scrolling up, without moving what is read', async (t) => {
  const { core, page } = await openPage(t, browser);
  for (let k = 0; k < 65; k++) {
    const job = await core.request(`fox number ${k}`, 'past');
    core.start(job.id);
    core.fail(job.id, 'The model ran out of mustard.');
  }
  await page.goto(`${page.url().split('#')[0]}#past`);
  await shown(page, 'fox number 64').waitFor();
  for (let seen = 0; seen < 65; seen = await page.locator('[data-job]').count()) {
    // Another place each time: staying is no scrolling.
    await page.evaluate(`document.getElementById('scroll').scrollTo({ top: ${200 + seen} })`);
    await until(page, `document.querySelectorAll('[data-job]').length > ${seen}`);
  }
  const prompts = await page.locator('.prompt').allTextContents();
  assert.deepEqual(
    prompts,
    Array.from({ length: 65 }, (_, k) => `fox number ${k}`),
  );
  await page.evaluate(`document.getElementById('scroll').scrollTo({ top: 900 })`);
  const top = () =>
    page
      .locator('[data-job]')
      .nth(5)
      .evaluate((turn) => turn.getBoundingClientRect().top);
  const reading = await top();
  await core.request('something new', 'past');
  await button(page, 'Jump to latest').waitFor();
  assert.equal(await top(), reading);
  await button(page, 'Jump to latest').click();
  await shown(page, 'something new').waitFor();
});

test('a name is asked for, kept, and goes with every command', async (t) => {
  const { core, page } = await openPage(t, browser);
  await page.getByRole('button', { name: /You are guest/ }).click();
  await page.getByLabel('Name').fill('Ann O’Tation');
  await button(page, 'Save').click();
  await page.getByRole('button', { name: /You are Ann/ }).waitFor();
  await page.reload();
  await page.locator('#connection[data-state=live]').waitFor();
  await ask(page, 'a fox');
  assert.equal(core.commands[0]?.caller.user, 'Ann O’Tation');
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`on a phone in ${colorScheme} nothing is cut off, and text stands out`, async (t) => {
    const { core, page } = await openPage(t, browser, { colorScheme, viewport: { width: 360, height: 740 } });
    const wide = await core.request('a very wide fox n:4 size:512x128', 'lobby');
    await core.complete(wide.id);
    await type(page, 'help');
    await shown(page, 'What you can type').waitFor();
    const running = await core.request('a tall fox size:128x512', 'lobby');
    core.start(running.id);
    core.step(running.id, 3);
    await shown(page, 'Sketching 3/10').waitFor();
    const tooWide = await page.evaluate(`
      [...document.querySelectorAll('.main *')]
        .filter((element) => element.getBoundingClientRect().right > 361 && !element.closest('.keys'))
        .map((element) => element.className)
    `);
    assert.deepEqual(tooWide, []);
    for (const selector of [
      '.turn-who time',
      '.chip',
      '.prompt',
      '.button',
      '.note-line',
      '.status-eta',
      '.connection',
    ]) {
      const ratio = await contrastOf(page, selector);
      assert.ok(ratio >= 4.5, `${selector} has contrast ${ratio.toFixed(2)}`);
    }
    await page.getByRole('button', { name: 'Show the list of rooms' }).click();
    await page.getByRole('link', { name: /studio/ }).click();
    await page.getByRole('heading', { name: 'What would you like to see?' }).waitFor();
    assert.equal(await page.locator('#room-title').textContent(), 'studio');
  });
}

test('dark and light can be chosen against the system, and the choice is kept', async (t) => {
  const { page } = await openPage(t, browser, { colorScheme: 'light' });
  const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
  const light = await background();
  await page.getByRole('button', { name: 'Switch between dark and light' }).click();
  const dark = await background();
  assert.notEqual(dark, light);
  await page.reload();
  assert.equal(await background(), dark);
  await page.locator('#connection[data-state=live]').waitFor();
  await page.getByRole('button', { name: 'Switch between dark and light' }).click();
  assert.equal(await background(), light);
});

test('off loopback the page asks for the token, and says when it is wrong', async (t) => {
  const { core, url } = await serveFake(t, { token: 'correct horse battery' });
  const context = await browser.newContext({ reducedMotion: 'reduce' });
  t.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(url);
  const form = page.getByRole('dialog', { name: 'Sign in' });
  await form.getByLabel('Token').fill('wrong');
  await form.getByLabel('Name').fill('ann');
  await button(page, 'Sign in').click();
  await form.getByRole('alert').getByText('The token is wrong.').waitFor();
  await form.getByLabel('Token').fill('correct horse battery');
  await button(page, 'Sign in').click();
  await page.locator('#connection[data-state=live]').waitFor();
  const link = (await page.locator('.note code').textContent()) ?? '';
  await ask(page, 'a fox');
  assert.deepEqual([core.commands[0]?.caller.user, core.commands[0]?.caller.moderator], ['ann', false]);
  assert.equal(await page.evaluate('document.cookie'), '');
  await page.reload();
  await page.locator('[data-job]').waitFor();

  // The session ends, in two tabs; signing in again in one of them is enough.
  const other = await context.newPage();
  await other.goto(url);
  await other.locator('#connection[data-state=live]').waitFor();
  await context.clearCookies();
  await other.evaluate(`dispatchEvent(new Event('online'))`);
  for (const one of [page, other]) await one.getByRole('dialog', { name: 'Sign in' }).waitFor();
  // The token that everybody has is no proof of who was here.
  await form.getByLabel('Token').fill('correct horse battery');
  await button(page, 'Sign in').click();
  await form.getByRole('alert').getByText('The name "ann" belongs to somebody.').waitFor();
  await form.getByLabel('Token').fill(link);
  assert.equal(await form.getByLabel('Name').isVisible(), false);
  await button(page, 'Sign in').click();
  for (const one of [page, other]) {
    await one.locator('#connection[data-state=live]').waitFor();
    await one.getByRole('dialog', { name: 'Sign in' }).waitFor({ state: 'detached' });
  }
  await core.request('an owl', 'lobby');
  for (const one of [page, other]) await shown(one, 'an owl').waitFor();
});
