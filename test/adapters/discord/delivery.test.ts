import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REQUEST } from '../fake-core.ts';
import { ANN, GUILD, sendCommand } from './payloads.ts';
import { type Setting, setting } from './setting.ts';
import { TOKEN } from './stand-in.ts';

const MINUTE = 60_000;

/** A job whose deferred reply exists and shows it. */
async function begun(s: Setting, from: Partial<Parameters<typeof sendCommand>[3]> = {}): Promise<void> {
  const channel = from.channel ?? s.channel;
  const before = s.core.jobsById.size;
  sendCommand(s.standIn, 'wuerst', { prompt: 'a red fox' }, { ...from, channel });
  await s.standIn.until(() => s.core.jobsById.size > before && s.standIn.visible(channel).length > 0);
  await s.pass(() => (s.standIn.visible(channel).at(-1)?.edits.length ?? 0) > 0);
}

function pictures(s: Setting, channel = s.channel): number {
  return s.standIn.visible(channel).reduce((sum, message) => sum + message.attachments.length, 0);
}

function edited(s: Setting, path: RegExp): number {
  return s.standIn.requests.filter((r) => r.method === 'PATCH' && r.status === 200 && path.test(r.path)).length;
}

test('after the token has died the same message is edited with the bot token', async (t) => {
  const s = await setting(t);
  await begun(s);
  s.clock.advance(20 * MINUTE);
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  assert.equal(s.shown().attachments.length, 1);
  assert.ok(edited(s, /^\/channels\//) >= 1);
  assert.equal(s.standIn.requests.filter((r) => r.status === 401).length, 0);
});

for (const [hours, how] of [
  [1, 'forward'],
  [-1, 'back'],
] as const) {
  test(`a token lives as long as Discord says when this machine's clock is set ${how} by an hour`, async (t) => {
    const s = await setting(t);
    await begun(s);
    s.clock.jump(hours * 60 * MINUTE);
    s.clock.advance(10 * MINUTE);
    s.core.step(s.job(), 0.5);
    const before = edited(s, /^\/webhooks\//);
    await s.pass(() => edited(s, /^\/webhooks\//) > before);
    assert.equal(edited(s, /^\/channels\//), 0);
    s.clock.advance(10 * MINUTE);
    s.core.finish(s.job());
    await s.pass(() => s.core.delivered.has(s.job()));
    assert.equal(s.shown().attachments.length, 1);
    assert.equal(s.standIn.requests.filter(({ status }) => status >= 400).length, 0, 'no dead token was tried');
  });
}

for (const [status, code] of [
  [401, 50027],
  [404, 10062],
  [404, 10015],
  [404, 10008],
  [404, 0],
] as const) {
  test(`a token edit refused with ${status} ${code} goes on through the channel, and the bot stays logged in`, async (t) => {
    const s = await setting(t);
    await begun(s);
    s.standIn.faults.push({ method: 'PATCH', path: /^\/webhooks\//, how: { status, code }, times: 1 });
    s.core.finish(s.job());
    await s.pass(() => s.core.delivered.has(s.job()));
    assert.equal(s.shown().attachments.length, 1);
    assert.equal(s.core.delivered.get(s.job()), null);
    await begun(s, { channel: s.standIn.channel().id });
  });
}

test('a command acknowledged before counts as acknowledged', async (t) => {
  const s = await setting(t);
  s.standIn.faults.push({ method: 'POST', path: /callback$/, how: 'drop-after', times: 1 });
  await begun(s);
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  assert.equal(s.shown().attachments.length, 1);
});

test('an interaction that is too old is answered by a message of the bot', async (t) => {
  const s = await setting(t);
  s.standIn.faults.push({ method: 'POST', path: /callback$/, how: { status: 404, code: 10062 }, times: 2 });
  sendCommand(s.standIn, 'wuerst', { prompt: 'a red fox' }, { channel: s.channel });
  await s.standIn.until(() => s.core.jobsById.size === 1);
  await s.pass(() => s.standIn.visible(s.channel).length === 1);
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  assert.equal(s.shown().interaction, null);
  assert.equal(s.shown().attachments.length, 1);
});

test('a dropped connection loses nothing, before or after the request took effect', async (t) => {
  const s = await setting(t);
  await begun(s);
  const path = /^\/webhooks\//;
  s.standIn.faults.push({ method: 'PATCH', path, how: 'drop-before', times: 1 });
  s.standIn.faults.push({ method: 'PATCH', path, how: 'drop-after', times: 2 });
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  assert.equal(s.shown().attachments.length, 1);
  assert.ok(s.log.some((line) => line.includes('trying again')));
});

test('without access the person is told before minute 15 and gets the result as a direct message', async (t) => {
  const s = await setting(t);
  const channel = s.standIn.channel({ view: false }).id;
  await begun(s, { channel, install: 'user' });
  const began = s.clock.now();
  await s.pass(() => s.standIn.visible(channel)[0]?.content.includes('direct message') === true, 20_000);
  assert.ok(s.clock.now() - began < 15 * MINUTE);
  s.clock.advance(10 * MINUTE);
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  const dm = [...s.standIn.channels.values()].find((c) => c.recipient === ANN);
  const messages = s.standIn.visible(dm?.id);
  assert.equal(messages.length, 1);
  assert.equal(messages[0]?.attachments.length, 1);
  assert.equal(s.core.delivered.get(s.job()), null);
});

test('with direct messages closed the person is told how to get the result', async (t) => {
  const s = await setting(t);
  s.standIn.closedDms.add(ANN);
  const channel = s.standIn.channel({ view: false }).id;
  await begun(s, { channel, install: 'user' });
  const told = () => s.standIn.visible(channel)[0]?.content.includes(`/wuerst-show ${s.job()}`) === true;
  await s.pass(told, 20_000);
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  assert.match(s.core.delivered.get(s.job()) ?? '', /direct messages/);
  assert.ok(told());
});

for (const [what, change] of [
  ['the bot is kicked', { view: false }],
  ['the channel is removed', { exists: false }],
] as const) {
  test(`when ${what} mid-job and the token is dead the result comes as a direct message`, async (t) => {
    const s = await setting(t);
    await begun(s);
    Object.assign(s.standIn.channels.get(s.channel) ?? {}, change);
    s.clock.advance(16 * MINUTE);
    s.core.finish(s.job());
    await s.pass(() => s.core.delivered.has(s.job()));
    const dm = [...s.standIn.channels.values()].find((c) => c.recipient === ANN);
    assert.equal(pictures(s, dm?.id), 1);
    assert.equal(s.core.delivered.get(s.job()), null);
    if ('view' in change) {
      assert.match(s.standIn.visible(dm?.id)[0]?.embeds[0]?.description ?? '', /View Channels/);
    }
  });
}

test('a deleted message is replaced once, when there is a result', async (t) => {
  const s = await setting(t);
  await begun(s);
  s.shown().deleted = true;
  s.core.started(s.job());
  await s.pass(() => s.standIn.requests.some((r) => r.status === 404));
  const refused = s.standIn.requests.filter((r) => r.status === 404).length;
  for (let i = 0; i < 5; i++) {
    s.core.step(s.job(), i / 5);
    s.clock.advance(3000);
  }
  assert.equal(s.standIn.visible(s.channel).length, 0);
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  assert.equal(s.shown().attachments.length, 1);
  assert.ok(s.standIn.requests.filter((r) => r.status === 404).length <= refused + 3);
});

test('a cancelled job whose message was deleted stays silent', async (t) => {
  const s = await setting(t);
  await begun(s);
  s.shown().deleted = true;
  s.core.cancel(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  assert.equal(s.standIn.visible(s.channel).length, 0);
});

test('a post whose answer was lost is repeated with the same nonce and makes no second message', async (t) => {
  const s = await setting(t);
  await begun(s);
  s.shown().deleted = true;
  s.standIn.faults.push({ method: 'POST', path: /^\/channels\/\d+\/messages$/, how: 'drop-after', times: 3 });
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  assert.equal(s.shown().attachments.length, 1);
});

test('a post whose answer was lost long ago is looked for in history before anything is posted', async (t) => {
  const s = await setting(t);
  await begun(s);
  s.shown().deleted = true;
  const post = { method: 'POST', path: /^\/channels\/\d+\/messages$/ };
  s.standIn.faults.push({ ...post, how: 'drop-after', times: 1 }, { ...post, how: 'drop-before', times: 1000 });
  s.core.finish(s.job());
  await s.pass(() => s.standIn.visible(s.channel).length === 1);
  await s.restart(() => {
    s.clock.advance(30 * MINUTE);
    s.standIn.faults.length = 0;
  });
  await s.pass(() => s.core.delivered.has(s.job()));
  assert.equal(s.shown().attachments.length, 1);
  assert.ok(s.standIn.requests.some((r) => r.method === 'GET' && post.path.test(r.path)));
});

test('where history cannot be read nothing is posted a second time', async (t) => {
  const s = await setting(t);
  await begun(s);
  s.shown().deleted = true;
  Object.assign(s.standIn.channels.get(s.channel) ?? {}, { history: false });
  s.standIn.faults.push({ method: 'POST', path: /^\/channels\/\d+\/messages$/, how: 'drop-before', times: 99 });
  s.core.finish(s.job());
  await s.pass(() => (s.standIn.faults[0]?.times ?? 99) < 99);
  s.clock.advance(10 * MINUTE);
  await s.pass(() => s.core.delivered.has(s.job()), 5000);
  assert.equal(s.standIn.visible(s.channel).length, 0);
  assert.match(s.core.delivered.get(s.job()) ?? '', /cannot be known/);
});

test('finished jobs that were not shown are shown after a restart, once', async (t) => {
  const s = await setting(t);
  await begun(s);
  s.standIn.faults.push({ method: 'PATCH', path: /./, how: 'drop-before', times: 1000 });
  s.core.finish(s.job());
  await s.pass(() => (s.standIn.faults[0]?.times ?? 0) < 1000);
  s.standIn.faults.length = 0;
  await s.restart();
  await s.pass(() => s.core.delivered.has(s.job()));
  assert.equal(s.shown().attachments.length, 1);
  // Shown again, as after a crash just before it was noted: the message stays the same.
  s.core.delivered.clear();
  await s.restart();
  await s.pass(() => s.core.delivered.has(s.job()));
  assert.equal(s.shown().attachments.length, 1);
  assert.equal(s.shown().uploads, 1);
});

test('a job that lost its message to a crash gets one of the bot', async (t) => {
  const s = await setting(t);
  const outcome = s.core.accept(REQUEST, {
    surface: 'discord',
    user: ANN,
    name: 'Ann',
    room: s.channel,
    guild: GUILD,
    payer: `discord:guild:${GUILD}`,
    moderator: false,
    ageRestricted: false,
  });
  assert.equal(outcome.kind, 'job');
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  assert.equal(s.shown().attachments.length, 1);
});

test('kept pictures stay on the message when another one is deleted', async (t) => {
  const s = await setting(t);
  sendCommand(s.standIn, 'wuerst', { prompt: 'a red fox', images: 3 }, { channel: s.channel });
  await s.standIn.until(() => s.core.messages.size === 1);
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  const before = s.shown().attachments.map(({ id }) => id);
  assert.equal(before.length, 3);
  s.core.deleteImage(s.job(), 1);
  await s.pass(() => s.shown().attachments.length === 2);
  assert.deepEqual(
    s.shown().attachments.map(({ id }) => id),
    [before[0], before[2]],
  );
  assert.equal(s.shown().uploads, 1);
});

test('rate limits are respected and delay nothing else', async (t) => {
  const s = await setting(t);
  await begun(s);
  const how = { status: 429, code: 0, headers: { 'retry-after': '0.05' } };
  s.standIn.faults.push({ method: 'PATCH', path: /^\/webhooks\//, how, times: 2 });
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  assert.equal(s.shown().attachments.length, 1);
});

test('who loses sight of the message through a kick is told before the token dies', async (t) => {
  const s = await setting(t);
  await begun(s);
  const message = s.shown();
  Object.assign(s.standIn.channels.get(s.channel) ?? {}, { view: false });
  await s.pass(() => message.content.includes('direct message'), 5000);
  const dm = [...s.standIn.channels.values()].find((c) => c.recipient === ANN);
  s.clock.advance(10 * MINUTE);
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  assert.equal(pictures(s, dm?.id), 1);
});

test('who waits without access is told in time also where the bot was restarted meanwhile', async (t) => {
  const s = await setting(t);
  const channel = s.standIn.channel({ view: false }).id;
  await begun(s, { channel, install: 'user' });
  const before = s.standIn.requests.length;
  await s.restart();
  await s.pass(() => s.standIn.visible(channel)[0]?.content.includes('direct message') === true, 5000);
  const edits = s.standIn.requests.slice(before).filter(({ method }) => method === 'PATCH');
  assert.ok(edits.length <= 2, 'a start edits nothing that has not changed');
});

test('a waiting job that a crash left without a message gets one at the next start', async (t) => {
  const s = await setting(t);
  await begun(s);
  s.core.messages.clear();
  await s.restart(() => {
    s.shown().deleted = true;
  });
  await s.pass(() => s.standIn.visible(s.channel).length === 1);
  assert.equal(s.shown().interaction, null);
});

test('a bot token that is not accepted any more loses no result', async (t) => {
  const s = await setting(t);
  await begun(s);
  s.clock.advance(20 * MINUTE);
  s.standIn.botToken = 'another';
  s.core.finish(s.job());
  await s.pass(() => s.standIn.requests.some(({ status }) => status === 401));
  s.clock.advance(10 * MINUTE);
  assert.equal(s.core.delivered.size, 0);
  await s.restart(() => {
    s.standIn.botToken = TOKEN;
  });
  await s.pass(() => s.core.delivered.has(s.job()));
  assert.equal(s.shown().attachments.length, 1);
});

test('a result that Discord will not have is said to exist, and where', async (t) => {
  const s = await setting(t);
  await begun(s);
  const blocked = { method: 'PATCH', path: /./, how: { status: 400, code: 240000 } } as const;
  s.standIn.faults.push({ ...blocked, times: 3 });
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  assert.match(s.shown().content, new RegExp(`/wuerst-show ${s.job()}`));
  assert.notEqual(s.core.delivered.get(s.job()), null);
});
