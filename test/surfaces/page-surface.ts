import type { Browser, Locator } from 'playwright-core';
import type { RunningBot } from '../../src/main.ts';
import { launchBrowser, type } from '../adapters/web/open-page.ts';
import { jobOf, type Shown, type Surface } from './surface.ts';

const LABELS: Readonly<Record<string, string>> = {
  ...{ reroll: 'Reroll', 'vary-subtle': 'Vary subtle', 'vary-strong': 'Vary strong', larger: 'Larger 1.5×' },
  ...{ remix: 'Remix', start: 'Use as start', info: 'Info', 'save-preset': 'Save as preset' },
};

/** The chat in a browser. */
export async function pageSurface(bot: RunningBot): Promise<Surface> {
  const browser: Browser = await launchBrowser();
  const page = await browser.newPage({ reducedMotion: 'reduce' });
  page.setDefaultTimeout(60_000);
  await page.goto(`${bot.url}#page`);
  await page.locator('#connection[data-state=live]').waitFor();

  const turnOf = ({ job }: Shown) => page.locator(`[data-job="${job.id}"]`);
  /** What the browser would save. */
  const fileIn = async (turn: Locator) => {
    const picture = turn.locator('.picture img').first();
    await picture.waitFor();
    const source = (await picture.getAttribute('src'))?.replace(/\?.*/, '') ?? '';
    const answer = await page.request.get(new URL(source, bot.url ?? '').href);
    return answer.body();
  };
  const shown = async (act: () => Promise<unknown>): Promise<Shown> => {
    const job = await jobOf(bot, 'web', act);
    return { job, file: await fileIn(page.locator(`[data-job="${job.id}"][data-state=done]`)) };
  };
  const send = async (text: string, picture?: Buffer) => {
    if (picture !== undefined) {
      const file = { name: 'photo.png', mimeType: 'image/png', buffer: picture };
      await page.setInputFiles('#picture-files', [file]);
      await page.locator('.given-list li').waitFor();
    }
    await type(page, text);
  };
  const press = async (before: Shown, verb: string, text?: string) => {
    const label = LABELS[verb] ?? verb;
    await turnOf(before).getByRole('button', { name: label, exact: true }).first().click();
    if (text === undefined) return;
    const form = page.getByRole('dialog', { name: label });
    await form.getByRole('textbox').fill(text);
    await form.getByRole('button', { name: label, exact: true }).click();
  };
  const noted = async (note: Locator): Promise<string> => {
    await note.waitFor();
    return (await note.innerText()).trim();
  };
  return {
    name: 'the page',
    paint: (text, picture) => shown(() => send(text, picture)),
    async say(text) {
      const count = await page.locator('.turn:not([data-job])').count();
      await send(text);
      return noted(page.locator('.turn:not([data-job])').nth(count).locator('.note'));
    },
    press: (before, verb, text) => shown(() => press(before, verb, text)),
    async ask(before, verb, text) {
      const aside = turnOf(before).locator('.aside');
      // What was answered before, in whose place the answer comes.
      for (const one of await aside.getByRole('button', { name: 'Dismiss' }).all()) await one.click();
      await press(before, verb, text);
      return noted(aside.locator('.note'));
    },
    async again(before) {
      await send(`show ${before.job.id}`);
      return fileIn(turnOf(before));
    },
    async offers(setting, typed) {
      // At once: a part of it would be offered something else.
      await page.fill('#prompt', `a panda ${setting}:${typed}`);
      await page.locator('#completion [role=option]').first().waitFor();
      const labels = await page.locator('#completion [role=option] .label').allInnerTexts();
      await page.fill('#prompt', '');
      return labels;
    },
    close: () => browser.close(),
  };
}
