import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import * as z from 'zod';
import { speakPseudo } from '../../texts/pseudo.ts';
import { CUT_OFF, inPseudo, SHORTENED, UNTRANSLATED } from './in-pseudo.ts';
import { launchBrowser, openPage } from './open-page.ts';
import { PAGE_STATES } from './page-states.ts';

const axeResults = z.object({
  violations: z.array(z.object({ id: z.string(), nodes: z.array(z.object({ html: z.string() })) })),
});

/** Whatever is shown on a desk is shown on a phone as well, so each look is met on one of them. */
const LOOKS = [
  { width: 1280, colorScheme: 'light' },
  { width: 390, colorScheme: 'dark' },
] as const;

/** What would have to be scrolled to sideways. (The settings below the prompt are one row that is.) */
const TOO_WIDE = `[...document.querySelectorAll('body *')]
  .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest('.keys, .preview, .visually-hidden'))
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
  .map((one) => one.outerHTML.slice(0, 120))`;

let browser: Browser;
let axe: string;
before(async () => {
  speakPseudo('de');
  [browser, axe] = await Promise.all([
    launchBrowser(),
    readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'),
  ]);
});
after(() => browser.close());

/** What axe-core finds wrong by any of its rules, those still on trial included, as `rule: element`. */
async function violationsIn(page: Page): Promise<string[]> {
  await page.evaluate(`window.axe ?? (() => { ${axe} })()`);
  const { violations } = axeResults.parse(
    // Parts of the administration are drawn anew from time to time.
    await page.evaluate(`{
      ${SHORTENED};
      const wanted = axe.getRules().filter(({ tags }) => !tags.some((tag) => tag === 'wcag2aaa' || tag === 'deprecated'));
      axe.run(document, { runOnly: wanted.map(({ ruleId }) => ruleId), resultTypes: ['violations'] });
    }`),
  );
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

for (const { name, server, open } of PAGE_STATES) {
  // In a language whose words are longer than those of any real one.
  test(`axe-core finds nothing wrong with ${name}, light on a desk and dark on a phone, and long words fit`, async (t) => {
    const { page, core, context } = await openPage(t, browser, {
      locale: 'de-DE',
      ...(server ? { server: server(), waitFor: 'shown' } : {}),
    });
    await open({ page: inPseudo(page), core, context });
    const found: string[] = (await page.evaluate<string[]>(UNTRANSLATED)).map((text) => `in English: ${text}`);
    for (const { width } of LOOKS) {
      await page.setViewportSize({ width, height: 844 });
      for (const html of await page.evaluate<string[]>(CUT_OFF)) found.push(`${width} cut off: ${html}`);
    }
    for (const { width, colorScheme } of LOOKS) {
      await page.setViewportSize({ width, height: 844 });
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      for (const problem of await violationsIn(page)) found.push(`${width} ${colorScheme} ${problem}`);
    }
    assert.deepEqual(found, []);
    // A screen of 1280 × 800 enlarged to 200 and 400 %.
    for (const [width, height] of [
      [640, 400],
      [320, 256],
    ] as const) {
      await page.setViewportSize({ width, height });
      // What is laid out by script follows in the next frame.
      await page.evaluate('new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))');
      assert.deepEqual(await page.evaluate(TOO_WIDE), [], `at ${width} pixels`);
    }
  });
}

test('with less motion wanted nothing moves by itself, and the conversation jumps to its end', async (t) => {
  const { core, page } = await openPage(t, browser);
  const { id } = await core.request('a panda on a green background n:4', 'lobby');
  core.start(id);
  core.step(id, 3);
  await page.getByText('Sketching 3/10').first().waitFor();
  assert.equal(await page.evaluate(`document.getAnimations().length`), 0);
});

test('with the colours of the system what is chosen, done or focused can still be told', async (t) => {
  const { core, page } = await openPage(t, browser, { forcedColors: 'active' });
  const { id } = await core.request('a panda on a green background n:2', 'lobby');
  core.start(id);
  core.step(id, 3);
  await page.getByText('Sketching 3/10').first().waitFor();
  const style = (selector: string, property: string) =>
    page.evaluate(`getComputedStyle(document.querySelector('${selector}')).${property}`);
  assert.notEqual(await style('.bar-fill', 'backgroundColor'), await style('.bar', 'backgroundColor'));
  assert.equal(await style('.send', 'borderStyle'), 'solid');
  assert.equal(await style('.room-link[aria-current]', 'outlineStyle'), 'solid');
  await core.paint(id);
  await core.paint(id);
  core.finish(id);
  await page.locator('.picker').waitFor();
  assert.equal(await style('.picker label:has(:checked)', 'outlineStyle'), 'solid');
  assert.equal(await style('.picker label:not(:has(:checked))', 'outlineStyle'), 'none');
  await core.request('a cake', 'kitchen');
  await core.request('a cake', 'lobby');
  await page.getByRole('link', { name: 'Queue', exact: true }).click();
  await page.locator('.queue-filters').waitFor();
  assert.equal(await style('.queue-filters [aria-pressed=true]', 'outlineStyle'), 'solid');
  assert.equal(await style('.queue-filters [aria-pressed=false]', 'outlineStyle'), 'none');
  await page.getByRole('link', { name: 'Administration' }).click();
  await page.locator('.admin-rule').first().waitFor();
  assert.equal(await style('.admin-nav [aria-current]', 'outlineStyle'), 'solid');
});
