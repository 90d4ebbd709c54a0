import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { asciiSlug, slug } from '../../src/system/slug.ts';

test('file names keep letters and digits of every script', () => {
  const cases = [
    ['A red fox, in the snow!', 'a-red-fox-in-the-snow'],
    ['größer', 'größer'],
    ['赤い狐', '赤い狐'],
    ['рыжая лиса', 'рыжая-лиса'],
    ['ثعلب أحمر', 'ثعلب-أحمر'],
    ['लाल लोमड़ी', 'लाल-लोमड़ी'.normalize('NFC')],
    ['Ｆｕｌｌ ｗｉｄｔｈ', 'full-width'],
    ['cafe\u0301', 'café'],
    ['🦊🦊', 'picture'],
    ['../../etc/passwd', 'etc-passwd'],
    ['--rf .hidden', 'rf-hidden'],
    ['\u3164\u200d', 'picture'],
  ];
  for (const [prompt = '', name] of cases) assert.equal(slug(prompt), name);
});

test('names are safe on every file system, whatever the prompt', () => {
  const prompts = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.string({ unit: 'binary', maxLength: 300 }),
  );
  fc.assert(
    fc.property(prompts, (prompt) => {
      const name = slug(prompt);
      assert.match(name, /^[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}])?$/u);
      assert.ok(Buffer.byteLength(`${name}-18446744073709551615-99.jpg`) <= 143, name);
      assert.match(asciiSlug(prompt), /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/);
    }),
  );
  for (const filler of ['ぬ', '𠀀', 'नि', 'ﷺ']) assert.ok(Buffer.byteLength(slug(filler.repeat(300))) <= 96, filler);
});

test('services that take ASCII only get the letters without their marks', () => {
  assert.equal(asciiSlug('Größer als ein Café'), 'grosser-als-ein-cafe');
  assert.equal(asciiSlug('赤い狐'), 'picture');
});
