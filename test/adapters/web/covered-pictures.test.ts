import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWebApp } from '../../../src/adapters/web/server/app.ts';
import { caller } from '../../bot/history/history-fixture.ts';
import { JudgingPainter } from '../../bot/jobs/judging-painter.ts';
import { imageOf, openStudio } from '../../bot/studio/studio-fixture.ts';
import { optionsFrom, SILENT } from './serve-fake.ts';

const SHARED = 'the-token-that-everybody-has';
const ADMIN = 'the-token-that-admins-have';

test('the web chat shows the version that the rules allow, under an address of its own', async (t) => {
  const { studio, make, say } = await openStudio(t, { painter: new JudgingPainter() });
  const { app, close } = createWebApp(studio, { ...optionsFrom({ token: SHARED, adminToken: ADMIN }), logger: SILENT });
  t.after(close);
  const get = async (path: string, token = SHARED) => {
    const response = await app.request(path, { headers: { authorization: `Bearer ${token}` } });
    const content = Buffer.from(await response.arrayBuffer());
    return { status: response.status, cache: response.headers.get('cache-control') ?? '', content };
  };
  const json = async (path: string, token?: string) => JSON.parse(String((await get(path, token)).content));
  const isShown = ({ content }: { readonly content: Buffer }) => content.includes('explicit fox');
  const mo = caller({ user: 'mo', moderator: true });
  await say('settings nsfw-pictures:spoiler', mo);
  const job = await make('an explicit fox');
  const id = imageOf(job);

  const [covered] = (await json(`/api/jobs/${job.id}?user=ann`)).images;
  assert.deepEqual([covered.url, covered.spoiler], [`/images/${id}-covered.png`, true]);
  assert.ok(isShown(await get(covered.url)), 'one click uncovers it');

  await say('settings nsfw-pictures:blur', mo);
  const [blurred] = (await json(`/api/jobs/${job.id}?user=ann`)).images;
  assert.equal(blurred.url, `/images/${id}-blurred.png`);
  for (const path of [blurred.url, `/images/${id}.png`, `/images/${id}-covered.png`]) {
    const answer = await get(`${path}?user=ann`);
    assert.deepEqual([answer.status, isShown(answer)], [200, false], path);
  }
  assert.equal((await get(`/images/${id}.png`)).cache, 'no-store');
  assert.match((await get(blurred.url)).cache, /immutable/);
  assert.equal((await get(`/images/${id}-original.png?user=ann`)).status, 404);
  assert.ok(isShown(await get(`/images/${id}-original.png`, ADMIN)));
  const [listed] = (await json('/api/gallery?room=lobby&user=ann')).pictures;
  assert.equal(listed.url, blurred.url);
  const seenBy = async (token: string) => {
    const { url, spoiler, buttons } = await json(`/api/pictures/${id}?user=ann`, token);
    return { url, spoiler, decides: buttons.some(({ action }: { action: string }) => action === `uncover:${id}`) };
  };
  assert.deepEqual(await seenBy(SHARED), { url: blurred.url, spoiler: false, decides: false });
  assert.deepEqual(await seenBy(ADMIN), { url: `/images/${id}-original.png`, spoiler: true, decides: true });

  await say('settings nsfw-pictures:block', mo);
  assert.deepEqual((await json(`/api/jobs/${job.id}?user=ann`)).images, []);
  const { pictures, withheld } = await json('/api/gallery?room=lobby&user=ann');
  assert.deepEqual([pictures, withheld], [[], 1]);
  assert.equal((await get(`/images/${id}-blurred.png?user=ann`)).status, 404);
  await studio.act(`uncover:${id}`, mo);
  const [shown] = (await json(`/api/jobs/${job.id}?user=ann`)).images;
  assert.deepEqual([shown.url, isShown(await get(shown.url))], [`/images/${id}.png`, true]);
});
