import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { FormTurns } from '../../../src/adapters/web/server/form-turns.ts';
import { PERSON_BOUNDS } from '../../../src/bot/person-bounds.ts';
import { PICTURE_BOUNDS } from '../../../src/bot/picture-bounds.ts';
import { serveFake } from './serve-fake.ts';

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
  const turns = new FormTurns();
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
