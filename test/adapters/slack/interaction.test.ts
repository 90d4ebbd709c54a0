import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../src/system/errors.ts';
import { EMPTY_REPLY, REQUEST } from '../fake-core.ts';
import {
  buttonOf,
  click,
  clickBody,
  directMessage,
  mention,
  messageShortcut,
  openForm,
  sendCommand,
  sendEvent,
  submit,
} from './payloads.ts';
import { type Setting, setting } from './setting.ts';
import { ANN, BOSS, BOT, TEAM } from './stand-in.ts';
import { isRecord } from './strict.ts';

/** A finished picture's message. */
async function finished(s: Setting) {
  await sendCommand(s.standIn, 'a red fox', { channel: s.channel });
  await s.standIn.until(() => s.standIn.visible(s.channel).length === 1);
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  return s.shown();
}

const CALLER = {
  user: `${TEAM}:${ANN}`,
  name: 'Ann',
  room: 'home',
  guild: null,
  payer: 'ann',
  moderator: false,
  ageRestricted: false,
};

const bad = new UserError('width_out_of_range', 'width:9 is too small', { hint: 'Try width:512' });

test('the caller is who Slack vouches for, the workspace pays, and its admins are moderators', async (t) => {
  const { standIn, core, channel } = await setting(t);
  standIn.people.set('U0GUEST', { name: 'Guest', admin: true, team: 'T0OTHER' });
  const dm = standIn.dm(BOSS).id;
  for (const user of [ANN, BOSS]) await sendCommand(standIn, 'a fox', { channel, user });
  await sendCommand(standIn, 'a fox', { channel, user: 'U0GUEST', team: 'T0OTHER' });
  await sendCommand(standIn, 'a fox', { channel: dm, user: BOSS });
  assert.deepEqual(
    core.calls.map(({ caller }) => [caller.user, caller.name, caller.room, caller.guild, caller.moderator]),
    [
      [`${TEAM}:${ANN}`, 'Ann', `${TEAM}:${channel}`, TEAM, false],
      [`${TEAM}:${BOSS}`, 'Boss', `${TEAM}:${channel}`, TEAM, true],
      [`${TEAM}:U0GUEST`, 'Guest', `${TEAM}:${channel}`, TEAM, false],
      [`${TEAM}:${BOSS}`, 'Boss', `${TEAM}:${dm}`, null, true],
    ],
  );
  assert.ok(core.calls.every(({ caller }) => caller.payer === `slack:team:${TEAM}`));
});

test('subcommands reach the core as typed, and an empty command asks for help', async (t) => {
  const { standIn, core, channel, whispered } = await setting(t);
  core.onCommand = (text) => ({ kind: 'reply', reply: { ...EMPTY_REPLY, title: `about ${text}`, ephemeral: true } });
  const texts = ['help', 'history', 'show ab12', 'queue', 'cancel', 'settings n 4', ''];
  for (const text of texts) await sendCommand(standIn, text, { channel });
  assert.deepEqual(
    core.calls.map(({ text }) => text),
    [...texts.slice(0, -1), 'help'],
  );
  assert.deepEqual(
    whispered().map(({ text, only }) => [text, only]),
    [...texts.slice(0, -1), 'help'].map((text) => [`about ${text}`, ANN]),
  );
});

test('an error is shown to one person only, with its corrected example, also where the core is slow', async (t) => {
  const { standIn, core, channel, whispered, pass } = await setting(t);
  let decide: () => void = () => undefined;
  core.onCommand = async (text) => {
    if (text === 'slow') await new Promise<void>((resolve) => (decide = resolve));
    throw bad;
  };
  await sendCommand(standIn, 'quick', { channel });
  assert.match(whispered()[0]?.text ?? '', /width:9 is too small\nTry width:512/);

  let acked = false;
  void sendCommand(standIn, 'slow', { channel }).then(() => {
    acked = true;
  });
  await standIn.until(() => core.calls.length === 2);
  await pass(() => acked, 50);
  assert.equal(whispered().length, 1);
  decide();
  await standIn.until(() => whispered().length === 2);
  assert.equal(whispered()[1]?.text, whispered()[0]?.text);
  assert.deepEqual(standIn.violations, []);
});

test('a reply with pictures shows them, from the file that their own message shows', async (t) => {
  const s = await setting(t);
  const message = await finished(s);
  const image = s.core.job(s.job())?.images[0]?.id ?? '';
  const shown = { id: image, fileName: 'a-red-fox-0.png', width: 1, height: 1, alt: 'a red fox', spoiler: false };
  const other = { ...shown, id: 'iother', fileName: 'other.png' };
  s.core.onCommand = () => ({ kind: 'reply', reply: { ...EMPTY_REPLY, title: 'Here', images: [shown, other] } });
  await sendCommand(s.standIn, 'show x', { channel: s.channel });
  await s.pass(() => s.standIn.visible(s.channel).length === 2);
  const reply = s.standIn.visible(s.channel)[1];
  assert.equal(reply?.only, null);
  const files = reply ? s.standIn.shownFiles(reply).map(({ id }) => id) : [];
  assert.equal(files.length, 2);
  assert.equal(files[0], s.standIn.shownFiles(message)[0]?.id);
});

test('a job that is shown again comes here with the same files; what Slack repeats shows nothing twice', async (t) => {
  const s = await setting(t);
  const message = await finished(s);
  const job = s.core.job(s.job());
  assert.ok(job);
  const other = s.standIn.channel().id;
  s.core.onCommand = () => ({ kind: 'job', job, repeated: true });
  await sendCommand(s.standIn, `show ${job.id}`, { channel: other, deliveries: 2 });
  await s.pass(() => s.standIn.visible(other).some((m) => s.standIn.shownFiles(m).length === 1));
  assert.equal(s.standIn.visible(other).length, 1);
  assert.equal(s.standIn.files.size, 1);
  assert.deepEqual(
    s.standIn.shownFiles(message),
    s.standIn.visible(other).flatMap((m) => s.standIn.shownFiles(m)),
  );

  // What changes an older job, as cancelling does, changes its message and makes none.
  s.core.onAct = async () => ({ kind: 'job', job, repeated: false });
  await click(s.standIn, `reroll:${job.id}`, message);
  await s.standIn.until(() => s.core.acts.length === 1);
  await s.pass(() => s.core.delivered.has(job.id));
  assert.equal(s.standIn.visible().length, 2);
});

test('a job of another platform is looked at, and keeps its own message', async (t) => {
  const s = await setting(t);
  const outcome = s.core.accept(REQUEST, { ...CALLER, surface: 'web' });
  assert.ok(outcome.kind === 'job');
  s.core.saveMessage(outcome.job.id, { of: 'the web' });
  s.core.finish(outcome.job.id);
  const job = s.core.job(outcome.job.id);
  assert.ok(job);
  s.core.onCommand = () => ({ kind: 'job', job, repeated: true });
  await sendCommand(s.standIn, `show ${job.id}`, { channel: s.channel });
  await s.pass(() => s.standIn.visible(s.channel).length === 1);
  const [file] = s.standIn.shownFiles(s.shown());
  assert.deepEqual(s.core.message(job.id), { of: 'the web' });
  s.core.deleteImage(job.id, 0);
  await s.standIn.until(() => file?.deleted === true);
});

test('text too long for any message comes as a file, by direct message', async (t) => {
  const s = await setting(t);
  const code = JSON.stringify({ everything: '<x>'.repeat(5000) });
  s.core.onCommand = () => ({ kind: 'reply', reply: { ...EMPTY_REPLY, title: 'Everything', code, ephemeral: true } });
  await sendCommand(s.standIn, 'export', { channel: s.channel });
  await s.standIn.until(() => s.whispered().length === 1);
  const [message] = s.standIn.visible(s.standIn.dm(ANN).id);
  assert.equal(message && s.standIn.shownFiles(message)[0]?.bytes?.toString(), code);
  assert.match(s.whispered()[0]?.text ?? '', /as a file/);
});

test('a mention in a thread is answered in that thread, without the mention in the prompt', async (t) => {
  const s = await setting(t);
  const thread = '1700000000.000100';
  await mention(s.standIn, { text: `<@${BOT}> a red fox &amp; <@${BOSS}>`, channel: s.channel, thread });
  await s.standIn.until(() => s.standIn.visible(s.channel).length === 1);
  assert.equal(s.core.calls[0]?.text, 'a red fox & @Boss');
  assert.equal(s.shown().thread, thread);
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));

  s.core.onCommand = () => Promise.reject(bad);
  await mention(s.standIn, { text: `<@${BOT}> width:9`, channel: s.channel, thread });
  await s.standIn.until(() => s.whispered().length === 1);
  assert.deepEqual([s.whispered()[0]?.only, s.whispered()[0]?.thread], [ANN, thread]);
});

test('a mention inside a sample of code calls nobody', async (t) => {
  const s = await setting(t);
  const { channel } = s;
  await mention(s.standIn, { text: `Write \`<@${BOT}> a red fox\` and wait`, channel });
  await mention(s.standIn, { text: `Like this:\n\`\`\`\n<@${BOT}> a red fox\n\`\`\``, channel });
  await mention(s.standIn, { text: `<@${BOT}> \`a grey fox\` *seed:7*`, channel });
  await s.standIn.until(() => s.standIn.visible(channel).length === 1);
  assert.deepEqual(
    s.core.calls.map(({ text }) => text),
    ['a grey fox seed:7'],
  );
});

test('in a direct message plain words are a command; what the bot or an edit says is not', async (t) => {
  const { standIn, core } = await setting(t);
  const channel = standIn.dm(ANN).id;
  await directMessage(standIn, { text: '/wuerst a red fox', channel });
  await standIn.until(() => core.calls.length === 1);
  await directMessage(standIn, { text: 'a blue fox', channel });
  await directMessage(standIn, { text: 'mine', channel, extra: { bot_id: 'B0BOT' } });
  await directMessage(standIn, { text: 'edited', channel, extra: { subtype: 'message_changed' } });
  await directMessage(standIn, { text: 'in a channel', channel: standIn.channel().id });
  await standIn.until(() => standIn.visible(channel).length === 2);
  assert.deepEqual(
    core.calls.map(({ text, caller }) => [text, caller.guild]),
    [
      ['a red fox', null],
      ['a blue fox', null],
    ],
  );
});

test('where the bot is not in the channel it says how to invite it, and delivers by direct message', async (t) => {
  const s = await setting(t);
  const closed = s.standIn.channel({ member: false }).id;
  await sendCommand(s.standIn, 'a red fox', { channel: closed });
  await s.standIn.until(() => s.whispered(closed).length === 1);
  assert.match(s.whispered(closed)[0]?.text ?? '', /\/invite @wuerst/);
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  const [message, ...more] = s.standIn.visible(s.standIn.dm(ANN).id);
  assert.ok(message && more.length === 0);
  assert.equal(s.standIn.shownFiles(message).length, 1);
  assert.match(JSON.stringify(message.blocks), /not in that channel/);
  assert.deepEqual(s.standIn.violations, []);
});

test('private channels and conversations of others are not known to the bot: the answer comes by direct message', async (t) => {
  const s = await setting(t);
  const secret = s.standIn.channel({ member: false, secret: true }).id;
  const others = s.standIn.channel({ id: 'D0OTHERS', person: BOSS, member: false, secret: true }).id;
  for (const [channel, why] of [
    [secret, /\/invite @wuerst/],
    [others, /not in this conversation/],
  ] as const) {
    await sendCommand(s.standIn, 'a red fox', { channel });
    await s.standIn.until(() => s.whispered(channel).length === 1);
    assert.match(s.whispered(channel)[0]?.text ?? '', why);
    s.core.finish(s.job());
    await s.pass(() => s.core.delivered.has(s.job()));
  }
  const messages = s.standIn.visible(s.standIn.dm(ANN).id);
  assert.deepEqual(
    messages.map((message) => s.standIn.shownFiles(message).length),
    [1, 1],
  );
});

test('a button makes a new job in a message of its own, in the same thread, and works after a restart', async (t) => {
  const s = await setting(t);
  const thread = '1700000000.000100';
  await mention(s.standIn, { text: `<@${BOT}> a red fox`, channel: s.channel, thread });
  await s.standIn.until(() => s.standIn.visible(s.channel).length === 1);
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  const first = s.job();
  const message = s.shown();
  await s.restart();
  await click(s.standIn, `reroll:${first}`, message, { user: BOSS });
  await s.standIn.until(() => s.standIn.visible(s.channel).length === 2);
  assert.deepEqual([s.core.acts[0]?.action, s.core.acts[0]?.caller.moderator], [`reroll:${first}`, true]);
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  const second = s.standIn.visible(s.channel)[1];
  assert.equal(second?.thread, thread);
  assert.equal(second ? s.standIn.shownFiles(second).length : 0, 1);
});

test('deleting asks first, answers the one who clicked, and removes the uploaded file', async (t) => {
  const s = await setting(t);
  const message = await finished(s);
  const button = buttonOf(message.blocks, `delete:${s.job()}`);
  assert.ok(isRecord(button.confirm) && isRecord(button.confirm.text));
  assert.equal(button.confirm.text.text, 'Delete this picture?');
  const [file] = s.standIn.shownFiles(message);
  s.core.onAct = async () => {
    s.core.deleteImage(s.job(), 0);
    return { kind: 'reply', reply: { ...EMPTY_REPLY, title: 'Deleted', ephemeral: true } };
  };
  await click(s.standIn, `delete:${s.job()}`, message);
  await s.pass(() => file?.deleted === true);
  assert.deepEqual(s.standIn.shownFiles(message), []);
  assert.deepEqual(
    s.whispered().map(({ text, only }) => [text, only]),
    [['Deleted', ANN]],
  );
});

test('Remix opens a form with the prompt; what is typed there makes a job in the same conversation', async (t) => {
  const s = await setting(t);
  const message = await finished(s);
  const image = s.core.job(s.job())?.images[0]?.id;
  const ask = { title: 'Remix this picture, please', label: 'Prompt', value: '🦊'.repeat(2000), maxLength: 4000 };
  s.core.onButton = (action) => ({ action, label: 'Remix', style: 'secondary', ask });
  await click(s.standIn, `remix:${image}`, message);
  await s.standIn.until(() => s.standIn.views.size === 1);
  const form = openForm(s.standIn);
  assert.ok(JSON.stringify(form).includes('🦊'.repeat(1500)));
  await submit(s.standIn, form, 'a blue :fox_face: & a <hen>');
  await s.standIn.until(() => s.standIn.visible(s.channel).length === 2);
  assert.deepEqual([s.core.acts[0]?.action, s.core.acts[0]?.text], [`remix:${image}`, 'a blue fox face & a <hen>']);
  assert.deepEqual(s.standIn.violations, []);
});

test('a mistake in a form is explained inside it, and can be corrected there', async (t) => {
  const s = await setting(t);
  const message = await finished(s);
  const image = s.core.job(s.job())?.images[0]?.id;
  const ask = { title: 'Remix', label: 'Prompt', value: '', maxLength: 4000 };
  s.core.onButton = (action) => ({ action, label: 'Remix', style: 'secondary', ask });
  const accept = s.core.onAct;
  s.core.onAct = async (action, caller, options) => {
    if (options.text === 'width:9') throw bad;
    return accept(action, caller, options);
  };
  await click(s.standIn, `remix:${image}`, message);
  await s.standIn.until(() => s.standIn.views.size === 1);
  const form = openForm(s.standIn);
  const refused = await submit(s.standIn, form, 'width:9');
  assert.deepEqual(refused.payload.errors, { text: 'width:9 is too small\nTry width:512' });
  await submit(s.standIn, form, 'width:512');
  await s.standIn.until(() => s.standIn.visible(s.channel).length === 2);
});

test('a button that can do nothing any more says so to the one who clicked', async (t) => {
  const s = await setting(t);
  const message = await finished(s);
  const image = s.core.job(s.job())?.images[0]?.id;
  s.core.onAct = async () => {
    throw new UserError('image_gone', 'That picture was deleted.', { hint: 'Paint a new one.' });
  };
  await click(s.standIn, `remix:${image}`, message);
  await click(s.standIn, `info:${image}`, message);
  const stale = { action_id: 'wuerst-act:what is this', value: '💥'.repeat(100) };
  await s.standIn.socket.deliver('interactive', clickBody(s.standIn, stale, message, { channel: s.channel }));
  await s.standIn.until(() => s.whispered().length === 3);
  assert.ok(s.whispered().every(({ text }) => text === 'That picture was deleted.\nPaint a new one.'));
  assert.equal(s.standIn.views.size, 0);
});

test('the message shortcut offers a message as prompt and paints in its thread', async (t) => {
  const s = await setting(t);
  await messageShortcut(s.standIn, { ts: '1700000000.000200', text: 'a fox &amp; <@U0BOSS>' }, { channel: s.channel });
  await s.standIn.until(() => s.standIn.views.size === 1);
  const form = openForm(s.standIn);
  assert.ok(JSON.stringify(form).includes('a fox & @Boss'));
  await submit(s.standIn, form, 'a fox');
  await s.standIn.until(() => s.standIn.visible(s.channel).length === 1);
  assert.deepEqual([s.core.calls[0]?.text, s.shown().thread], ['a fox', '1700000000.000200']);
});

test('the Home tab shows what can be done, and recent pictures whose buttons answer by direct message', async (t) => {
  const s = await setting(t);
  await finished(s);
  const accept = s.core.onCommand;
  const limits = { ...EMPTY_REPLY, title: 'What holds here', fields: [{ name: 'user-jobs', value: '5' }] };
  s.core.onCommand = (text, caller, options) =>
    text === 'settings' ? { kind: 'reply', reply: limits } : accept(text, caller, options);
  const opened = { type: 'app_home_opened', user: ANN, channel: s.standIn.dm(ANN).id, tab: 'home', event_ts: '1' };
  await sendEvent(s.standIn, opened);
  await s.standIn.until(() => s.standIn.homes.has(ANN));
  const blocks = s.standIn.homes.get(ANN)?.blocks;
  assert.ok(Array.isArray(blocks));
  assert.equal(blocks.filter(({ type }) => type === 'image').length, 1);
  assert.match(JSON.stringify(blocks), /Pictures in the last 24 hours: 1/);
  assert.match(JSON.stringify(blocks), /user-jobs: 5/);

  const body = clickBody(s.standIn, buttonOf(blocks, `reroll:${s.job()}`), null, { channel: '' });
  await s.standIn.socket.deliver('interactive', body);
  const dm = s.standIn.dm(ANN).id;
  await s.standIn.until(() => s.standIn.visible(dm).length === 1);
  s.core.onAct = () => Promise.reject(bad);
  const info = clickBody(s.standIn, buttonOf(blocks, `reroll:${s.core.acts[0]?.action.slice(7)}`), null, {
    channel: '',
  });
  await s.standIn.socket.deliver('interactive', info);
  await s.standIn.until(() => s.standIn.visible(dm).length === 2);
  assert.match(s.standIn.visible(dm)[1]?.text ?? '', /width:9/);
  assert.deepEqual(s.standIn.violations, []);
});

test('the Home tab shows jobs with more buttons than any view holds, and those before them', async (t) => {
  const s = await setting(t);
  await finished(s);
  const many = Array.from({ length: 14 }, (_row, row) =>
    Array.from({ length: 5 }, (_, k) => ({
      action: `vary:${row}-${k}`.padEnd(64, 'x'),
      label: 'Vary',
      style: 'secondary' as const,
    })),
  );
  s.core.decorate = (reply) => ({ ...reply, buttons: [...reply.buttons, ...many] });
  await sendCommand(s.standIn, 'a hen', { channel: s.channel });
  await s.standIn.until(() => s.standIn.visible(s.channel).length === 2);
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  await sendEvent(s.standIn, { type: 'app_home_opened', user: ANN, channel: s.standIn.dm(ANN).id, tab: 'home' });
  await s.standIn.until(() => s.standIn.homes.has(ANN));
  const blocks = s.standIn.homes.get(ANN)?.blocks;
  assert.ok(Array.isArray(blocks));
  assert.equal(blocks.filter(({ type }) => type === 'image').length, 2);
  assert.match(JSON.stringify(blocks), /a hen.*a red fox/);
});

test('further jobs of one command come where it was typed', async (t) => {
  const s = await setting(t);
  const thread = '1700000000.000100';
  s.core.onCommand = (text, caller, { idempotencyKey }) => {
    s.core.onCommand = () => Promise.reject(bad);
    const request = { ...REQUEST, prompt: text };
    s.core.accept(request, caller);
    return s.core.accept(request, caller, idempotencyKey);
  };
  await mention(s.standIn, { text: `<@${BOT}> a {red, blue} fox`, channel: s.channel, thread });
  await s.pass(() => s.standIn.visible(s.channel).length === 2, 500);
  assert.ok(s.standIn.visible(s.channel).every((message) => message.thread === thread));
});
