import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  buttonOf,
  clickBody,
  commandBody,
  deliverCommand,
  mention,
  openForm,
  sendCommand,
  submit,
} from './payloads.ts';
import { type Setting, setting } from './setting.ts';

async function finished(s: Setting) {
  await sendCommand(s.standIn, 'a red fox', { channel: s.channel });
  await s.standIn.until(() => s.standIn.visible(s.channel).length === 1);
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  return s.shown();
}

test('a command that is delivered several times makes one job and one message, also after a restart', async (t) => {
  const s = await setting(t);
  const from = { channel: s.channel, deliveries: 3 };
  const body = commandBody(s.standIn, 'a red fox', from);
  await deliverCommand(s.standIn, body, from);
  await s.standIn.until(() => s.standIn.visible(s.channel).length === 1);
  await s.restart();
  await deliverCommand(s.standIn, body, from);
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.size === 1);
  assert.equal(s.core.jobsById.size, 1);
  assert.equal(s.standIn.shownFiles(s.shown()).length, 1);
});

test('an event that is delivered several times makes one job', async (t) => {
  const s = await setting(t);
  await mention(s.standIn, { text: 'a red fox', channel: s.channel, deliveries: 3 });
  await s.standIn.until(() => s.standIn.visible(s.channel).length === 1);
  assert.equal(s.core.calls.length, 1);
});

test('a mention is acknowledged only once its job is stored, so that Slack keeps it over a crash', async (t) => {
  const s = await setting(t);
  const accept = s.core.onCommand;
  let decide: () => void = () => undefined;
  s.core.onCommand = async (text, caller, options) => {
    await new Promise<void>((resolve) => (decide = resolve));
    return accept(text, caller, options);
  };
  let acknowledged = false;
  const sent = mention(s.standIn, { text: 'a red fox', channel: s.channel }).then(() => {
    acknowledged = true;
  });
  await s.standIn.until(() => s.core.calls.length === 1);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([acknowledged, s.core.jobsById.size], [false, 0]);
  decide();
  await sent;
  assert.equal(s.core.jobsById.size, 1);
  assert.equal(s.core.messages.size, 1);
});

test('a click that is delivered several times makes one job, two clicks make two', async (t) => {
  const s = await setting(t);
  const message = await finished(s);
  const button = buttonOf(message.blocks, `reroll:${s.job()}`);
  for (let clicks = 1; clicks <= 2; clicks++) {
    const body = clickBody(s.standIn, button, message, { channel: s.channel });
    await s.standIn.socket.deliver('interactive', body, 3);
    await s.standIn.until(() => s.standIn.visible(s.channel).length === 1 + clicks);
  }
  assert.equal(s.core.jobsById.size, 3);
});

test('a form opens once, and makes one job however often it is sent', async (t) => {
  const s = await setting(t);
  const message = await finished(s);
  const action = `remix:${s.core.job(s.job())?.images[0]?.id}`;
  const ask = { title: 'Remix', label: 'Prompt', value: 'a fox', maxLength: 100 };
  s.core.onButton = () => ({ action, label: 'Remix', style: 'secondary', ask });
  const body = clickBody(s.standIn, buttonOf(message.blocks, action), message, { channel: s.channel });
  await s.standIn.socket.deliver('interactive', body, 3);
  await s.standIn.until(() => s.standIn.views.size === 1);
  const form = openForm(s.standIn);
  await submit(s.standIn, form, 'a blue fox', { deliveries: 2 });
  await submit(s.standIn, form, 'a blue fox');
  await s.standIn.until(() => s.standIn.visible(s.channel).length === 2);
  assert.equal(s.core.jobsById.size, 2);
});

test('two connections stand side by side, and commands arrive while Slack sends them away in turn', async (t) => {
  const s = await setting(t);
  assert.equal(s.standIn.socket.sockets.length, 2);
  for (let round = 0; round < 6; round++) {
    const { socket } = s.standIn;
    const stays = socket.sockets[1 - (round % 2)];
    socket.refresh(round % 2);
    await sendCommand(s.standIn, `fox ${round}`, { channel: s.channel });
    assert.ok(stays !== undefined && socket.open.includes(stays));
    await s.standIn.until(() => socket.connections === 3 + round && socket.sockets.length === 2);
  }
  assert.equal(s.core.jobsById.size, 6);
});

test('connections that Slack sends away together are replaced at once, although they linger', async (t) => {
  const s = await setting(t);
  const { socket } = s.standIn;
  socket.lingers = true;
  for (const round of [1, 2]) {
    const [first, second] = socket.open;
    if (first) socket.refresh(socket.sockets.indexOf(first), 'warning');
    if (second) socket.refresh(socket.sockets.indexOf(second));
    await s.standIn.until(() => socket.connections === 2 + 2 * round && socket.open.length === 2);
    for (let k = 0; k < 4; k++) await sendCommand(s.standIn, `fox ${round} ${k}`, { channel: s.channel });
  }
  assert.equal(s.core.jobsById.size, 8);
  assert.equal(s.standIn.socket.late, 0);
});

test('a connection that breaks before the acknowledgement loses nothing and repeats nothing', async (t) => {
  const s = await setting(t);
  for (let round = 1; round <= 3; round++) {
    const sent = sendCommand(s.standIn, `fox ${round}`, { channel: s.channel });
    s.standIn.socket.cut();
    const acked = await sent;
    assert.ok(acked.deliveries >= 2);
    await s.standIn.until(() => s.core.jobsById.size === round);
  }
  await s.standIn.until(() => s.standIn.visible(s.channel).length === 3);
  assert.equal(s.core.jobsById.size, 3);
});

test('after an outage of Socket Mode what Slack kept is done', async (t) => {
  const s = await setting(t);
  s.standIn.socket.down = true;
  s.standIn.socket.cut();
  const sent = sendCommand(s.standIn, 'a red fox', { channel: s.channel });
  for (let minutes = 0; minutes < 10; minutes++) {
    s.clock.advance(60_000);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  s.standIn.socket.down = false;
  await s.pass(() => s.standIn.socket.sockets.length === 2, 5000);
  await sent;
  await s.standIn.until(() => s.core.jobsById.size === 1);
});
