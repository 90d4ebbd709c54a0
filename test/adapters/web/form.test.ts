import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import sharp from 'sharp';
import { FormTurns } from '../../../src/adapters/web/server/form-turns.ts';
import { SharedPictures } from '../../../src/adapters/web/server/shared-pictures.ts';
import { WebAccounts } from '../../../src/bot/history/web-accounts.ts';
import { PERSON_BOUNDS } from '../../../src/bot/person-bounds.ts';
import { PICTURE_BOUNDS } from '../../../src/bot/picture-bounds.ts';
import { appOverFake, serveFake } from './serve-fake.ts';

type Files = readonly (readonly [name: string, content: string | Uint8Array<ArrayBuffer>])[];

function form(fields: Readonly<Record<string, string>>, files: Files): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  for (const [name, content] of files) data.append(name, new Blob([content]), 'photo.png');
  return data;
}

async function scene(t: Parameters<typeof serveFake>[0]) {
  const { core, url } = await serveFake(t);
  const send = async (body: FormData) => {
    const answer = await fetch(`${url}api/rooms/r/commands`, { method: 'POST', body });
    return { status: answer.status, json: (await answer.json()) as { error?: { code: string } } };
  };
  return { core, send };
}

test('a command may come as a form, with pictures to start from and a mask', async (t) => {
  const { core, send } = await scene(t);
  const { status } = await send(
    form({ text: '/wuerst a panda strength:0.4', user: 'ann' }, [
      ['image', 'first'],
      ['mask', Uint8Array.of(1, 2, 3)],
    ]),
  );
  assert.equal(status, 202);
  assert.deepEqual(
    core.given.map((bytes) => Buffer.from(bytes).toString('latin1')),
    ['first', '\u0001\u0002\u0003'],
  );
  const [command] = core.commands;
  assert.equal(command?.text, 'a panda strength:0.4');
  assert.equal(command?.caller.user, 'ann');
  assert.deepEqual(command?.options.pictures, { pictures: ['1'.repeat(64)], mask: '2'.repeat(64) });
});

test('a form without pictures is a plain command', async (t) => {
  const { core, send } = await scene(t);
  assert.equal((await send(form({ text: 'a panda', user: 'ann' }, []))).status, 202);
  assert.equal(core.commands[0]?.options.pictures, undefined);
});

test('forms with other parts, too many pictures or a mask alone are refused, and so is a picture that is damaged', async (t) => {
  const { core, send } = await scene(t);
  const refused = async (body: FormData) => {
    const { status, json } = await send(body);
    assert.ok(status >= 400 && status < 500);
    return json.error?.code;
  };
  const picture = ['image', 'a'] as const;
  assert.equal(await refused(form({ text: 'a', address: 'http://127.0.0.1/' }, [])), 'body_invalid');
  assert.equal(await refused(form({ text: 'a' }, [['file', 'a']])), 'body_invalid');
  assert.equal(await refused(form({ text: 'a' }, [picture, picture, picture, picture])), 'body_invalid');
  assert.equal(await refused(form({ text: 'a' }, [['mask', 'a']])), 'body_invalid');
  assert.equal(await refused(form({ text: 'a', user: 'ann' }, [['image', 'damaged']])), 'picture_damaged');
  const large = new Uint8Array(PICTURE_BOUNDS.allBytes + 2 ** 20);
  assert.equal(await refused(form({ text: 'a' }, [['image', large]])), 'body_too_large');
  assert.deepEqual(core.commands, []);
});

test('what only calls itself a form is refused', async (t) => {
  const { url } = await serveFake(t);
  const answer = await fetch(`${url}api/rooms/r/commands`, {
    method: 'POST',
    headers: { 'Content-Type': 'multipart/form-data; boundary=x' },
    body: 'text=a panda',
  });
  assert.equal(answer.status, 400);
  assert.equal(((await answer.json()) as { error: { code: string } }).error.code, 'body_not_form');
});

test('of ten thousand forms of one person a few wait, the others are refused, and nobody else waits for them', async () => {
  const turns = new FormTurns(4);
  let reading = 0;
  let most = 0;
  const free = new AbortController();
  const slow = async () => {
    reading += 1;
    most = Math.max(most, reading);
    if (!free.signal.aborted) await once(free.signal, 'abort');
    reading -= 1;
    return 'read';
  };
  const outcomes = Array.from({ length: 10_000 }, () =>
    turns.take('name eve', slow).catch((error: { code: string }) => error.code),
  );
  assert.equal(await turns.take('name ann', async () => 'read'), 'read');
  free.abort();
  const ended = await Promise.all(outcomes);
  assert.equal(ended.filter((what) => what === 'read').length, PERSON_BOUNDS.forms);
  assert.equal(ended.filter((what) => what === 'too_many_forms').length, 10_000 - PERSON_BOUNDS.forms);
  assert.equal(most, 1);
  assert.equal(await turns.take('name eve', async () => 'read'), 'read');
});

/** As a phone's system sends what was shared: from no page, with the origin `null`. */
const FROM_THE_SYSTEM = { origin: 'null', 'sec-fetch-site': 'none' };

function shareForm(pictures: readonly Uint8Array[], texts: Readonly<Record<string, string>> = {}): FormData {
  const form = new FormData();
  for (const [name, text] of Object.entries(texts)) form.append(name, text);
  for (const picture of pictures) form.append('pictures', new Blob([Uint8Array.from(picture)]), 'photo.jpg');
  return form;
}

test('what a phone shares is taken from its system alone, and given back to the same person, once it is asked for', async (t) => {
  const accounts = WebAccounts.inMemory();
  const { app } = await appOverFake(t, { token: 'correct horse battery', accounts });
  const tokens = ['ann', 'bob'].map((name) => {
    accounts.claim(name, { admin: false });
    return { authorization: `Bearer ${accounts.addToken(name, 'test')}` };
  });
  const [ann = {}, bob = {}] = tokens;
  const share = (headers: Record<string, string>, pictures: readonly Uint8Array[], texts = {}) =>
    app.request('/share', { method: 'POST', headers, body: shareForm(pictures, texts) });
  const jpeg = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
    .jpeg()
    .toBuffer();
  const answer = await share({ ...ann, ...FROM_THE_SYSTEM }, [jpeg, Buffer.from('<script>')], { text: 'a panda' });
  assert.equal(answer.status, 303);
  const { searchParams } = new URL(answer.headers.get('location') ?? '', 'http://localhost');
  assert.equal(searchParams.get('text'), 'a panda');
  const path = `/api/shared/${searchParams.get('shared')}`;
  assert.deepEqual(await (await app.request(path, { headers: ann })).json(), { pictures: 2 });
  const first = await app.request(`${path}/0`, { headers: ann });
  assert.equal(first.headers.get('content-type'), 'image/jpeg');
  assert.deepEqual(Buffer.from(await first.arrayBuffer()), jpeg);
  const second = await app.request(`${path}/1`, { headers: ann });
  assert.equal(second.headers.get('content-type'), 'application/octet-stream', 'never as a page');
  assert.deepEqual(await (await app.request(path, { headers: bob })).json(), { pictures: 0 });
  for (const place of ['2', '-1', 'x'])
    assert.equal((await app.request(`${path}/${place}`, { headers: ann })).status, 404);

  const taken = async (pictures: readonly Uint8Array[], texts = {}) => {
    const { headers } = await share({ ...ann, ...FROM_THE_SYSTEM }, pictures, texts);
    return new URL(headers.get('location') ?? '', 'http://localhost').searchParams;
  };
  const large = Buffer.concat([jpeg, new Uint8Array(20 * 2 ** 20)]);
  assert.equal((await taken([large])).get('shared'), 'refused', 'not without a word');
  assert.equal((await taken([large, jpeg])).get('left'), '1');
  assert.equal((await taken([jpeg, jpeg, jpeg, jpeg])).get('left'), '1');
  const page = { url: 'https://example.org/', title: 'A page' };
  assert.deepEqual(Object.fromEntries(await taken([], page)), { url: page.url, title: page.title });
  // A browser sends an empty file where none was shared.
  assert.deepEqual(Object.fromEntries(await taken([new Uint8Array()], page)), { url: page.url, title: page.title });
  const long = '絵🎨'.repeat(20_000);
  const begun = (await taken([], { text: long })).get('text') ?? '';
  assert.ok(begun.length > 300 && encodeURIComponent(begun).length <= 4000, 'an address holds it');
  const heic = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1');
  const photo = `/api/shared/${(await taken([heic])).get('shared')}/0`;
  assert.deepEqual(Buffer.from(await (await app.request(photo, { headers: ann })).arrayBuffer()), heic);

  for (const headers of [
    { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    { origin: 'null', 'sec-fetch-site': 'cross-site' },
    { origin: 'null' },
    { 'sec-fetch-site': 'same-site' },
  ]) {
    assert.equal((await share({ ...ann, ...headers }, [jpeg])).status, 403, JSON.stringify(headers));
  }
  // Who has not signed in yet is asked to by the page, and gets it then.
  const { headers } = await share(FROM_THE_SYSTEM, [jpeg], { text: 'a panda' });
  const early = new URL(headers.get('location') ?? '', 'http://localhost').searchParams;
  assert.equal(early.get('text'), 'a panda');
  const kept = `/api/shared/${early.get('shared')}`;
  assert.equal((await app.request(`${kept}/0`)).status, 401);
  for (const [who, pictures] of [[ann, 1] as const, [bob, 0] as const, [ann, 1] as const])
    assert.deepEqual(await (await app.request(kept, { headers: who })).json(), { pictures });
  // The page says so: people would see nothing but the answer.
  const broken = { method: 'POST', headers: { ...ann, ...FROM_THE_SYSTEM }, body: 'no form' };
  assert.equal((await app.request('/share', broken)).headers.get('location'), '/?shared=refused');
  const rebound = { ...ann, ...FROM_THE_SYSTEM, host: 'evil.example' };
  assert.equal((await share(rebound, [jpeg])).status, 403);
});

test('of what is shared the newest of each person is kept, within one bound for all', () => {
  const shared = new SharedPictures(160 * 2 ** 20);
  const picture = new Uint8Array(20 * 2 ** 20);
  const ids = Array.from({ length: 12 }, (_, k) => shared.put(`name ${k}`, [picture]));
  const kept = ids.filter((id, k) => shared.get(`name ${k}`, id).length === 1);
  assert.deepEqual(kept, ids.slice(-8));
  const again = shared.put('name 11', [picture, picture]);
  assert.deepEqual([shared.get('name 11', ids[11] ?? '').length, shared.get('name 11', again).length], [0, 2]);
  shared.close();
  assert.equal(shared.get('name 11', again).length, 0);
});
