import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import sharp from 'sharp';
import { inviteUrl, missingPermissions } from '../../../src/adapters/discord/commands/permissions.ts';
import { formView } from '../../../src/adapters/discord/interactions/form.ts';
import { composeReply } from '../../../src/adapters/discord/messages/compose.ts';
import { escapeText } from '../../../src/adapters/discord/messages/escape.ts';
import { prepareFiles, REQUEST_LIMIT } from '../../../src/adapters/discord/messages/files.ts';
import { renderReply } from '../../../src/adapters/discord/messages/render.ts';
import { unitsOf } from '../../../src/bot/command/lexer.ts';
import type { Button, Reply } from '../../../src/bot/reply.ts';
import { DEFAULT_LIMITS } from '../../../src/bot/request-limits.ts';
import { EMPTY_REPLY, FakeCore } from '../fake-core.ts';
import { checkAttachments, checkMessage, type Upload } from './strict.ts';

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 3000 }),
  fc.constantFrom('```'.repeat(500), '@everyone '.repeat(400), '*'.repeat(5000), '😀'.repeat(3000), '\u202e[x](y)', ''),
);
const anyButton: fc.Arbitrary<Button> = fc.record(
  {
    action: fc.string({ minLength: 1, maxLength: 64 }),
    label: anyText,
    style: fc.constantFrom('primary', 'secondary', 'danger'),
    disabled: fc.boolean(),
    confirm: anyText,
  },
  { requiredKeys: ['action', 'label', 'style'] },
);
const anyReply: fc.Arbitrary<Reply> = fc.record({
  tone: fc.constantFrom('normal', 'error'),
  title: anyText,
  lines: fc.array(anyText, { maxLength: 12 }),
  fields: fc.array(fc.record({ name: anyText, value: anyText }), { maxLength: 40 }),
  progress: fc.option(fc.record({ fraction: fc.double({ min: -1, max: 2, noNaN: true }), label: anyText })),
  eta: fc.option(fc.record({ from: fc.nat(), to: fc.nat() })),
  preview: fc.constantFrom(null, new Uint8Array([0xff, 0xd8])),
  images: fc.array(
    fc.record({
      id: fc.constantFrom('a', 'b'),
      fileName: fc.constantFrom('fox-1.png', 'fox-2.png'),
      width: fc.constant(1),
      height: fc.constant(1),
      alt: anyText,
      spoiler: fc.boolean(),
    }),
    { maxLength: 3 },
  ),
  buttons: fc.array(fc.array(anyButton, { maxLength: 7 }), { maxLength: 8 }),
  code: fc.option(anyText),
  ephemeral: fc.boolean(),
});

test('whatever a reply holds, its message keeps every limit of Discord', async () => {
  const core = new FakeCore();
  await fc.assert(
    fc.asyncProperty(anyReply, async (reply) => {
      const { body, files } = await composeReply(reply, { core, now: 1000, id: 'ab12', limit: 1e7 });
      const uploads = (files ?? []).map(
        (file, index): Upload => ({ index, name: file.name, bytes: file.data as Buffer }),
      );
      checkMessage({ ...body, allowed_mentions: { parse: [] } }, uploads);
      checkAttachments(body.attachments, uploads, [], 1e7);
    }),
    { numRuns: 150 },
  );
});

test('escaped text shows every character as it is and never exceeds its limit', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), fc.integer({ min: 1, max: 400 }), (text, limit) => {
      const escaped = escapeText(text, limit);
      assert.ok(escaped.length <= limit);
      assert.ok(!/(^|[^\\])(\\\\)*[*_~`|<>#[\]():@-]/.test(escaped), escaped);
      assert.ok(!/(^|[^\\])(\\\\)*\\$/.test(escaped), 'ends in an open escape');
    }),
    { numRuns: 300 },
  );
  const hostile = '@everyone <@1> **b** `c` ||s|| [l](http://x) # h\n> q\n- i\n1. one <t:1:R> :smile: \u202eevil\u0000';
  assert.equal(
    escapeText(hostile, 500),
    '\\@everyone \\<\\@1\\> \\*\\*b\\*\\* \\`c\\` \\|\\|s\\|\\| \\[l\\]\\(http\\://x\\) \\# h\n\\> q\n\\- i\n1\\. one \\<t\\:1\\:R\\> \\:smile\\:  evil ',
  );
});

test('code cannot end its own block, and long code becomes a file', () => {
  const render = (code: string) => renderReply({ ...EMPTY_REPLY, title: 't', code }, { now: 0 });
  const description = render('a ```\n@everyone').embeds[0]?.description ?? '';
  assert.equal(description.split('```').length, 3);
  const long = render('x'.repeat(3000));
  assert.deepEqual(
    long.files.map(({ name, data }) => [name, data.length]),
    [['command.txt', 3000]],
  );
});

test('times are relative timestamps, which tick without an edit', () => {
  const description = (from: number, to: number) =>
    renderReply({ ...EMPTY_REPLY, eta: { from, to } }, { now: 100_000 }).embeds[0]?.description;
  assert.equal(description(160_000, 220_000), 'Ready between <t:160:R> and <t:220:R>');
  assert.equal(description(90_000, 220_000), 'Ready <t:220:R>');
  assert.equal(description(50_000, 90_000), 'Ready any moment now');
});

test('buttons beyond five rows go into a menu', () => {
  const row = (n: number): Button[] =>
    [0, 1, 2, 3, 4].map((k) => ({ action: `reroll:${n}${k}`, label: `${n}${k}`, style: 'secondary' }));
  const { components } = renderReply({ ...EMPTY_REPLY, buttons: [0, 1, 2, 3, 4, 5, 6].map(row) }, { now: 0, id: 'ab' });
  assert.equal(components.length, 5);
  const [menu] = components[4]?.components ?? [];
  assert.ok(menu && 'options' in menu && menu.options?.length === 15);
});

async function noise(side: number): Promise<string> {
  const raw = Buffer.alloc(side * side * 3);
  for (let i = 0, state = 1; i < raw.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    raw[i] = state >>> 24;
  }
  const path = join(mkdtempSync(join(tmpdir(), 'noise-')), 'noise.png');
  writeFileSync(
    path,
    await sharp(raw, { raw: { width: side, height: side, channels: 3 } })
      .png()
      .toBuffer(),
  );
  return path;
}

test('pictures too large for the limit become WebP, then JPEG', async () => {
  const path = await noise(256);
  const at = async (limit: number) => (await prepareFiles([{ name: 'fox.png', path }], limit))[0];
  const png = await at(1e6);
  assert.deepEqual([png?.name, png?.data.subarray(1, 4).toString()], ['fox.png', 'PNG']);
  for (const [limit, format] of [
    [150_000, 'webp'],
    [(await sharp(path).webp({ quality: 90 }).toBuffer()).length - 1, 'jpeg'],
  ] as const) {
    const file = await at(limit);
    assert.ok(file && file.data.length <= limit);
    assert.equal((await sharp(file.data).metadata()).format, format);
    assert.match(file.name, format === 'webp' ? /^fox\.webp$/ : /^fox\.jpg$/);
  }
  await assert.rejects(at(100), { code: 'file_too_large' });
});

test('ten large pictures fit into one request together', async () => {
  const path = await noise(1000);
  const pictures = Array.from({ length: 12 }, (_, k) => ({ name: `fox-${k}.png`, path }));
  const files = await prepareFiles(pictures, 10 * 1024 * 1024);
  assert.equal(files.length, 10);
  assert.ok(files.reduce((sum, { data }) => sum + data.length, 0) <= REQUEST_LIMIT);
});

test('the invitation asks for exactly the scopes and permissions that are needed', () => {
  const url = new URL(inviteUrl('123'));
  assert.equal(url.searchParams.get('scope'), 'bot applications.commands');
  const permissions = url.searchParams.get('permissions') ?? '';
  assert.equal(
    permissions,
    ((1n << 10n) | (1n << 11n) | (1n << 38n) | (1n << 14n) | (1n << 15n) | (1n << 16n)).toString(),
  );
  assert.deepEqual(missingPermissions(permissions, ['Attach Files', 'Read Message History']), []);
  assert.deepEqual(missingPermissions('0', ['Attach Files']), ['Attach Files']);
  assert.deepEqual(missingPermissions('8', ['Attach Files']), []);
});

test('a form takes a prompt of the longest length whatever its characters are', () => {
  const prompt = '🦊'.repeat(DEFAULT_LIMITS.maxPromptLength);
  const maxLength = unitsOf(DEFAULT_LIMITS.maxPromptLength);
  const view = formView('remix:i1', { title: 'Remix', label: 'Prompt', value: prompt, maxLength });
  assert.ok(JSON.stringify(view).includes(`"max_length":4000,"required":true,"value":"${prompt}"`));
});
