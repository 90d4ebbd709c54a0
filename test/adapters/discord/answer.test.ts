import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_REPLY, PIXEL } from '../fake-core.ts';
import { ANN, GUILD, sendAutocomplete, sendCommand } from './payloads.ts';
import { setting } from './setting.ts';

test('a command is acknowledged at once, shows progress with a preview, and ends as the pictures with buttons', async (t) => {
  const { standIn, core, channel, job, shown, pass } = await setting(t);
  sendCommand(standIn, 'wuerst', { prompt: 'a red fox', images: 2 }, { channel });
  await standIn.until(() => standIn.visible(channel).length === 1);
  assert.equal(shown().loading, true);
  await standIn.until(() => core.messages.size === 1);

  await pass(() => shown().embeds.length === 1);
  assert.equal(shown().embeds[0]?.title, 'a red fox');
  core.started(job());
  core.step(job(), 0.5, PIXEL);
  await pass(() => shown().attachments.some(({ filename }) => filename === 'preview.png'));
  assert.match(shown().embeds[0]?.description ?? '', /▰{6}▱{6} 50 %/);

  core.finish(job());
  await pass(() => core.delivered.has(job()));
  assert.deepEqual(
    shown().attachments.map(({ filename, description }) => [filename, description]),
    [
      ['a-red-fox-0.png', 'a red fox'],
      ['a-red-fox-1.png', 'a red fox'],
    ],
  );
  const ids = JSON.stringify(shown().components);
  for (const id of [`reroll:${job()}`, `ask:delete:${job()}`]) assert.ok(ids.includes(id), id);
  assert.equal(core.delivered.get(job()), null);
  assert.deepEqual(standIn.violations, []);
});

test('the caller is who Discord vouches for, and the guild that installed the app pays', async (t) => {
  const { standIn, core, channel } = await setting(t);
  sendCommand(standIn, 'wuerst', { prompt: 'one' }, { channel, nsfw: true, permissions: 1n << 5n });
  sendCommand(standIn, 'wuerst', { prompt: 'two' }, { channel: standIn.channel({ view: false }).id, install: 'user' });
  const dm = standIn.channel({ recipient: ANN }).id;
  sendCommand(standIn, 'wuerst', { prompt: 'three' }, { channel: dm, install: 'dm' });
  await standIn.until(() => core.calls.length === 3 && standIn.visible().length === 3);
  const [one, two, three] = core.calls.map(({ caller }) => caller);
  const base = { surface: 'discord', user: ANN, name: 'Ann' } as const;
  assert.deepEqual(one, {
    ...base,
    room: channel,
    guild: GUILD,
    payer: `discord:guild:${GUILD}`,
    moderator: true,
    ageRestricted: true,
  });
  assert.equal(two?.payer, `discord:user:${ANN}`);
  assert.equal(two?.guild, GUILD);
  assert.equal(two?.moderator, false);
  assert.deepEqual([three?.payer, three?.guild, three?.room], [`discord:user:${ANN}`, null, dm]);
});

test('a thread is as restricted as its channel', async (t) => {
  const { standIn, core, channel } = await setting(t);
  const parent = standIn.channel({ nsfw: true }).id;
  sendCommand(standIn, 'wuerst', { prompt: 'one' }, { channel, parent });
  await standIn.until(() => core.calls.length === 1);
  assert.equal(core.calls[0]?.caller.ageRestricted, true);
});

test('progress edits keep their distance and the latest state wins', async (t) => {
  const { standIn, core, channel, job, shown, pass, clock } = await setting(t);
  sendCommand(standIn, 'wuerst', { prompt: 'a red fox' }, { channel });
  await standIn.until(
    () => core.messages.size === 1 && !standIn.requests.every(({ path }) => !path.includes('callback')),
  );
  core.started(job());
  const start = clock.now();
  await pass(() => {
    core.step(job(), Math.min(1, (clock.now() - start) / 60_000));
    return clock.now() - start > 60_000;
  }, 200);
  core.finish(job());
  await pass(() => core.delivered.has(job()));
  const gaps = shown()
    .edits.slice(1)
    .map((at, index) => at - (shown().edits[index] ?? 0));
  assert.ok(gaps.length >= 15, `${gaps.length} edits`);
  assert.ok(Math.min(...gaps) >= 2500, `an edit came after ${Math.min(...gaps)} ms`);
  assert.ok(shown().attachments.length === 1);
});

test('an error and other private answers are ephemeral, and a slow one replaces the public deferral', async (t) => {
  const { standIn, core, channel, pass } = await setting(t);
  let decide: () => void = () => undefined;
  core.onCommand = async (text) => {
    if (text === 'slow') await new Promise<void>((resolve) => (decide = resolve));
    throw new Error('boom');
  };
  sendCommand(standIn, 'wuerst', { prompt: 'quick' }, { channel });
  await standIn.until(() => standIn.visible(channel).length === 1);
  assert.equal(standIn.visible(channel)[0]?.ephemeral, true);
  assert.match(standIn.visible(channel)[0]?.embeds[0]?.title ?? '', /Something went wrong/);

  sendCommand(standIn, 'wuerst', { prompt: 'slow' }, { channel });
  await standIn.until(() => core.calls.length === 2);
  await pass(() => standIn.visible(channel).length === 2, 100);
  assert.equal(standIn.visible(channel)[1]?.ephemeral, false);
  decide();
  await pass(() => standIn.visible(channel)[1]?.ephemeral === true, 1);
  assert.equal(standIn.visible(channel).length, 2);
});

test('a missing permission is named before anything is queued', async (t) => {
  const { standIn, core, channel, shown } = await setting(t);
  sendCommand(standIn, 'wuerst', { prompt: 'a red fox' }, { channel, appPermissions: (1n << 10n).toString() });
  await standIn.until(() => standIn.visible(channel).length === 1);
  // Also readable where embeds are what is missing.
  assert.match(shown().content, /“Embed Links” and “Attach Files”/);
  assert.equal(shown().ephemeral, true);
  assert.equal(core.calls.length, 0);
});

test("what a stranger makes from the message of a person's own installation is paid by that person", async (t) => {
  const { standIn, core, channel } = await setting(t);
  const user = '300000000000000009';
  sendCommand(standIn, 'wuerst', { prompt: 'one' }, { channel, install: 'user', user, owner: ANN });
  await standIn.until(() => core.calls.length === 1);
  assert.deepEqual([core.calls[0]?.caller.user, core.calls[0]?.caller.payer], [user, `discord:user:${ANN}`]);
});

test('a command in a private channel among friends is answered there by the token alone', async (t) => {
  const { standIn, core, job, pass } = await setting(t);
  const friends = standIn.channel({ view: false }).id;
  sendCommand(standIn, 'wuerst', { prompt: 'a red fox' }, { channel: friends, install: 'friends' });
  await standIn.until(() => core.messages.size === 1);
  core.finish(job());
  await pass(() => core.delivered.has(job()));
  assert.equal(standIn.visible(friends)[0]?.attachments.length, 1);
  assert.deepEqual([core.calls[0]?.caller.guild, core.calls[0]?.caller.payer], [null, `discord:user:${ANN}`]);
  assert.ok(standIn.requests.every(({ path }) => !path.startsWith('/channels/')));
});

test('a reply with pictures survives dropped connections', async (t) => {
  const { standIn, core, channel, pass, shown } = await setting(t);
  const image = { id: 'i1', fileName: 'fox-1.png', width: 1, height: 1, alt: 'a fox', spoiler: false };
  core.onCommand = () => ({
    kind: 'reply',
    reply: { ...EMPTY_REPLY, title: 'History', images: [image], ephemeral: true },
  });
  standIn.faults.push({ method: 'PATCH', path: /^\/webhooks\//, how: 'drop-before', times: 2 });
  sendCommand(standIn, 'wuerst-history', {}, { channel });
  await pass(() => standIn.visible(channel)[0]?.attachments.length === 1);
  assert.equal(shown().ephemeral, true);
});

test('completion waits for nothing, also in a thread whose channel is unknown', async (t) => {
  const { standIn, channel } = await setting(t);
  const typed = sendAutocomplete(standIn, 'style', '', { channel, parent: standIn.channel().id });
  await standIn.until(() => standIn.interactions.get(typed.token)?.acknowledged === true);
  assert.ok(standIn.requests.every(({ path }) => !path.startsWith('/channels/')));
});
