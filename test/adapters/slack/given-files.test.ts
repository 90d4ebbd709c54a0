import assert from 'node:assert/strict';
import { test } from 'node:test';
import { directMessage, mention, messageShortcut, openForm, submit } from './payloads.ts';
import { type Setting, setting } from './setting.ts';

/** A file of a message, as Slack describes it. */
function sent(s: Setting, name: string, content: string, mimetype = 'image/png') {
  const path = `/files-pri/T1-F1/${name}`;
  s.standIn.sent.set(path, Buffer.from(content));
  return { id: 'F1', name, mimetype, size: content.length, url_private: new URL(path, s.standIn.apiUrl).href };
}

const called = (s: Setting) => s.pass(() => s.core.calls.length > 0);

test('pictures in a mention are fetched with the bot’s token, and the command starts from them', async (t) => {
  const s = await setting(t);
  const files = [
    sent(s, 'photo.png', 'a photo'),
    sent(s, 'mask.png', 'a mask'),
    sent(s, 'a.pdf', 'x', 'application/pdf'),
  ];
  await mention(s.standIn, { channel: s.channel, text: '<@U0BOT> a panda', extra: { files } });
  await called(s);
  assert.deepEqual(
    s.core.given.map((bytes) => Buffer.from(bytes).toString()),
    ['a photo', 'a mask'],
  );
  assert.deepEqual(s.core.calls[0]?.options.pictures, { pictures: ['1'.repeat(64)], mask: '2'.repeat(64) });
});

test('a picture sent without words is enough', async (t) => {
  const s = await setting(t);
  const channel = s.standIn.channel({ id: 'D1' }).id;
  const extra = { subtype: 'file_share', files: [sent(s, 'photo.png', 'a photo')] };
  await directMessage(s.standIn, { channel, text: '', extra });
  await called(s);
  assert.equal(s.core.calls[0]?.text, '');
  assert.equal(s.core.given.length, 1);
});

for (const [what, fileOf] of [
  ['a file on another server', (s: Setting) => ({ ...sent(s, 'a.png', 'x'), url_private: 'http://127.0.0.1:9/a.png' })],
  ['a damaged picture', (s: Setting) => sent(s, 'a.png', 'damaged')],
  [
    'a file that is gone',
    (s: Setting) => ({ ...sent(s, 'a.png', 'x'), url_private: new URL('/gone', s.standIn.apiUrl).href }),
  ],
] as const) {
  test(`${what} is answered with a sentence, and nothing is painted`, async (t) => {
    const s = await setting(t);
    await mention(s.standIn, { channel: s.channel, text: 'a panda', extra: { files: [fileOf(s)] } });
    await s.pass(() => s.standIn.visible(s.channel).length > 0);
    assert.deepEqual(s.core.calls, []);
  });
}

test('the shortcut on a message with a picture opens a form that needs no words', async (t) => {
  const s = await setting(t);
  const message = { ts: '1700000000.000100', text: '', files: [sent(s, 'photo.png', 'a photo')] };
  await messageShortcut(s.standIn, message, { channel: s.channel });
  await s.pass(() => s.standIn.views.size === 1);
  await submit(s.standIn, openForm(s.standIn), 'a panda');
  await called(s);
  assert.equal(s.core.calls[0]?.text, 'a panda');
  assert.deepEqual(s.core.calls[0]?.options.pictures?.pictures, ['1'.repeat(64)]);
});
