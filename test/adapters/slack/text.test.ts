import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { formView, readForm } from '../../../src/adapters/slack/interactions/form.ts';
import { typedText } from '../../../src/adapters/slack/interactions/typed-text.ts';
import { escapeText, fitText } from '../../../src/adapters/slack/messages/escape.ts';
import { DETAILS, messageOf } from '../../../src/adapters/slack/messages/render.ts';
import { withoutSecrets } from '../../../src/adapters/slack/web-api/logger.ts';
import { unitsOf } from '../../../src/bot/command/lexer.ts';
import { parseCommand } from '../../../src/bot/command/parse.ts';
import type { Job } from '../../../src/bot/job.ts';
import { jobReply } from '../../../src/bot/replies/job-reply.ts';
import type { Button, Reply } from '../../../src/bot/reply.ts';
import { DEFAULT_LIMITS } from '../../../src/bot/request-limits.ts';
import { EMPTY_REPLY, REQUEST } from '../fake-core.ts';
import { checkBlocks, checkText, checkView, type Rules } from './strict.ts';

/** A piece of a command as it is typed, as Slack sends it, and as the core should read it. */
interface Piece {
  readonly typed: string;
  readonly sent: string;
  readonly read: string;
}

const same = (text: string): Piece => ({ typed: text, sent: escapeText(text), read: text });

const word = fc.constantFrom(
  'fox',
  'red',
  'A4',
  'R&B',
  'x<y',
  'a>b',
  '&amp;',
  '10:30:45',
  'Zürich',
  '狐',
  '🦊',
  '100%',
  'a:b:c',
);
const setting = fc.constantFrom('seed:7', 'width:1024', 'style:aesthetic', 'ar:2:3', '--ar 2:3', 'steps:20');
const piece: fc.Arbitrary<Piece> = fc.oneof(
  { arbitrary: word.map(same), weight: 4 },
  setting.map(same),
  fc.constantFrom('fox_face', 'crescent_moon', 'flag-de').map((name) => ({
    typed: `:${name}:`,
    sent: `:${name}:`,
    read: name.replace(/[_-]/g, ' '),
  })),
  fc.constant({ typed: ':wave::skin-tone-3:', sent: ':wave::skin-tone-3:', read: 'wave' }),
  fc.constantFrom('@ann', '@U2').map((name) => ({ typed: name, sent: `<@U1|${name.slice(1)}>`, read: name })),
  fc.constant({ typed: '@bob', sent: '<@U0BOB>', read: '@bob' }),
  fc.constant({ typed: '#general', sent: '<#C1|general>', read: '#general' }),
  fc.constant({ typed: '@here', sent: '<!here>', read: '@here' }),
  fc.constant({ typed: '@team', sent: '<!subteam^S1|@team>', read: '@team' }),
  fc.constantFrom('https://a.example/x?a=1&b=2', 'http://b.example').map((url) => ({
    typed: url,
    sent: `<${escapeText(url)}>`,
    read: url,
  })),
  fc.constant({ typed: 'wuerst.art', sent: '<http://wuerst.art|wuerst.art>', read: 'wuerst.art' }),
  fc.constant({ typed: 'a@b.example', sent: '<mailto:a@b.example|a@b.example>', read: 'a@b.example' }),
  // As keyboards make them; the grammar knows them.
  fc.constantFrom('no:“red & blue”', '—seed 7', 'it’s', '—said', '__colour__', 'snake_case_name').map(same),
  fc
    .constantFrom('*', '_', '~', '`', '```')
    .chain((mark) =>
      fc
        .constantFrom('a red fox', 'seed:7', 'no:“a & b”', '10:30')
        .map((inner) => ({ typed: inner, sent: `${mark}${escapeText(inner)}${mark}`, read: inner })),
    ),
  fc.constant({ typed: 'both', sent: '*_both_*', read: 'both' }),
);

test('what is typed comes out as typed, whatever Slack makes of it on the way', () => {
  const names = new Map([['U0BOB', 'bob']]);
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 12 }), fc.boolean(), (pieces, mentioned) => {
      const sent = `${mentioned ? '<@U0BOT> ' : ''}${pieces.map((p) => p.sent).join(' ')}`;
      const read = typedText(sent, { self: 'U0BOT', nameOf: (id) => names.get(id) });
      assert.equal(read, pieces.map((p) => p.read).join(' '));
    }),
    { numRuns: 500 },
  );
});

test('plain text survives the way there and back', () => {
  const text = fc.string({ unit: fc.constantFrom(...'abc &<>;:!?%#@|*_~`"\'-{}[]()/\\é狐') }).map((s) => s.trim());
  fc.assert(
    fc.property(text, (typed) => {
      // Neither emoji nor marks.
      fc.pre(!/:[a-z0-9]|[*_~`].*[*_~`]|^>/m.test(typed));
      assert.equal(typedText(escapeText(typed)), typed);
    }),
    { numRuns: 500 },
  );
});

test('marks are undone, and only where Slack would see them', () => {
  for (const [sent, read] of [
    ['*a red fox* seed:7', 'a red fox seed:7'],
    ['a _very *red*_ fox', 'a very red fox'],
    ['`width:512` a fox', 'width:512 a fox'],
    ['```\na fox\nwidth:512\n```', 'a fox\nwidth:512'],
    ['&gt; a fox\n&gt; in snow', 'a fox\nin snow'],
    ['a *<https://x.org/a_b_c|x>* fox', 'a x fox'],
    ['<https://x.org/_a_/*b*>', 'https://x.org/_a_/*b*'],
    ['a __colour__ fox, *.txt and 2 * 3 * 4', 'a __colour__ fox, *.txt and 2 * 3 * 4'],
    ['`*stars* in code`', '*stars* in code'],
    ['_decoder_steps:5_ fox', 'decoder_steps:5 fox'],
    ['x &gt; y', 'x > y'],
  ]) {
    assert.equal(typedText(sent ?? ''), read);
  }
});

test('a command typed in Slack is the same request as typed anywhere else', () => {
  const settings = fc.uniqueArray(fc.constantFrom('seed:7', 'n:2', 'style:base', 'width:1024', '--no "text & blur"'), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(settings, (keys) => {
      const typed = ['a red fox & "two" hens', ...keys].join(' ');
      const sent = escapeText(typed)
        .replace(/"([^"]*)"/g, '“$1”')
        .replace(/--(?=[a-z])/g, '—');
      const options = { limits: DEFAULT_LIMITS, randomSeed: () => 1n };
      assert.deepEqual(parseCommand(typedText(sent), options), parseCommand(typed, options));
      const curly = `a fox —said he, it’s “so” ${keys.join(' ').replace(/--/g, '—')}`;
      assert.deepEqual(parseCommand(typedText(escapeText(curly)), options), parseCommand(curly, options));
    }),
    { numRuns: 50 },
  );
});

const strings = fc.oneof(
  fc.string({ maxLength: 80 }),
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.constantFrom(
    '<!channel> <@U1> <#C1>',
    '&'.repeat(4000),
    '<'.repeat(3000),
    '🦊'.repeat(3000),
    '"\\'.repeat(3000),
    '',
    ' ',
  ),
  fc.constant('```\n<!everyone>```'),
);
const button: fc.Arbitrary<Button> = fc.record(
  {
    action: fc.string({ minLength: 1, maxLength: 64 }),
    label: strings,
    style: fc.constantFrom('primary', 'secondary', 'danger'),
    confirm: strings,
    disabled: fc.boolean(),
  },
  { requiredKeys: ['action', 'label', 'style'] },
);
const reply: fc.Arbitrary<Reply> = fc.record({
  tone: fc.constantFrom('normal', 'error'),
  title: strings,
  lines: fc.array(strings, { maxLength: 12 }),
  fields: fc.array(fc.record({ name: strings, value: strings }), { maxLength: 30 }),
  progress: fc.option(fc.record({ fraction: fc.double({ min: -1, max: 2, noNaN: true }), label: strings })),
  eta: fc.option(fc.record({ from: fc.nat(), to: fc.nat() })),
  preview: fc.constant(null),
  images: fc.array(
    fc.record({
      id: fc.string({ minLength: 1, maxLength: 12 }),
      fileName: fc.constant('a.png'),
      width: fc.constant(1),
      height: fc.constant(1),
      alt: strings,
      spoiler: fc.boolean(),
    }),
    { maxLength: 10 },
  ),
  buttons: fc.array(fc.uniqueArray(button, { selector: ({ action }) => action, maxLength: 5 }), { maxLength: 5 }),
  code: fc.option(strings),
  ephemeral: fc.boolean(),
});

test('any reply is a message that Slack accepts, in which no prompt pings, links or formats', () => {
  fc.assert(
    fc.property(reply, fc.constantFrom(...DETAILS), (shown, detail) => {
      const broken: string[] = [];
      const rules: Rules = { fileReady: () => true, violation: (what) => broken.push(what) };
      const files = { images: new Map(shown.images.map(({ id }) => [id, 'F00000002'])), preview: 'F00000001' };
      const message = messageOf(shown, files, 'a note', detail);
      checkText(message.text, 4000, rules);
      checkBlocks(message.blocks, 'message', rules);
      assert.deepEqual(broken, []);
      const pictures = message.blocks.filter(({ type }) => type === 'image').length;
      assert.ok(detail === 'text' || pictures === shown.images.length + 1, `${pictures} pictures`);
    }),
    { numRuns: 300 },
  );
});

test('ten pictures are shown however much stands beside them', () => {
  const long = '"<&\\'.repeat(2000);
  const heavy: Button = { action: 'a'.repeat(64), label: long, style: 'danger', confirm: long };
  const shown: Reply = {
    ...EMPTY_REPLY,
    title: long,
    lines: [long],
    fields: Array.from({ length: 25 }, () => ({ name: long, value: long })),
    images: Array.from({ length: 10 }, (_, k) => ({
      ...{ id: `i${k}`, fileName: 'a.png', width: 1, height: 1, alt: long, spoiler: false },
    })),
    buttons: Array.from({ length: 5 }, () =>
      Array.from({ length: 5 }, (_, k) => ({ ...heavy, action: `${heavy.action.slice(2)}${k}` })),
    ),
    code: long,
  };
  const files = { images: new Map(shown.images.map(({ id }) => [id, 'F00000002'])), preview: null };
  const { blocks } = messageOf(shown, files, long);
  assert.equal(blocks.filter(({ type }) => type === 'image').length, 10);
  checkBlocks(blocks, 'message', { fileReady: () => true, violation: assert.fail });
});

test('a job of ten pictures shows all of them, its notes, and a way to the buttons of each', () => {
  const images = Array.from({ length: 10 }, (_, index) => ({
    ...{
      id: `image${index}0000000`,
      index,
      seed: BigInt(index),
      width: 1024,
      height: 1024,
      hash: 'ab',
      deleted: false,
    },
  }));
  const job: Job = {
    ...{ id: 'job0000001', state: 'done', derivation: null, images, error: null, notes: ['a note for everybody'] },
    ...{
      createdAt: 0,
      startedAt: 0,
      finishedAt: 0,
      request: { ...REQUEST, prompt: 'a "red" fox & '.repeat(60), n: 10 },
    },
    caller: {
      ...{ surface: 'slack', user: 'T1:U1', name: 'Ann', room: 'T1:C1', guild: 'T1', payer: 'slack:team:T1' },
      ...{ moderator: false, ageRestricted: false },
    },
  };
  const shown = jobReply(job, { place: null, step: null, limits: DEFAULT_LIMITS });
  const { blocks } = messageOf(shown, { images: new Map(images.map(({ id }) => [id, 'F000000001'])), preview: null });
  const text = JSON.stringify(blocks);
  assert.equal(blocks.filter(({ type }) => type === 'image').length, 10);
  assert.match(text, /a note for everybody/);
  for (const action of [`reroll:${job.id}`, `delete:${job.id}`, ...images.map(({ id }) => `show:${id}`)]) {
    assert.ok(text.includes(`"value":"${action}"`), action);
  }
});

test('a form is one that Slack accepts, whatever it is prefilled with', () => {
  const rules: Rules = { fileReady: () => false, violation: assert.fail };
  fc.assert(
    fc.property(strings, strings, strings, fc.integer({ min: -1, max: 9000 }), (title, label, value, maxLength) => {
      const about = { action: 'remix:i1', channel: 'C1', thread: null };
      checkView(formView({ title, label, value, maxLength }, about), 'modal', rules);
    }),
    { numRuns: 200 },
  );
});

test('a prompt of any characters comes back from a form whole', () => {
  const { maxPromptLength } = DEFAULT_LIMITS;
  const prompt = fc
    .array(fc.constantFrom('fox', '🦊', '🦊🦊🦊', '赤い狐', ' ', 'a b ', '\n', 'x'.repeat(400)), { maxLength: 900 })
    .map((pieces) =>
      [...`a${pieces.join('')}`]
        .slice(0, maxPromptLength - 1)
        .join('')
        .concat('z'),
    );
  const about = { action: 'remix:i1', channel: 'C1', thread: null };
  fc.assert(
    fc.property(fc.oneof(prompt, fc.constant('🦊'.repeat(maxPromptLength))), (value) => {
      const view = formView({ title: 'Remix', label: 'Prompt', value, maxLength: unitsOf(maxPromptLength) }, about);
      const { blocks, private_metadata } = z
        .object({ blocks: z.array(block), private_metadata: z.string() })
        .parse(view);
      const values = Object.fromEntries(
        blocks.map(({ block_id, element: { action_id, initial_value } }) => [
          block_id,
          // Slack trims what is sent.
          { [action_id]: { value: initial_value?.trim() ?? null } },
        ]),
      );
      assert.equal(readForm({ private_metadata, state: { values } })?.text, value);
    }),
    { numRuns: 100 },
  );
});

const block = z.object({
  block_id: z.string(),
  element: z.object({ action_id: z.string(), initial_value: z.string().optional() }),
});

test('cut text keeps its limit and stays whole at its end', () => {
  fc.assert(
    fc.property(strings, fc.integer({ min: 3, max: 300 }), (text, max) => {
      assert.ok(fitText(text, max).length <= max);
      assert.ok(Buffer.byteLength(fitText(text, max, 'bytes')) <= max);
      assert.ok(!/&(?!amp;|lt;|gt;)/.test(fitText(text, max)));
    }),
    { numRuns: 300 },
  );
});

test('tokens and addresses that are as good as tokens never reach a log', () => {
  for (const secret of [
    'xoxb-123-456-abcDEF',
    'xapp-1-A0-123-fedc',
    'xoxe.xoxb-1-Mi0yLTEy',
    'https://hooks.slack.com/commands/T1/123/secret',
    'wss://wss-primary.slack.com/link/?ticket=secret&app_id=1',
    'https://files.slack.com/upload/v1/secret',
  ]) {
    const line = withoutSecrets(`failed: ${secret} (again)`);
    assert.ok(!/secret|456|fedc|Mi0y/.test(line), line);
  }
});
