import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../src/system/errors.ts';
import { EMPTY_REPLY, REQUEST } from '../fake-core.ts';
import { sendAutocomplete, sendClick, sendCommand, sendContextMenu, sendModal, sendSelect } from './payloads.ts';
import { type Setting, setting } from './setting.ts';

/** A finished picture's message. */
async function finished(s: Setting) {
  sendCommand(s.standIn, 'wuerst', { prompt: 'a red fox' }, { channel: s.channel });
  await s.standIn.until(() => s.core.messages.size === 1);
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  return s.shown();
}

function responses(s: Setting, interaction: { readonly token: string }) {
  return s.standIn.interactions.get(interaction.token)?.responses ?? [];
}

/** The request of the newest job. */
function newest(s: Setting) {
  return [...s.core.jobsById.values()].at(-1)?.request;
}

test('native options become settings of the request', async (t) => {
  const s = await setting(t);
  const options = {
    prompt: 'a red fox',
    width: 640,
    height: 512,
    images: 3,
    style: 'aesthetic',
    negative: 'text, blur',
    seed: '18446744073709551615',
    steps: 20,
    'decoder-steps': 10,
    guidance: 4.5,
    'decoder-guidance': 1,
    spoiler: true,
  };
  sendCommand(s.standIn, 'wuerst', options, { channel: s.channel });
  await s.standIn.until(() => s.core.calls.length === 1);
  const [call] = s.core.calls;
  assert.equal(call?.text, 'a red fox');
  assert.deepEqual(newest(s), {
    prompt: 'a red fox',
    width: 640,
    height: 512,
    n: 3,
    style: 'aesthetic',
    negative: 'text, blur',
    seed: 18446744073709551615n,
    steps: 20,
    decoderSteps: 10,
    guidance: 4.5,
    decoderGuidance: 1,
    spoiler: true,
  });
  for (const [name, value, width, height] of [
    ['size', '1024x1536', 1024, 1536],
    ['ar', '2:3', 768, 1152],
  ] as const) {
    sendCommand(s.standIn, 'wuerst', { prompt: name, [name]: value }, { channel: s.channel });
    await s.standIn.until(() => s.core.calls.at(-1)?.text === name);
    assert.deepEqual(newest(s), { ...REQUEST, prompt: name, width, height });
  }
});

test('options at and beyond their limits are answered with a sentence, never dropped', async (t) => {
  const s = await setting(t);
  const ask = async (options: Record<string, string | number>) => {
    const seen = s.standIn.visible(s.channel).length;
    sendCommand(s.standIn, 'wuerst', { prompt: 'x', ...options }, { channel: s.channel });
    await s.standIn.until(() => s.standIn.visible(s.channel).length > seen);
  };
  for (const options of [
    ...[{ seed: '1 2' }, { seed: '-2' }, { seed: '18446744073709551616' }, { ar: '2 to 3' }, { size: "1024'" }],
    ...[
      { width: 63 },
      { width: 4097 },
      { images: 11 },
      { steps: 0 },
      { guidance: 21 },
      { size: '512x512', width: 512 },
    ],
  ]) {
    await ask(options);
  }
  assert.equal(s.core.jobsById.size, 0);
  assert.ok(s.standIn.visible(s.channel).every((message) => message.ephemeral));
  await ask({ prompt: 'p'.repeat(6000) });
  assert.equal(s.core.calls.at(-1)?.text.length, 6000);
});

test('the other commands are the subcommands of the core', async (t) => {
  const s = await setting(t);
  s.core.onCommand = () => ({ kind: 'reply', reply: { ...EMPTY_REPLY, title: 'ok', ephemeral: true } });
  const commands: [string, Record<string, string>, string][] = [
    ['wuerst-history', {}, 'history'],
    ['wuerst-show', { id: 'ab12' }, 'show ab12'],
    ['wuerst-queue', {}, 'queue'],
    ['wuerst-cancel', {}, 'cancel'],
    ['wuerst-cancel', { id: 'ab12' }, 'cancel ab12'],
    ['wuerst-settings', {}, 'settings'],
    ['wuerst-settings', { setting: 'nsfw', value: 'off' }, 'settings nsfw off'],
    ['wuerst-help', {}, 'help'],
  ];
  for (const [name, options] of commands) sendCommand(s.standIn, name, options, { channel: s.channel });
  await s.standIn.until(() => s.standIn.visible(s.channel).length === commands.length);
  assert.deepEqual(
    s.core.calls.map(({ text }) => text),
    commands.map(([, , text]) => text),
  );
  assert.ok(s.standIn.visible(s.channel).every((message) => message.ephemeral));
});

test('managing messages makes a moderator for buttons and cancelling, not for settings', async (t) => {
  const s = await setting(t);
  const message = await finished(s);
  const from = { channel: s.channel, permissions: 1n << 13n, user: '300000000000000009' };
  sendCommand(s.standIn, 'wuerst-settings', { setting: 'nsfw', value: 'off' }, from);
  sendCommand(s.standIn, 'wuerst-cancel', { id: 'ab12' }, from);
  sendClick(s.standIn, `delete:${s.job()}`, message, from);
  await s.standIn.until(() => s.core.calls.length === 3 && s.core.acts.length === 1);
  assert.deepEqual(
    [s.core.calls[1], s.core.calls[2], s.core.acts[0]].map((call) => call?.caller.moderator),
    [false, true, true],
  );
});

test('a button makes a new job in a message of its own, and works after a restart', async (t) => {
  const s = await setting(t);
  const message = await finished(s);
  const first = s.job();
  await s.restart();
  sendClick(s.standIn, `reroll:${first}`, message, { channel: s.channel, user: '300000000000000009' });
  await s.standIn.until(() => s.standIn.visible(s.channel).length === 2 && s.core.messages.size === 2);
  assert.deepEqual([s.core.acts[0]?.action, s.core.acts[0]?.caller.user], [`reroll:${first}`, '300000000000000009']);
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  assert.equal(s.standIn.visible(s.channel)[1]?.attachments.length, 1);
});

test('Remix opens a form with the prompt, and its text goes to the core', async (t) => {
  const s = await setting(t);
  const message = await finished(s);
  const ask = { title: 'Remix', label: 'Prompt', value: 'p'.repeat(5000), maxLength: 6000 };
  s.core.onButton = (action) => ({ action, label: 'Remix', style: 'secondary', ask });
  const click = sendClick(s.standIn, 'ask:remix:i00001', message, { channel: s.channel });
  await s.standIn.until(() => responses(s, click).length === 1);
  const modal = JSON.stringify(responses(s, click)[0]);
  assert.match(modal, /"custom_id":"remix:i00001"/);
  assert.ok(modal.includes('p'.repeat(4000)));
  sendModal(s.standIn, 'remix:i00001', 'a blue fox', { channel: s.channel });
  await s.standIn.until(() => s.core.acts.length === 1 && s.core.messages.size === 2);
  assert.deepEqual([s.core.acts[0]?.action, s.core.acts[0]?.text], ['remix:i00001', 'a blue fox']);
});

test('a button that asks first asks one person only, and acts on the second click', async (t) => {
  const s = await setting(t);
  const message = await finished(s);
  s.core.onAct = async () => ({ kind: 'reply', reply: { ...EMPTY_REPLY, title: 'Deleted', ephemeral: true } });
  s.core.onButton = (action) => ({ action, label: 'Delete', style: 'danger', confirm: 'Delete this picture?' });
  sendClick(s.standIn, `ask:delete:${s.job()}`, message, { channel: s.channel });
  await s.standIn.until(() => s.standIn.visible(s.channel).length === 2);
  const question = s.standIn.visible(s.channel)[1];
  assert.ok(question?.ephemeral);
  assert.equal(question.embeds[0]?.title, 'Delete this picture?');
  assert.equal(s.core.acts.length, 0);
  const click = sendClick(s.standIn, `delete:${s.job()}`, question, { channel: s.channel });
  await s.standIn.until(() => responses(s, click).length === 1);
  assert.equal(responses(s, click)[0]?.type, 7);
  assert.equal(s.core.acts[0]?.action, `delete:${s.job()}`);
});

test('what is chosen in the menu of further buttons is done', async (t) => {
  const s = await setting(t);
  const message = await finished(s);
  sendSelect(s.standIn, 'more:j00001', 'vary-subtle:i00001', message, { channel: s.channel });
  await s.standIn.until(() => s.core.acts.length === 1);
  assert.equal(s.core.acts[0]?.action, 'vary-subtle:i00001');
});

test('the context menu shows the parameters of a picture, and says so where there is none', async (t) => {
  const s = await setting(t);
  const message = await finished(s);
  s.core.onAct = async () => ({ kind: 'reply', reply: { ...EMPTY_REPLY, title: 'Info', ephemeral: true } });
  sendContextMenu(s.standIn, message, { channel: s.channel });
  await s.standIn.until(() => s.standIn.visible(s.channel).length === 2);
  assert.match(s.core.acts[0]?.action ?? '', /^info:/);
  const answer = s.standIn.visible(s.channel)[1];
  assert.ok(answer?.ephemeral);
  sendContextMenu(s.standIn, answer, { channel: s.channel });
  await s.standIn.until(() => s.standIn.visible(s.channel).length === 3);
  assert.match(s.standIn.visible(s.channel)[2]?.embeds[0]?.title ?? '', /no finished picture/);
});

test('completion offers recent prompts, a long one under its id, and what the model knows', async (t) => {
  const s = await setting(t);
  const long = 'fox '.repeat(50).trim();
  s.core.prompts.push({ id: 'p1', prompt: 'a red fox' }, { id: 'p2', prompt: long });
  const offered = async (option: string, typed: string) => {
    const interaction = sendAutocomplete(s.standIn, option, typed, { channel: s.channel });
    await s.standIn.until(() => responses(s, interaction).length === 1);
    const data = responses(s, interaction)[0]?.data as { choices: { name: string; value: string | number }[] };
    return data.choices.map(({ value }) => value);
  };
  assert.deepEqual(await offered('prompt', 'fox'), ['a red fox', '↺p2']);
  assert.deepEqual(await offered('style', 'b'), ['base']);
  assert.deepEqual(await offered('size', '1024'), ['1024x1024', '1024x768']);
  assert.deepEqual(await offered('ar', '2:'), ['2:3']);
  assert.deepEqual(await offered('width', ''), [512, 768, 1024, 1280, 1536]);
  assert.deepEqual(await offered('negative', ''), []);

  sendCommand(s.standIn, 'wuerst', { prompt: '↺p2' }, { channel: s.channel });
  await s.standIn.until(() => s.core.calls.length === 1);
  assert.equal(s.core.calls[0]?.text, long);
  sendCommand(s.standIn, 'wuerst', { prompt: '↺gone' }, { channel: s.channel });
  await s.standIn.until(() => s.standIn.visible(s.channel).length === 2);
  assert.equal(s.core.calls.length, 1);
});

test('the same event after a RESUME is done once, and events of the outage arrive', async (t) => {
  const s = await setting(t);
  sendCommand(s.standIn, 'wuerst', { prompt: 'one' }, { channel: s.channel });
  await s.standIn.until(() => s.core.messages.size === 1);
  s.standIn.gateway.repeatOnResume = 5;
  s.standIn.gateway.down = true;
  s.standIn.gateway.disconnect();
  await s.standIn.until(() => [...s.standIn.gateway.sessions.values()].every(({ socket }) => socket === null));
  sendCommand(s.standIn, 'wuerst', { prompt: 'two' }, { channel: s.channel });
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.size === 1);
  s.standIn.gateway.down = false;
  await s.standIn.until(() => s.core.calls.length === 2);
  await s.standIn.until(() => s.core.messages.size === 2);
  assert.deepEqual(
    s.core.calls.map(({ text }) => text),
    ['one', 'two'],
  );
  const said = (what: string) => s.log.filter((line) => line.includes(what)).length;
  assert.deepEqual([said('connection is lost'), said('connected again')], [1, 1]);
});

test('a click on what does not exist any more is a sentence for the one who clicked', async (t) => {
  const s = await setting(t);
  const message = await finished(s);
  s.core.onAct = async () => {
    throw new UserError('image_unknown', 'That picture is gone.', { hint: 'Make a new one.' });
  };
  message.deleted = true;
  sendClick(s.standIn, 'reroll:nothing', message, { channel: s.channel });
  sendClick(s.standIn, '💥', message, { channel: s.channel });
  await s.standIn.until(() => s.standIn.visible(s.channel).length === 2);
  assert.ok(s.standIn.visible(s.channel).every((m) => m.ephemeral && m.embeds[0]?.title === 'That picture is gone.'));
});
