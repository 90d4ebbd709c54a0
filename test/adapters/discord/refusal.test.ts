import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { UserError } from '../../../src/system/errors.ts';
import { EMPTY_REPLY } from '../fake-core.ts';
import { ANN, sendClick, sendCommand } from './payloads.ts';
import { type Setting, setting } from './setting.ts';
import { Refusal } from './strict.ts';

const MINUTE = 60_000;

/** A job whose deferred reply is there, and shows what Discord lets it show. */
async function begun(s: Setting, prompt = 'a red fox'): Promise<string> {
  sendCommand(s.standIn, 'wuerst', { prompt }, { channel: s.channel });
  await s.standIn.until(() => s.core.messages.size === 1 && s.standIn.visible(s.channel).length === 1);
  return s.job();
}

async function ended(s: Setting, stepMs?: number): Promise<void> {
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()), stepMs);
}

function dm(s: Setting) {
  const { id } = [...s.standIn.channels.values()].find(({ recipient }) => recipient === ANN) ?? {};
  return id === undefined ? [] : s.standIn.visible(id);
}

function textOf(message: { readonly content: string; readonly embeds: readonly object[] } | undefined): string {
  return JSON.stringify([message?.content, message?.embeds]);
}

async function blocked(t: TestContext): Promise<Setting> {
  const s = await setting(t);
  s.standIn.blockedWords.add('heck');
  return s;
}

test('where AutoMod blocks a word of the prompt, progress and pictures come without the words, and say why', async (t) => {
  const s = await blocked(t);
  await begun(s, 'what the heck');
  s.core.started(s.job());
  await s.pass(() => s.shown().edits.length > 0);
  assert.match(textOf(s.shown()), /AutoMod blocked the message.*▱/);
  await ended(s);
  assert.deepEqual(
    s.shown().attachments.map(({ filename, description }) => [filename, description]),
    [['picture-1.png', 'Picture 1']],
  );
  assert.match(textOf(s.shown()), /AutoMod blocked the message\..*words of the request are left out/);
  assert.match(JSON.stringify(s.shown().components), /reroll:/);
  assert.equal(s.core.delivered.get(s.job()), null);
});

test('where even the poorest edit is refused, the person is told beside it, and else gets a direct message', async (t) => {
  for (const followUps of ['taken', 'refused']) {
    const s = await setting(t);
    await begun(s);
    const how = { status: 400, code: 200000 };
    s.standIn.faults.push({ method: 'PATCH', path: /^\/webhooks\//, how, times: Number.POSITIVE_INFINITY });
    if (followUps === 'refused') s.standIn.faults.push({ method: 'POST', path: /^\/webhooks\//, how, times: 9 });
    await ended(s);
    if (followUps === 'taken') {
      const told = s.standIn.visible(s.channel).at(-1)?.content ?? '';
      assert.match(told, /^The server's AutoMod blocked the message\. The result is kept: get it with `\/wuerst-show /);
      assert.match(s.core.delivered.get(s.job()) ?? '', /AutoMod/);
      assert.equal(dm(s).length, 0);
    } else {
      assert.equal(dm(s)[0]?.attachments.length, 1);
      assert.match(textOf(dm(s)[0]), /a red fox.*You asked for this in .*AutoMod blocked/);
      assert.equal(s.core.delivered.get(s.job()), null);
    }
  }
});

for (const [status, code, why] of [
  [400, 50083, /The thread is archived\./],
  [403, 160005, /The thread is locked\./],
  [403, 50013, /I lack a permission in the channel/],
  [403, 40007, /I'm banned from the server\./],
  [400, 40058, /Messages can't be sent in a channel of that kind\./],
  [403, 99999, /Discord refused it with the code 99999\./],
] as const) {
  test(`a channel closed with code ${code} is named as what it is in the direct message that takes its place`, async (t) => {
    const s = await setting(t);
    await begun(s);
    Object.assign(s.standIn.channels.get(s.channel) ?? {}, { refuses: new Refusal(status, code, 'closed') });
    await ended(s);
    assert.match(textOf(dm(s)[0]), why);
    assert.equal(dm(s)[0]?.attachments.length, 1);
    assert.equal(s.core.delivered.get(s.job()), null);
  });
}

test('where the channel is closed and direct messages are, too, the reasons are stored with the result', async (t) => {
  const s = await setting(t);
  await begun(s);
  s.standIn.closedDms.add(ANN);
  Object.assign(s.standIn.channels.get(s.channel) ?? {}, { refuses: new Refusal(403, 160005, 'Thread is locked') });
  await ended(s);
  assert.match(s.core.delivered.get(s.job()) ?? '', /You take no direct messages from me\./);
  assert.ok(s.log.some((line) => line.startsWith('discord: a job cannot be shown')));
});

test('an unknown code is named, and the pictures come without what may have been its reason', async (t) => {
  const s = await setting(t);
  await begun(s);
  await s.pass(() => s.shown().edits.length > 0);
  s.standIn.faults.push({ method: 'PATCH', path: /./, how: { status: 400, code: 299999 }, times: 1 });
  await ended(s);
  assert.match(textOf(s.shown()), /Discord refused it with the code 299999/);
  assert.equal(s.shown().attachments.length, 1);
});

for (const code of [40005, 50045, 400001]) {
  test(`where no file is taken (${code}) the message says so and how to get the result`, async (t) => {
    const s = await setting(t);
    await begun(s);
    s.standIn.faults.push({ method: 'PATCH', path: /./, how: { status: 400, code }, times: 5 });
    await ended(s);
    assert.match(s.shown().content, new RegExp(`/wuerst-show ${s.job()}`));
    assert.match(s.core.delivered.get(s.job()) ?? '', /pictures|uploads/);
  });
}

test('an edit that answers 500 each time is tried a few times, poorer and poorer, and then comes as a direct message', async (t) => {
  const s = await setting(t);
  await begun(s);
  await s.pass(() => s.shown().edits.length > 0);
  const how = { status: 500, code: 0 };
  s.standIn.faults.push({ method: 'PATCH', path: /^\/webhooks\//, how, times: Number.POSITIVE_INFINITY });
  await ended(s, 5000);
  assert.equal(dm(s)[0]?.attachments.length, 1);
  assert.match(textOf(dm(s)[0]), /Discord answered with HTTP 500 each time\./);
  assert.match(s.standIn.visible(s.channel).at(-1)?.content ?? '', /comes to you as a direct message/);
  // Each try is four requests by discord.js.
  assert.ok(s.standIn.requests.filter(({ status }) => status === 500).length <= 60);
});

test('where nothing is taken for a day the operator is warned once, with counts, and the result is given up', async (t) => {
  const s = await setting(t);
  await begun(s);
  const how = { status: 400, code: 40004 };
  for (const method of ['PATCH', 'POST']) s.standIn.faults.push({ method, path: /./, how, times: 2000 });
  const began = s.clock.now();
  const warnings = () => s.log.filter((line) => line.includes('refused or not answered for some minutes'));
  s.core.finish(s.job());
  await s.pass(() => warnings().length === 1, 10_000);
  assert.match(warnings()[0] ?? '', /"the code 40004":\d+/);
  const tries = () => s.log.filter((line) => line.includes('trying again')).length;
  while (!s.core.delivered.has(s.job())) {
    const before = tries();
    s.clock.advance(10 * MINUTE);
    await s.standIn.until(() => tries() > before);
  }
  assert.ok(s.clock.now() - began > 20 * 60 * MINUTE);
  assert.equal(warnings().length, 1);
  assert.match(s.core.delivered.get(s.job()) ?? '', /Discord takes no messages at the moment\./);
});

test('an answer that AutoMod blocks is replaced by one that says so, also after a deferral and with pictures', async (t) => {
  const s = await blocked(t);
  const image = { id: 'i1', fileName: 'heck-1.png', width: 1, height: 1, alt: 'heck', spoiler: false };
  const bad = { ...EMPTY_REPLY, title: 'what the heck' };
  let decide: () => void = () => undefined;
  s.core.onCommand = async (text) => {
    if (text === 'slow') await new Promise<void>((resolve) => (decide = resolve));
    if (text === 'pictures') return { kind: 'reply', reply: { ...bad, images: [image] } };
    throw new UserError('bad', 'No heck:9 here.');
  };
  const answers = () => s.standIn.visible(s.channel).filter(({ loading }) => !loading);
  sendCommand(s.standIn, 'wuerst', { prompt: 'quick' }, { channel: s.channel });
  await s.pass(() => answers().length === 1, 50);
  sendCommand(s.standIn, 'wuerst', { prompt: 'slow' }, { channel: s.channel });
  await s.standIn.until(() => s.core.calls.length === 2);
  await s.pass(() => s.standIn.visible(s.channel).length === 2, 50);
  decide();
  await s.pass(() => answers().length === 2, 50);
  for (const answer of answers()) {
    assert.ok(answer.ephemeral);
    assert.match(textOf(answer), /I can't show the answer here\..*AutoMod blocked the message/);
  }
  sendCommand(s.standIn, 'wuerst', { prompt: 'pictures' }, { channel: s.channel });
  await s.pass(() => answers().length === 3, 50);
  assert.deepEqual([answers()[2]?.attachments[0]?.filename, answers()[2]?.ephemeral], ['picture-1.png', false]);
});

test('an answer that comes too late for its interaction comes by direct message, and says why', async (t) => {
  const s = await setting(t);
  s.core.onCommand = () => ({
    kind: 'reply',
    reply: { ...EMPTY_REPLY, title: 'The queue is empty.', ephemeral: true },
  });
  s.standIn.faults.push({ method: 'POST', path: /callback$/, how: { status: 404, code: 10062 }, times: 1 });
  sendCommand(s.standIn, 'wuerst-queue', {}, { channel: s.channel });
  await s.standIn.until(() => dm(s).length === 1);
  assert.match(textOf(dm(s)[0]), /queue is empty.*too old to be answered/);
  assert.equal(s.standIn.visible(s.channel).length, 0);
});

test('a form that Discord refuses is answered with the reason', async (t) => {
  const s = await setting(t);
  await begun(s);
  await ended(s);
  const ask = { title: 'Remix', label: 'Prompt', value: 'x', maxLength: 60 };
  s.core.onButton = (action) => ({ action, label: 'Remix', style: 'secondary', ask });
  s.standIn.faults.push({ method: 'POST', path: /callback$/, how: { status: 400, code: 50035 }, times: 1 });
  sendClick(s.standIn, 'ask:remix:i1', s.shown(), { channel: s.channel });
  await s.pass(() => s.standIn.visible(s.channel).length === 2, 50);
  assert.match(textOf(s.standIn.visible(s.channel)[1]), /form can't be opened.*50035/);
});
