import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_REPLY } from '../fake-core.ts';
import { mention, sendCommand } from './payloads.ts';
import { type Setting, setting } from './setting.ts';
import { ANN } from './stand-in.ts';

const ALWAYS = Number.POSITIVE_INFINITY;

/** A job whose waiting message is there, or told to be elsewhere. */
async function begun(s: Setting): Promise<string> {
  await sendCommand(s.standIn, 'a red fox', { channel: s.channel });
  await s.pass(() => s.standIn.visible().length > 0);
  return s.job();
}

async function ended(s: Setting, stepMs?: number): Promise<string | null | undefined> {
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()), stepMs);
  return s.core.delivered.get(s.job());
}

function refuse(s: Setting, channel: string, code: string | null): void {
  Object.assign(s.standIn.channels.get(channel) ?? {}, { refuses: code });
}

function dm(s: Setting) {
  return s.standIn.visible(s.standIn.dm(ANN).id);
}

for (const [code, here, there] of [
  ['restricted_action_read_only_channel', /^This channel is read-only\./, /That channel is read-only\. So here's/],
  ['restricted_action_thread_locked', /^This thread is locked\./, /That thread is locked\. So here's/],
  ['restricted_action', /A setting of this workspace keeps me/, /keeps me from writing in that channel/],
  ['thread_locked', /^This thread is locked\./, /That thread is locked\./],
  ['no_such_error_yet', /Slack refused it with “no_such_error_yet”\./, /Slack refused it with “no_such_error_yet”\./],
] as const) {
  test(`a conversation closed with ${code} is named as what it is, here and there`, async (t) => {
    const s = await setting(t);
    refuse(s, s.channel, code);
    await begun(s);
    await s.pass(() => s.whispered().length > 0);
    assert.match(s.whispered()[0]?.text ?? '', here);
    assert.match(s.whispered()[0]?.text ?? '', /The answer comes to you as a direct message\.$/);
    assert.ok(!s.whispered()[0]?.text.includes('invite'));
    assert.equal(await ended(s), null);
    assert.equal(dm(s).length, 1);
    assert.match(JSON.stringify(dm(s)[0]?.blocks), there);
    assert.equal(dm(s).flatMap((message) => s.standIn.shownPictures(message)).length, 1);
  });
}

for (const code of ['cannot_dm_bot', 'user_disabled', 'messages_tab_disabled', 'ekm_access_denied']) {
  test(`where neither the channel nor a direct message (${code}) is open, the person is told where they asked`, async (t) => {
    const s = await setting(t);
    Object.assign(s.standIn.channels.get(s.channel) ?? {}, { member: false });
    if (code === 'cannot_dm_bot' || code === 'user_disabled') s.standIn.closedDms.set(ANN, code);
    else refuse(s, s.standIn.dm(ANN).id, code);
    await begun(s);
    const [first, ...more] = s.whispered();
    assert.match(first?.text ?? '', /^I'm not in this channel\. Type \/invite @wuerst to have me here\. /);
    assert.match(first?.text ?? '', /Once it is finished, get it with \/wuerst show j00001/);
    assert.ok(!first?.text.includes('comes to you'));
    assert.equal(more.length, 0);
    assert.match((await ended(s)) ?? '', new RegExp(`\\(${code}\\)$`));
    assert.match(s.whispered()[1]?.text ?? '', /The result is kept: get it with \/wuerst show j00001/);
    assert.ok(s.log.some((line) => line.startsWith('slack: a job cannot be shown')));
  });
}

test('where messages are suspended everywhere nothing is promised, and the reason is told', async (t) => {
  const s = await setting(t);
  for (const channel of [s.channel, s.standIn.dm(ANN).id]) refuse(s, channel, 'ekm_access_denied');
  await begun(s);
  assert.match(s.whispered()[0]?.text ?? '', /^The administrators of this workspace have suspended messages\./);
  assert.ok(s.whispered().every(({ text }) => !text.includes('comes to you')));
  assert.match((await ended(s)) ?? '', /suspended messages.*\(ekm_access_denied\)/);
});

test('a conversation without an address of its own hears by ephemeral message that nothing can be shown', async (t) => {
  const s = await setting(t);
  s.standIn.closedDms.set(ANN, 'cannot_dm_bot');
  s.standIn.faults.push({ method: 'chat.postMessage', how: { error: 'restricted_action' }, times: ALWAYS });
  await mention(s.standIn, { text: 'a red fox', channel: s.channel });
  await s.pass(() => s.whispered().length === 1);
  assert.match(s.whispered()[0]?.text ?? '', /keeps me from writing.*Once it is finished, get it with/);
});

for (const how of [{ error: 'internal_error' }, { error: 'fatal_error' }, { status: 500 }]) {
  const name = 'error' in how ? how.error : `HTTP ${how.status}`;
  test(`an update that answers ${name} each time is tried a few times, then shown without pictures, then elsewhere`, async (t) => {
    const s = await setting(t);
    await begun(s);
    s.standIn.faults.push({ method: 'chat.update', channel: s.channel, how, times: ALWAYS });
    assert.equal(await ended(s), null);
    assert.equal(dm(s).flatMap((message) => s.standIn.shownPictures(message)).length, 1);
    assert.ok(JSON.stringify(dm(s)[0]?.blocks).includes(name));
    assert.ok(s.whispered()[0]?.text.includes('comes to you as a direct message'));
    const tried = s.standIn.calls.filter(({ method, args }) => method === 'chat.update' && args.channel === s.channel);
    assert.ok(tried.length <= 8, `${tried.length} tries`);
  });
}

test('pictures that Slack cannot take in because of its own trouble are left out, and the message says why', async (t) => {
  const s = await setting(t);
  await begun(s);
  s.standIn.faults.push({ method: 'files.getUploadURLExternal', how: { error: 'internal_error' }, times: ALWAYS });
  assert.match((await ended(s)) ?? '', /internal_error/);
  assert.match(s.shown().text, /trouble of its own \(internal_error\)\. The result is kept: get it with \/wuerst show/);
});

test('blocks that Slack never takes end as a sentence that says so', async (t) => {
  const s = await setting(t);
  await begun(s);
  s.standIn.faults.push({ method: 'chat.update', how: { error: 'invalid_blocks' }, times: 5 });
  assert.match((await ended(s)) ?? '', /invalid_blocks/);
  assert.match(s.shown().text, /does not accept \(invalid_blocks\)\. The result is kept/);
});

test('of refusals that go on for minutes the operator is warned once, with counts, and what answers is given up after a day', async (t) => {
  const s = await setting(t);
  await begun(s);
  s.standIn.faults.push({ method: /^(chat|conversations)\./, how: { error: 'internal_error' }, times: ALWAYS });
  const warnings = () => s.log.filter((line) => line.includes('refused or not answered for some minutes'));
  s.core.finish(s.job());
  await s.pass(() => warnings().length === 1, 5000);
  assert.match(warnings()[0] ?? '', /^slack: .*"internal_error":\d+/);
  await s.pass(() => s.core.delivered.has(s.job()), 10 * 60_000);
  assert.match(s.core.delivered.get(s.job()) ?? '', /internal_error/);
});

test('an answer with pictures that no conversation takes is replaced by its reason, at the command', async (t) => {
  const s = await setting(t);
  Object.assign(s.standIn.channels.get(s.channel) ?? {}, { member: false });
  s.standIn.closedDms.set(ANN, 'user_disabled');
  const image = { id: 'i1', fileName: 'fox.png', width: 1, height: 1, alt: 'a fox', spoiler: false };
  s.core.onCommand = () => ({ kind: 'reply', reply: { ...EMPTY_REPLY, title: 'Here', images: [image] } });
  await sendCommand(s.standIn, 'show x', { channel: s.channel });
  await s.pass(() => s.whispered().length === 1);
  assert.match(s.whispered()[0]?.text ?? '', /^I can't show the answer here\. I'm not in this channel\./);
});

test('a text too long for a message is cut where it cannot come as a file, and the reason is told', async (t) => {
  const s = await setting(t);
  s.standIn.closedDms.set(ANN, 'cannot_dm_bot');
  const code = 'x'.repeat(9000);
  s.core.onCommand = () => ({ kind: 'reply', reply: { ...EMPTY_REPLY, title: 'Everything', code, ephemeral: true } });
  await sendCommand(s.standIn, 'export', { channel: s.channel });
  await s.pass(() => s.whispered().length === 1);
  assert.match(s.whispered()[0]?.text ?? '', /its end is missing\. Slack lets no bot send/);
  assert.deepEqual(s.standIn.violations, []);
});

test('an answer whose picture cannot be uploaded says so', async (t) => {
  const s = await setting(t);
  const image = { id: 'i1', fileName: 'fox.png', width: 1, height: 1, alt: 'a fox', spoiler: false };
  s.core.onCommand = () => ({ kind: 'reply', reply: { ...EMPTY_REPLY, title: 'Here', images: [image] } });
  s.standIn.faults.push({ method: 'files.getUploadURLExternal', how: { error: 'storage_limit_reached' }, times: 1 });
  await sendCommand(s.standIn, 'show x', { channel: s.channel });
  await s.pass(() => s.standIn.visible(s.channel).length === 1);
  assert.match(s.shown().text, /A picture can't be shown\. This workspace's file storage is full/);
});
