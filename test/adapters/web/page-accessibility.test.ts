import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import * as z from 'zod';
import { launchBrowser, openPage } from './open-page.ts';
import { PAGE_STATES } from './page-states.ts';

const axeResults = z.object({
  violations: z.array(z.object({ id: z.string(), nodes: z.array(z.object({ html: z.string() })) })),
});

const WIDTHS = [1280, 390] as const;

let browser: Browser;
let axe: string;
before(async () => {
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
    await page.evaluate(`{
      const wanted = axe.getRules().filter(({ tags }) => !tags.some((tag) => tag === 'wcag2aaa' || tag === 'deprecated'));
      axe.run(document, { runOnly: wanted.map(({ ruleId }) => ruleId), resultTypes: ['violations'] });
    }`),
  );
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

for (const { name, server, open } of PAGE_STATES) {
  test(`axe-core finds nothing wrong with ${name}, dark and light, on a desk and on a phone`, async (t) => {
    const { page, core, context } = await openPage(t, browser, {
      ...(server ? { server: server(), waitFor: 'shown' } : {}),
    });
    await open({ page, core, context });
    const found: string[] = [];
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 844 });
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        for (const problem of await violationsIn(page)) found.push(`${width} ${colorScheme} ${problem}`);
      }
    }
    assert.deepEqual(found, []);
  });
}
