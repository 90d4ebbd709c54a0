import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unzipSync } from 'fflate';
import * as z from 'zod';
import { answerOf } from './answer.ts';
import { appOverFake } from './serve-fake.ts';

const page = z.object({
  total: z.number(),
  withheld: z.number(),
  pictures: z.array(z.looseObject({ id: z.string(), title: z.string(), liked: z.boolean(), url: z.string() })),
});

async function filled(t: Parameters<typeof appOverFake>[0], options: Parameters<typeof appOverFake>[1] = {}) {
  const opened = await appOverFake(t, options);
  const { app, core } = opened;
  for (const prompt of ['a panda n:2 seed:5', 'a penguin', 'forbidden']) {
    const { id } = await core.request(prompt, 'kitchen');
    await core.complete(id);
  }
  const search = async (query: string) => page.parse(await (await app.request(`/api/gallery?${query}`)).json());
  const post = (path: string, body: object, headers: Record<string, string> = {}) =>
    app.request(path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    });
  const titles = async (query: string) => (await search(query)).pictures.map(({ title }) => title);
  return { ...opened, search, titles, post };
}

test('a room’s pictures come page by page, and nothing of those that are withheld', async (t) => {
  const { search, titles, core } = await filled(t);
  const all = await search('room=kitchen&user=bob');
  assert.deepEqual([all.total, all.withheld], [4, 1]);
  assert.ok(!JSON.stringify(all).includes('forbidden'));
  assert.deepEqual(await titles('room=kitchen&user=bob&offset=2&limit=1'), ['a panda']);
  assert.deepEqual(await titles('room=kitchen&user=bob&q=peng'), ['a penguin']);
  assert.deepEqual(await titles('user=ann'), ['a penguin', 'a panda', 'a panda']);
  assert.deepEqual(await titles('user=bob'), []);
  assert.deepEqual(core.gallery.queries.at(-1), { text: '', liked: false, offset: 0, limit: 100 });
});

test('what is asked for wrongly is explained', async (t) => {
  const { app } = await filled(t);
  for (const [query, status] of [
    ['room=no/room&user=ann', 400],
    ['limit=201&user=ann', 400],
    ['offset=-1&user=ann', 400],
    ['room=kitchen', 400],
  ] as const) {
    assert.equal((await app.request(`/api/gallery?${query}`)).status, status, query);
  }
  assert.equal((await app.request('/api/pictures/unknown?user=ann')).status, 404);
  assert.equal((await app.request('/api/zips/unknown')).status, 404);
});

test('a picture tells its parameters, its family and what can be done with it', async (t) => {
  const { app, core, search } = await filled(t);
  const [, second, first] = (await search('user=ann')).pictures;
  const { job } = await answerOf(
    app.request('/api/actions', {
      method: 'POST',
      body: JSON.stringify({ action: `vary-subtle:${first?.id}`, user: 'ann' }),
      headers: { 'content-type': 'application/json' },
    }),
  );
  await core.complete(job.id);
  const told = z
    .looseObject({
      command: z.string(),
      fields: z.array(z.object({ name: z.string(), value: z.string() })),
      siblings: z.array(z.looseObject({ id: z.string() })),
      children: z.array(z.looseObject({ id: z.string() })),
      buttons: z.array(z.looseObject({ action: z.string() })),
    })
    .parse(await (await app.request(`/api/pictures/${first?.id}?user=ann`)).json());
  assert.match(told.command, /^\/wuerst a panda/);
  assert.ok(told.fields.some(({ name }) => name === 'Seed'));
  assert.deepEqual([told.siblings.map(({ id }) => id), told.children.length], [[second?.id], 2]);
  assert.ok(told.buttons.every(({ action }) => action.endsWith(`:${first?.id}`)));
  const forbidden = core
    .jobs({ surface: 'web', room: 'kitchen', limit: 9 })
    .find(({ request }) => request.prompt === 'forbidden');
  assert.equal((await app.request(`/api/pictures/${forbidden?.images[0]?.id}?user=ann`)).status, 404);
});

test('chosen pictures come as one zip file that other programs open, with what they were made of', async (t) => {
  const { app, search, post } = await filled(t);
  const { pictures } = await search('user=ann');
  const ids = [...pictures.map(({ id }) => id), pictures[0]?.id, 'unknown'];
  const { url } = z.object({ url: z.string() }).parse(await (await post('/api/zips', { ids, user: 'ann' })).json());
  const answer = await app.request(url);
  assert.equal(answer.headers.get('content-type'), 'application/zip');
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const files = unzipSync(bytes);
  assert.equal(Object.keys(files).length, pictures.length + 1);
  const metadata = JSON.parse(new TextDecoder().decode(files['metadata.json']));
  assert.deepEqual(metadata.missing, ['unknown']);
  for (const { file, command, request } of metadata.pictures) {
    assert.deepEqual([...(files[file] ?? []).slice(1, 4)], [...Buffer.from('PNG')], file);
    assert.match(command, new RegExp(`seed:${request.seed}`));
  }
});

test('a zip file is for whoever chose its pictures', async (t) => {
  const { app, core, post } = await filled(t, { token: 'correct-horse-battery' });
  const bearer = { authorization: 'Bearer correct-horse-battery' };
  const [job] = core.jobs({ surface: 'web', room: 'kitchen', limit: 1 });
  const made = await post('/api/zips', { ids: [job?.images[0]?.id], user: 'bob' }, bearer);
  const { url } = z.object({ url: z.string() }).parse(await made.json());
  const bob = { authorization: `Bearer ${made.headers.get('wuerst-personal-token')}` };
  assert.equal((await app.request(url)).status, 401);
  assert.equal((await app.request(url, { headers: bob })).status, 404, 'asked for before the name was proven');
  const again = await post('/api/zips', { ids: [job?.images[0]?.id] }, bob);
  const own = z.object({ url: z.string() }).parse(await again.json());
  assert.equal((await app.request(own.url, { headers: bearer })).status, 404);
  assert.equal((await app.request(own.url, { headers: bob })).status, 200);
});

test('the page’s files travel compressed to whoever can read that', async (t) => {
  const { app } = await appOverFake(t);
  const sent = async (accepted: string) => {
    const answer = await app.request('/page/main.js', { headers: { 'accept-encoding': accepted } });
    assert.equal(answer.headers.get('vary'), 'Accept-Encoding');
    return answer.headers.get('content-encoding');
  };
  assert.equal(await sent('gzip, deflate, br'), 'gzip');
  assert.equal(await sent('gzip;q=0.5'), 'gzip');
  assert.equal(await sent('gzip;q=0'), null);
  assert.equal(await sent('br'), null);
});
