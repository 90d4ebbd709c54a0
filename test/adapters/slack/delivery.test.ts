import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PIXEL, REQUEST } from '../fake-core.ts';
import { mention, sendCommand } from './payloads.ts';
import { type Setting, setting } from './setting.ts';
import { ANN, BOT_TOKEN, TEAM } from './stand-in.ts';

const MINUTE = 60_000;

/** A job whose message is there. */
async function begun(s: Setting, prompt = 'a red fox', channel = s.channel): Promise<string> {
  const before = s.standIn.visible().length;
  await sendCommand(s.standIn, prompt, { channel });
  await s.standIn.until(() => s.standIn.visible().length > before);
  return s.job();
}

async function done(s: Setting, job = s.job()): Promise<void> {
  s.core.finish(job);
  await s.pass(() => s.core.delivered.has(job));
}

function pictures(s: Setting, channel = s.channel): string[] {
  return s.standIn.visible(channel).flatMap((m) => s.standIn.shownFiles(m).map(({ name }) => name));
}

test('a post whose answer is lost is found again by its job and not repeated', async (t) => {
  const s = await setting(t);
  for (let k = 0; k < 40; k++) {
    s.standIn.answered(s.channel, ANN, { text: 'chat', blocks: [{ type: 'divider' }], response_type: 'in_channel' });
  }
  s.standIn.faults.push({ method: 'chat.postMessage', how: 'drop-after', times: 1 });
  await sendCommand(s.standIn, 'a red fox', { channel: s.channel });
  await s.standIn.until(() => s.core.jobsById.size === 1);
  await done(s);
  assert.equal(s.standIn.visible(s.channel).filter(({ job }) => job === s.job()).length, 1);
  assert.deepEqual(pictures(s), ['a-red-fox-0.png']);
  assert.ok(s.standIn.calls.filter(({ method }) => method === 'conversations.history').length >= 1);
});

for (const minutes of [60, -60, 7]) {
  test(`a lost answer to a post is found where this machine's clock is ${minutes} min ahead of Slack's`, async (t) => {
    const s = await setting(t);
    s.clock.jump(minutes * MINUTE);
    s.standIn.faults.push({ method: 'chat.postMessage', how: 'drop-after', times: 1 });
    const job = await begun(s);
    s.core.finish(job);
    await s.pass(() => s.core.delivered.has(job));
    assert.deepEqual(pictures(s), ['a-red-fox-0.png']);
    assert.equal(s.standIn.visible(s.channel).length, 1);
  });
}

test('a post that cannot be searched for leaves at worst a line without pictures', async (t) => {
  const s = await setting(t);
  s.standIn.faults.push({ method: 'chat.postMessage', how: 'drop-after', times: 1 });
  s.standIn.faults.push({ method: 'conversations.history', how: { error: 'missing_scope' }, times: 9 });
  await sendCommand(s.standIn, 'a red fox', { channel: s.channel });
  await s.standIn.until(() => s.core.jobsById.size === 1);
  await done(s);
  const lines = s.standIn.visible(s.channel);
  assert.deepEqual(
    lines.map((m) => s.standIn.shownFiles(m).length),
    [0, 1],
  );
});

test('where history may be read once a minute only, a lost answer is searched for as far as that goes', async (t) => {
  const s = await setting(t);
  s.standIn.limits.set('conversations.history', 1);
  s.standIn.faults.push({ method: 'chat.postMessage', how: 'drop-before', times: 1 });
  for (let k = 0; k < 40; k++) {
    s.standIn.answered(s.channel, ANN, { text: 'chat', blocks: [{ type: 'divider' }], response_type: 'in_channel' });
  }
  await sendCommand(s.standIn, 'a red fox', { channel: s.channel });
  await s.standIn.until(() => s.core.jobsById.size === 1);
  await done(s);
  assert.deepEqual(pictures(s), ['a-red-fox-0.png']);
  assert.ok(s.standIn.tooMany >= 1);
});

test('a lost answer in a thread is searched for in that thread', async (t) => {
  const s = await setting(t);
  const thread = '1700000000.000100';
  s.standIn.faults.push({ method: 'chat.postMessage', how: 'drop-after', times: 1 });
  await mention(s.standIn, { text: 'a red fox', channel: s.channel, thread });
  await s.standIn.until(() => s.core.jobsById.size === 1);
  await done(s);
  assert.equal(s.standIn.visible(s.channel).length, 1);
  assert.ok(s.standIn.calls.some(({ method, args }) => method === 'conversations.replies' && args.ts === thread));
});

for (const method of [
  'files.getUploadURLExternal',
  'upload',
  'files.completeUploadExternal',
  'files.info',
  'chat.update',
]) {
  for (const how of ['drop-before', 'drop-after'] as const) {
    test(`the result comes although ${method} fails (${how})`, async (t) => {
      const s = await setting(t);
      await begun(s);
      s.standIn.faults.push({ method, how, times: 2 });
      await done(s);
      assert.deepEqual(pictures(s), ['a-red-fox-0.png']);
      assert.equal(s.core.delivered.get(s.job()), null);
      assert.equal(s.standIn.visible(s.channel).length, 1);
    });
  }
}

test('a picture is shown only once Slack has taken its file in, and uploaded anew if it never does', async (t) => {
  const s = await setting(t);
  await begun(s);
  s.standIn.fileTakes = 100 * MINUTE;
  s.core.finish(s.job());
  await s.pass(() => s.standIn.files.size === 1 && s.standIn.calls.filter((c) => c.method === 'files.info').length > 5);
  assert.deepEqual(pictures(s), []);
  s.standIn.fileTakes = 3000;
  await s.pass(() => s.core.delivered.has(s.job()), 1000);
  assert.equal(pictures(s).length, 1);
  assert.deepEqual(
    [...s.standIn.files.values()].map(({ deleted }) => deleted),
    [true, false],
  );
});

test('a preview that Slack has not yet taken in when the job ends is not kept', async (t) => {
  const s = await setting(t);
  const job = await begun(s);
  s.standIn.fileTakes = 30 * MINUTE;
  s.core.started(job);
  s.core.step(job, 0.5, PIXEL);
  await s.pass(() => s.standIn.keptFiles().length === 1);
  s.standIn.fileTakes = 0;
  await done(s, job);
  await s.pass(() => s.standIn.keptFiles().length === 1);
  assert.deepEqual(pictures(s), ['a-red-fox-0.png']);
  assert.deepEqual(
    s.standIn.keptFiles().map(({ name }) => name),
    ['a-red-fox-0.png'],
  );
});

for (const method of ['files.getUploadURLExternal', 'upload', 'files.completeUploadExternal']) {
  test(`a job that is asked for again while its preview is at ${method} leaves no file behind`, async (t) => {
    const s = await setting(t);
    const id = await begun(s);
    let release: () => void = () => undefined;
    s.standIn.held.set(method, new Promise<void>((resolve) => (release = resolve)));
    s.core.started(id);
    s.core.step(id, 0.5, PIXEL);
    await s.pass(() => s.standIn.arrived.includes(method));
    const other = s.standIn.channel().id;
    const job = s.core.job(id);
    assert.ok(job);
    s.core.onCommand = () => ({ kind: 'job', job, repeated: true });
    await sendCommand(s.standIn, `show ${id}`, { channel: other });
    await s.standIn.until(() => s.standIn.visible(other).length === 1);
    s.core.step(id, 0.6);
    await s.pass(() => (s.standIn.visible(other)[0]?.updates.length ?? 0) > 0);
    release();
    s.standIn.held.clear();
    await done(s, id);
    await s.pass(() => s.standIn.keptFiles().every(({ name }) => name === 'a-red-fox-0.png'));
    assert.deepEqual(pictures(s, other), ['a-red-fox-0.png']);
    assert.equal(s.standIn.keptFiles().length, 1);
  });
}

test('a file that Slack does not know after all is looked at again', async (t) => {
  const s = await setting(t);
  await begun(s);
  const details = ['[ERROR] invalid slack file [json-pointer:/blocks/1/slack_file]'];
  s.standIn.faults.push({ method: 'chat.update', how: { error: 'invalid_blocks', details }, times: 2 });
  await done(s);
  assert.equal(pictures(s).length, 1);
});

for (const error of ['missing_scope', 'file_uploads_disabled']) {
  test(`where pictures cannot be uploaded (${error}) the message says so`, async (t) => {
    const s = await setting(t);
    await begun(s);
    s.standIn.faults.push({ method: 'files.getUploadURLExternal', how: { error }, times: 9 });
    await done(s);
    assert.match(JSON.stringify(s.shown().blocks), /pictures can't be shown/);
    assert.match(s.core.delivered.get(s.job()) ?? '', /can't be shown/);
  });
}

test('a caption that Slack refuses never keeps the picture away', async (t) => {
  const s = await setting(t);
  const long = '&<>"\\\u0000'.repeat(1500);
  const fields = Array.from({ length: 25 }, (_, k) => ({ name: `${k}${long}`, value: long }));
  s.core.decorate = (reply) => ({ ...reply, title: long, lines: [long, long], fields, code: long });
  await begun(s);
  s.standIn.faults.push({ method: 'chat.update', how: { error: 'msg_too_long' }, times: 2 });
  await done(s);
  assert.deepEqual(pictures(s), ['a-red-fox-0.png']);
  assert.deepEqual(s.standIn.violations, []);
});

test('a deleted message stays away until there is a result, which is posted once more', async (t) => {
  const s = await setting(t);
  const job = await begun(s);
  s.shown().deleted = true;
  s.core.started(job);
  s.core.step(job, 0.3);
  await s.pass(() => s.standIn.calls.some(({ error }) => error === 'message_not_found'));
  s.core.step(job, 0.6);
  for (let k = 0; k < 10; k++) s.clock.advance(1000);
  assert.equal(s.standIn.visible(s.channel).length, 0);
  await done(s);
  assert.deepEqual(pictures(s), ['a-red-fox-0.png']);

  const second = await begun(s, 'again');
  s.core.finish(second);
  s.standIn.faults.push({ method: 'chat.update', how: { error: 'message_not_found' }, times: 99 });
  await s.pass(() => s.core.delivered.has(second), 1000);
  assert.match(s.core.delivered.get(second) ?? '', /deleted/);
});

test('in a channel that is archived meanwhile the result comes by direct message', async (t) => {
  const s = await setting(t);
  const job = await begun(s);
  Object.assign(s.standIn.channels.get(s.channel) ?? {}, { archived: true });
  s.core.started(job);
  s.core.step(job, 0.5);
  await done(s, job);
  const dm = s.standIn.dm(ANN).id;
  assert.deepEqual(pictures(s, dm), ['a-red-fox-0.png']);
  assert.match(JSON.stringify(s.standIn.visible(dm)[0]?.blocks), /Nobody can write in that channel/);
});

test('where not even a direct message is possible the job is put down with the reason', async (t) => {
  const s = await setting(t);
  const job = await begun(s);
  Object.assign(s.standIn.channels.get(s.channel) ?? {}, { archived: true });
  s.standIn.dm(ANN).archived = true;
  s.core.finish(job);
  await s.pass(() => s.core.delivered.has(job), 1000);
  assert.match(s.core.delivered.get(job) ?? '', /is_archived/);
});

test('a token that is revoked mid-job loses nothing: the result comes with the next one', async (t) => {
  const s = await setting(t);
  const job = await begun(s);
  s.standIn.tokens.delete(BOT_TOKEN);
  s.core.finish(job);
  await s.pass(() => s.log.some((line) => line.includes('not accepted any more')));
  for (let k = 0; k < 20; k++) s.clock.advance(MINUTE);
  assert.equal(s.core.delivered.has(job), false);
  s.standIn.tokens.set(BOT_TOKEN, TEAM);
  await s.pass(() => s.core.delivered.has(job), 10_000);
  assert.deepEqual(pictures(s), ['a-red-fox-0.png']);
  assert.ok(!s.log.join('\n').includes(BOT_TOKEN));
});

test('hours without a connection: everything that was finished is shown afterwards, once', async (t) => {
  const s = await setting(t);
  const jobs: string[] = [];
  for (const prompt of ['one', 'two', 'three']) jobs.push(await begun(s, prompt));
  s.standIn.faults.push({ method: /./, how: 'drop-before', times: Number.POSITIVE_INFINITY });
  s.standIn.socket.down = true;
  s.standIn.socket.cut();
  for (const job of jobs) s.core.finish(job);
  const began = s.clock.now();
  await s.pass(() => s.clock.now() - began > 3 * 60 * MINUTE, MINUTE);
  assert.equal(s.core.delivered.size, 0);
  s.standIn.faults.length = 0;
  s.standIn.socket.down = false;
  await s.pass(() => s.core.delivered.size === 3, 5000);
  assert.equal(pictures(s).length, 3);
  await s.pass(() => s.standIn.socket.sockets.length === 2, 5000);
  await begun(s, 'four');
});

test('finished jobs that were not shown are shown after a restart, and showing one again changes nothing', async (t) => {
  const s = await setting(t);
  const job = await begun(s);
  s.standIn.faults.push({ method: 'chat.update', how: 'drop-before', times: Number.POSITIVE_INFINITY });
  s.core.finish(job);
  await s.pass(() => s.standIn.calls.some(({ method, error }) => method === 'chat.update' && error === 'dropped'));
  await s.restart(() => {
    s.standIn.faults.length = 0;
  });
  await s.pass(() => s.core.delivered.has(job));
  assert.equal(pictures(s).length, 1);
  s.core.delivered.clear();
  await s.restart();
  await s.pass(() => s.core.delivered.has(job));
  assert.equal(pictures(s).length, 1);
  assert.equal(s.standIn.files.size, 1);
  assert.equal(s.standIn.visible(s.channel).length, 1);
});

test('a job that lost its message to a crash gets one in its room', async (t) => {
  const s = await setting(t);
  s.core.accept(REQUEST, {
    surface: 'slack',
    user: `${TEAM}:${ANN}`,
    name: 'Ann',
    room: `${TEAM}:${s.channel}`,
    guild: TEAM,
    payer: `slack:team:${TEAM}`,
    moderator: false,
    ageRestricted: false,
  });
  await done(s);
  assert.deepEqual(pictures(s), ['a-red-fox-0.png']);
});

test('failed and cancelled jobs say so in their message', async (t) => {
  const s = await setting(t);
  const failed = await begun(s, 'one');
  s.core.fail(failed, 'The accelerator ran out of memory.');
  await s.pass(() => s.core.delivered.has(failed));
  assert.match(s.shown().text, /ran out of memory/);
  const cancelled = await begun(s, 'two');
  s.core.cancel(cancelled);
  await s.pass(() => s.core.delivered.has(cancelled));
  assert.match(s.standIn.visible(s.channel)[1]?.text ?? '', /cancelled/);
});

test('stopping finishes what is being shown', async (t) => {
  const s = await setting(t);
  const job = await begun(s);
  s.core.started(job);
  s.core.step(job, 0.5, PIXEL);
  s.core.finish(job);
  await s.restart();
  await s.pass(() => s.core.delivered.has(job));
  assert.deepEqual(pictures(s), ['a-red-fox-0.png']);
});
