import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PICTURE_BOUNDS } from '../../../src/bot/picture-bounds.ts';
import { sendAttachments } from './payloads.ts';
import { type Setting, setting } from './setting.ts';

/** An attachment that Discord keeps. */
function attached(s: Setting, path: string, content: string) {
  s.standIn.files.set(path, Buffer.from(content));
  return { url: new URL(path, s.standIn.apiBase).href, size: content.length };
}

test('attached pictures are taken from Discord, and the command starts from them', async (t) => {
  const s = await setting(t);
  const image = attached(s, '/attachments/1/photo.png', 'a photo');
  const mask = attached(s, '/attachments/1/mask.png', 'a mask');
  sendAttachments(s.standIn, { prompt: 'a panda', strength: 0.5 }, { image, mask }, { channel: s.channel });
  await s.standIn.until(() => s.core.calls.length === 1);
  assert.deepEqual(
    s.core.given.map((bytes) => Buffer.from(bytes).toString()),
    ['a photo', 'a mask'],
  );
  const [call] = s.core.calls;
  assert.deepEqual(call?.options.pictures, { pictures: ['1'.repeat(64)], mask: '2'.repeat(64) });
  assert.equal(call?.options.options?.strength, 0.5);
});

test('without words, a picture is enough', async (t) => {
  const s = await setting(t);
  const [image, second] = [attached(s, '/a/1.png', 'first'), attached(s, '/a/2.png', 'second')];
  sendAttachments(s.standIn, {}, { image, 'image-2': second }, { channel: s.channel });
  await s.standIn.until(() => s.core.calls.length === 1);
  assert.equal(s.core.calls[0]?.text, '');
  assert.deepEqual(s.core.calls[0]?.options.pictures?.pictures, ['1'.repeat(64), '2'.repeat(64)]);
});

for (const [what, of] of [
  ['another server', (s: Setting) => ({ image: { ...attached(s, '/a/1.png', 'x'), url: 'http://127.0.0.1:9/x.png' } })],
  [
    'a file that is too large',
    (s: Setting) => ({ image: { ...attached(s, '/a/1.png', 'x'), size: PICTURE_BOUNDS.bytes + 1 } }),
  ],
  ['a damaged picture', (s: Setting) => ({ image: attached(s, '/a/1.png', 'damaged') })],
  ['a mask alone', (s: Setting) => ({ mask: attached(s, '/a/1.png', 'x') })],
  [
    'a file that is gone',
    (s: Setting) => ({ image: { url: new URL('/a/gone.png', s.standIn.apiBase).href, size: 1 } }),
  ],
] as const) {
  test(`${what} is answered with a sentence, and nothing is painted`, async (t) => {
    const s = await setting(t);
    const { token } = sendAttachments(s.standIn, { prompt: 'a panda' }, of(s), { channel: s.channel });
    await s.standIn.until(() => (s.standIn.interactions.get(token)?.responses.length ?? 0) > 0);
    assert.deepEqual(s.core.calls, []);
  });
}
