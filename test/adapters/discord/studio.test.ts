import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ComponentType, Locale } from 'discord.js';
import { createDiscordAdapter } from '../../../src/adapters/discord/adapter.ts';
import { FakePainter } from '../../bot/jobs/fake-painter.ts';
import { JudgingPainter } from '../../bot/jobs/judging-painter.ts';
import { openStudio } from '../../bot/studio/studio-fixture.ts';
import { markTexts } from '../../texts/marked.ts';
import { ANN, type From, sendAutocomplete, sendClick, sendCommand, sendContextMenu, sendModal } from './payloads.ts';
import { memoryLogger } from './setting.ts';
import { StandIn, type StoredMessage, TOKEN } from './stand-in.ts';

const BOB = '300000000000000009';
const MANAGE_MESSAGES = 1n << 13n;
const MANAGE_GUILD = 1n << 5n;

/** The adapter on the real core, with a painter in memory. */
async function world(t: TestContext, made = new FakePainter()) {
  // Before the hook that closes the studio.
  let end: () => Promise<void> = async () => undefined;
  t.after(() => end());
  const { studio, clock, painter, problems } = await openStudio(t, { painter: made });
  const standIn = await StandIn.start(() => clock.now());
  const log: string[] = [];
  const { apiBase } = standIn;
  const make = () => createDiscordAdapter({ token: TOKEN, apiBase, logger: memoryLogger(log), clock });
  let adapter = make();
  await adapter.start(studio);
  const stop = async () => {
    const stopped = adapter.stop(1000);
    const ticks = setInterval(() => clock.advance(500), 5);
    await stopped;
    clearInterval(ticks);
  };
  end = async () => {
    await stop();
    await standIn.close();
  };
  /** Stops the adapter, lets `meanwhile` happen, and starts another one on the same core. */
  const restart = async (meanwhile: () => unknown = () => undefined) => {
    await stop();
    await meanwhile();
    adapter = make();
    await adapter.start(studio);
  };
  const channel = standIn.channel().id;
  const pass = async (condition: () => boolean, stepMs = 500) => {
    for (let steps = 0; !condition(); steps++) {
      if (steps > 600) throw new Error(`never happened: ${condition}\n${log.slice(-8).join('\n')}`);
      clock.advance(stepMs);
      for (let turn = 0; turn < 4 && !condition(); turn++) await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  /** What appears next in the channel that fulfils the condition. */
  const next = async (act: () => unknown, shows: (message: StoredMessage) => boolean, where = channel) => {
    const before = new Set(standIn.messages.keys());
    act();
    const fresh = () => standIn.visible(where).find((message) => !before.has(message.id) && shows(message));
    await pass(() => fresh() !== undefined);
    const message = fresh();
    assert.ok(message);
    return message;
  };
  const painted = (options: Record<string, string | number | boolean>, from: Partial<From> = {}) =>
    next(
      () => sendCommand(standIn, 'wuerst', options, { channel, ...from }),
      (message) => customIds(message).some((id) => id.startsWith('info:')),
      from.channel ?? channel,
    );
  const newest = () => studio.jobs({ surface: 'discord', limit: 1 })[0];
  /** The answer to a person who erases everything. */
  const erase = async (from: Partial<From> = {}) => {
    const question = await next(
      () => sendCommand(standIn, 'wuerst-erase', {}, { channel, ...from }),
      ({ ephemeral, loading }) => ephemeral && !loading,
      from.channel,
    );
    sendClick(standIn, 'erase:me', question, { channel, ...from });
    const answers = () =>
      standIn.visible().filter((shown) => shown.ephemeral && /^(?:Erased|Not gone)/.test(titleOf(shown)));
    const before = answers().length;
    await pass(() => answers().length > before);
    return answers().at(-1) ?? question;
  };
  return { studio, clock, painter, standIn, channel, pass, next, painted, erase, restart, newest, problems, log };
}

function customIds(message: StoredMessage): string[] {
  return message.components.flatMap((row) =>
    (row.components as { type: number; custom_id: string; options?: { value: string }[] }[]).flatMap((part) =>
      part.type === ComponentType.StringSelect ? (part.options ?? []).map(({ value }) => value) : [part.custom_id],
    ),
  );
}

function idFor(message: StoredMessage, verb: string): string {
  const id = customIds(message).find((known) => known.replace('ask:', '').startsWith(`${verb}:`));
  assert.ok(id, `${verb} among ${customIds(message)}`);
  return id;
}

const titleOf = (message: StoredMessage) => message.embeds[0]?.title ?? '';
const textOf = (message: StoredMessage) => message.embeds[0]?.description ?? '';
const picturesOf = ({ attachments }: StoredMessage) => attachments.length;

test('from the words to the picture, and every button of it', async (t) => {
  const { studio, standIn, channel, pass, next, painted, newest, problems } = await world(t);
  const message = await painted({ prompt: 'a *red* fox seed:7', images: 2, spoiler: true });
  assert.equal(picturesOf(message), 2);
  assert.ok(message.attachments.every(({ filename }) => filename.startsWith('SPOILER_')));
  assert.equal(titleOf(message), 'a \\*red\\* fox');
  const first = newest();
  assert.deepEqual([first?.request.prompt, first?.request.n, first?.request.seed], ['a *red* fox', 2, 7n]);

  for (const verb of ['reroll', 'vary-subtle', 'vary-strong', 'larger', 'larger-2x']) {
    const made = await next(
      () => sendClick(standIn, idFor(message, verb), message, { channel, user: BOB }),
      (other) => picturesOf(other) > 0,
    );
    assert.equal(newest()?.derivation?.verb, verb.replace('-2x', ''));
    assert.equal(newest()?.caller.user, BOB);
    assert.notEqual(made.id, message.id);
  }

  const click = sendClick(standIn, idFor(message, 'remix'), message, { channel });
  await standIn.until(() => standIn.interactions.get(click.token)?.responses.length === 1);
  assert.match(JSON.stringify(standIn.interactions.get(click.token)?.responses), /"value":"a \*red\* fox"/);
  const wrong = await next(
    () => sendModal(standIn, idFor(message, 'remix').replace('ask:', ''), 'a fox width:9', { channel }),
    ({ ephemeral }) => ephemeral,
  );
  assert.match(textOf(wrong), /64/);
  await next(
    () => sendModal(standIn, idFor(message, 'remix').replace('ask:', ''), 'a blue fox', { channel }),
    (other) => picturesOf(other) > 0,
  );
  assert.equal(newest()?.request.prompt, 'a blue fox');

  const info = await next(
    () => sendClick(standIn, idFor(message, 'info'), message, { channel }),
    ({ ephemeral }) => ephemeral,
  );
  const same = await next(
    () => sendContextMenu(standIn, message, { channel, user: BOB }),
    ({ ephemeral }) => ephemeral,
  );
  assert.match(textOf(info), /\/wuerst .*seed:7/);
  assert.deepEqual(info.embeds, same.embeds);
  await pass(() => studio.undelivered('discord').length === 0);
  assert.deepEqual(standIn.violations, []);
  assert.deepEqual(problems, []);
});

test('cancelling is seen on the message itself, and is for who asked and for moderators', async (t) => {
  const { studio, standIn, channel, pass, next, newest } = await world(t);
  const message = await next(
    () => sendCommand(standIn, 'wuerst', { prompt: 'please wait fox' }, { channel }),
    ({ components }) => components.length > 0,
  );
  const refused = await next(
    () => sendClick(standIn, idFor(message, 'cancel'), message, { channel, user: BOB }),
    ({ ephemeral }) => ephemeral,
  );
  assert.match(titleOf(refused), /Only the person who asked/);
  const click = sendClick(standIn, idFor(message, 'cancel'), message, {
    channel,
    user: BOB,
    permissions: MANAGE_MESSAGES,
  });
  await pass(() => /moderator/.test(textOf(message)));
  assert.equal(standIn.interactions.get(click.token)?.responses[0]?.type, 6);
  await pass(() => studio.undelivered('discord').length === 0);
  assert.equal(newest()?.state, 'cancelled');
  assert.deepEqual(
    standIn.visible(channel).filter(({ ephemeral }) => !ephemeral),
    [message],
  );

  const second = await next(
    () => sendCommand(standIn, 'wuerst', { prompt: 'please wait hen' }, { channel }),
    ({ components }) => components.length > 0,
  );
  const queue = await next(
    () => sendCommand(standIn, 'wuerst-queue', {}, { channel }),
    ({ ephemeral }) => ephemeral,
  );
  sendClick(standIn, idFor(queue, 'cancel'), queue, { channel });
  await pass(() => textOf(second).includes('Cancelled'));
  assert.match(textOf(queue), /Cancelled/, 'the list says what became of it');

  const third = await next(
    () => sendCommand(standIn, 'wuerst', { prompt: 'please wait cat' }, { channel }),
    ({ components }) => components.length > 0,
  );
  const told = await next(
    () => sendCommand(standIn, 'wuerst-cancel', {}, { channel }),
    ({ ephemeral }) => ephemeral,
  );
  assert.match(textOf(told), /Cancelled/);
  await pass(() => textOf(third).includes('Cancelled'));
});

test('deleting asks first and takes the pictures off every message that shows them', async (t) => {
  const { studio, standIn, channel, pass, next, painted, newest } = await world(t);
  const message = await painted({ prompt: 'a red fox', images: 3 });
  const id = newest()?.id ?? '';
  const elsewhere = standIn.channel().id;
  const again = await next(
    () => sendCommand(standIn, 'wuerst-show', { id }, { channel: elsewhere }),
    (shown) => picturesOf(shown) === 3,
    elsewhere,
  );
  await pass(() => studio.undelivered('discord').length === 0);

  const question = await next(
    () => sendClick(standIn, idFor(message, 'delete'), message, { channel }),
    ({ ephemeral }) => ephemeral,
  );
  assert.match(titleOf(question), /for good\?/);
  assert.equal(picturesOf(message), 3);
  sendClick(standIn, idFor(question, 'delete'), question, { channel });
  await pass(() => picturesOf(message) === 0 && picturesOf(again) === 0);
  assert.deepEqual(
    standIn.visible(channel).filter(({ ephemeral }) => !ephemeral),
    [message],
  );

  const other = await painted({ prompt: 'a hen', images: 2 });
  const [one] = customIds(other).filter(
    (known) => known.startsWith('ask:delete:') && !known.includes(newest()?.id ?? ''),
  );
  const refused = await next(
    () => sendClick(standIn, (one ?? '').replace('ask:', ''), other, { channel, user: BOB }),
    ({ ephemeral }) => ephemeral,
  );
  assert.match(titleOf(refused), /Only the person who asked/);
  const { uploads } = other;
  sendClick(standIn, (one ?? '').replace('ask:', ''), other, { channel });
  await pass(() => picturesOf(other) === 1);
  assert.equal(other.uploads, uploads, 'the picture that stays was not sent again');
});

test('without access a deletion years later still reaches the message, by the token of the click', async (t) => {
  const { studio, clock, standIn, pass, next, painted } = await world(t);
  const channel = standIn.channel({ view: false }).id;
  const from = { channel, install: 'user' } as const;
  const message = await painted({ prompt: 'a red fox' }, from);
  await pass(() => studio.undelivered('discord').length === 0);
  clock.advance(3 * 365 * 24 * 3_600_000);
  const question = await next(
    () => sendClick(standIn, idFor(message, 'delete'), message, from),
    ({ ephemeral }) => ephemeral,
    channel,
  );
  sendClick(standIn, idFor(question, 'delete'), question, from);
  await pass(() => picturesOf(message) === 0);
  assert.match(textOf(message), /deleted/);
  assert.equal([...standIn.channels.values()].filter(({ recipient }) => recipient === ANN).length, 0);
});

test('a request that is shown again is shown there alone, and the old message says so', async (t) => {
  const { painter, standIn, channel, pass, next, newest } = await world(t);
  const message = await next(
    () => sendCommand(standIn, 'wuerst', { prompt: 'please wait fox' }, { channel }),
    ({ components }) => components.length > 0,
  );
  const elsewhere = standIn.channel().id;
  const again = await next(
    () => sendCommand(standIn, 'wuerst-show', { id: newest()?.id ?? '' }, { channel: elsewhere }),
    ({ components }) => components.length > 0,
    elsewhere,
  );
  await pass(() => message.content.includes('asked for again'));
  painter.release();
  await pass(() => picturesOf(again) === 1);
  assert.equal(picturesOf(message), 0);
});

test('history, queue, settings and help speak of what is there, and nothing misread is painted', async (t) => {
  const { studio, standIn, channel, next, painted, problems } = await world(t);
  await painted({ prompt: 'a red fox' });
  const private_ = ({ ephemeral, loading }: StoredMessage) => ephemeral && !loading;
  const say = (name: string, options: Record<string, string> = {}, from: Partial<From> = {}) =>
    next(() => sendCommand(standIn, name, options, { channel, ...from }), private_);
  assert.equal(picturesOf(await say('wuerst-history')), 1);
  assert.match(titleOf(await say('wuerst-queue')), /Nothing waits/);
  assert.match(titleOf(await say('wuerst-help')), /paint/);
  assert.match(titleOf(await say('wuerst-settings')), /What holds here/);
  const change = { setting: 'user-jobs', value: '3' };
  assert.match(titleOf(await say('wuerst-settings', change)), /Only moderators/);
  assert.match(titleOf(await say('wuerst-settings', change, { permissions: MANAGE_MESSAGES })), /Only moderators/);
  assert.match(titleOf(await say('wuerst-settings', change, { permissions: MANAGE_GUILD })), /changed/);
  const words = { setting: 'blocked-words', value: '+ugly thing' };
  assert.match(titleOf(await say('wuerst-settings', words, { permissions: MANAGE_GUILD })), /changed/);

  assert.match(titleOf(await say('wuerst-show', { id: 'foo' })), /Expected show /);
  assert.match(titleOf(await say('wuerst-cancel', { id: 'the last one' })), /Expected cancel/);
  assert.match(titleOf(await say('wuerst-settings', { setting: 'colour' })), /settings/);
  assert.match(titleOf(await say('wuerst-settings', { value: '3' })), /needs a setting/);
  assert.match(titleOf(await say('wuerst-show', { id: 'abc123' })), /Nothing is known/);
  assert.equal(studio.jobs({ surface: 'discord', limit: 10 }).length, 1);
  assert.deepEqual(problems, []);
});

test('the same setting as an option and in the text is an error, and so is every value beyond its limits', async (t) => {
  const { studio, standIn, channel, next } = await world(t);
  const refused = async (options: Record<string, string | number>) => {
    const message = await next(
      () => sendCommand(standIn, 'wuerst', { prompt: 'a fox', ...options }, { channel }),
      ({ ephemeral }) => ephemeral,
    );
    return `${titleOf(message)} ${textOf(message)}`;
  };
  assert.match(await refused({ prompt: 'a fox width:512', width: 640 }), /width/);
  assert.match(await refused({ prompt: 'a fox size:512x512', width: 640 }), /width|size/);
  assert.match(await refused({ prompt: 'a fox size:512x512', ar: '2:3' }), /ar|size/);
  assert.match(await refused({ prompt: 'a fox seed:1', seed: '2' }), /seed/);
  assert.match(await refused({ prompt: 'a fox --no text', negative: 'blur' }), /negative/);
  for (const options of [
    { width: 63 },
    { height: 4097 },
    { images: 0 },
    { images: 11 },
    { steps: 201 },
    { guidance: -1 },
  ]) {
    assert.ok((await refused(options)).length > 10, JSON.stringify(options));
  }
  for (const options of [{ seed: '18446744073709551616' }, { style: 'cubist' }, { ar: '1:99' }, { size: '9x9' }]) {
    assert.ok((await refused(options)).length > 10, JSON.stringify(options));
  }
  assert.equal(studio.jobs({ surface: 'discord', limit: 10 }).length, 0);
});

test('several requests of one command are asked for first, and each gets a message of its own', async (t) => {
  const { studio, standIn, channel, pass, next } = await world(t);
  const question = await next(
    () => sendCommand(standIn, 'wuerst', { prompt: 'a {red, blue, grey} fox' }, { channel }),
    ({ ephemeral }) => ephemeral,
  );
  sendClick(standIn, idFor(question, 'confirm'), question, { channel });
  const results = () => standIn.visible(channel).filter((message) => !message.ephemeral && picturesOf(message) === 1);
  await pass(() => results().length === 3);
  await pass(() => studio.undelivered('discord').length === 0);
  assert.deepEqual(results().map(titleOf).sort(), ['a blue fox', 'a grey fox', 'a red fox']);
  assert.deepEqual(standIn.violations, []);
});

test('earlier prompts are completed from what the core kept, as they would have to be typed', async (t) => {
  const { standIn, channel, painted, newest } = await world(t);
  const long = `${'a very '.repeat(30)}long fox`;
  for (const prompt of [long, '"help"']) await painted({ prompt });
  const typed = sendAutocomplete(standIn, 'prompt', '', { channel });
  await standIn.until(() => standIn.interactions.get(typed.token)?.responses.length === 1);
  const [response] = standIn.interactions.get(typed.token)?.responses ?? [];
  const { choices } = (response?.data ?? {}) as { choices: { name: string; value: string }[] };
  assert.equal(choices[0]?.value, '"help"', 'else it would be a command');
  assert.ok((choices[1]?.value.length ?? 101) < 30);
  await painted({ prompt: choices[1]?.value ?? '' });
  assert.equal(newest()?.request.prompt, long);
  const style = sendAutocomplete(standIn, 'style', '', { channel });
  await standIn.until(() => standIn.interactions.get(style.token)?.responses.length === 1);
  assert.match(JSON.stringify(standIn.interactions.get(style.token)?.responses), /aesthetic/);
});

test('who erases everything is gone from every channel, and from no message of others', async (t) => {
  const { studio, standIn, pass, next, painted, erase, newest, problems } = await world(t);
  const message = await painted({ prompt: 'a red fox', images: 2 });
  const elsewhere = standIn.channel().id;
  const again = await next(
    () => sendCommand(standIn, 'wuerst-show', { id: newest()?.id ?? '' }, { channel: elsewhere }),
    (shown) => picturesOf(shown) === 2,
    elsewhere,
  );
  const ofBob = await painted({ prompt: 'a hen' }, { user: BOB });
  await pass(() => studio.undelivered('discord').length === 0);
  const told = await erase();
  assert.equal(titleOf(told), 'Erased');
  assert.match(textOf(told), /1 request and 2 pictures .*One message or file that showed them is gone/s);
  assert.deepEqual([message.deleted, again.deleted, ofBob.deleted], [true, true, false]);
  assert.deepEqual(standIn.violations, []);
  assert.deepEqual(problems, []);
});

test('a message that may not be deleted is emptied', async (t) => {
  const { studio, standIn, pass, painted, erase } = await world(t);
  const message = await painted({ prompt: 'a red fox' });
  await pass(() => studio.undelivered('discord').length === 0);
  const path = new RegExp(`/messages/${message.id}$`);
  standIn.faults.push({ method: 'DELETE', path, how: { status: 403, code: 50013 }, times: 9 });
  assert.equal(titleOf(await erase()), 'Erased');
  assert.deepEqual([picturesOf(message), message.embeds.length, message.components.length], [0, 0, 0]);
  assert.match(message.content, /erased by the person/);
});

test('what cannot be removed is told with why, kept through a restart, and removed when that is possible', async (t) => {
  const { studio, standIn, clock, pass, painted, erase, restart, log } = await world(t);
  const { id: channel } = standIn.channel();
  const message = await painted({ prompt: 'a red fox' }, { channel });
  await pass(() => studio.undelivered('discord').length === 0);
  clock.advance(3_600_000);
  const place = standIn.channels.get(channel);
  assert.ok(place);
  place.view = false;
  const told = await erase();
  assert.equal(titleOf(told), 'Not gone everywhere yet');
  assert.match(textOf(told), /One message or file could not be removed yet\. I lack the permission “View Channels”/);
  assert.equal(message.deleted, false);
  await restart();
  await pass(() => log.filter((line) => line.includes('could not be removed yet')).length > 2);
  await restart(() => {
    place.view = true;
  });
  await pass(() => message.deleted);
  assert.equal(titleOf(await erase()), 'Erased');
});

test('a message that only a click reaches goes with the next click, whoever makes it', async (t) => {
  const { studio, standIn, clock, pass, painted, erase, restart } = await world(t);
  const channel = standIn.channel({ view: false }).id;
  const from = { channel, install: 'user' } as const;
  const message = await painted({ prompt: 'a red fox' }, from);
  await pass(() => studio.undelivered('discord').length === 0);
  clock.advance(3_600_000);
  const told = await erase();
  assert.match(textOf(told), /it goes when somebody clicks one of its buttons/);
  await restart();
  await pass(() => true);
  sendClick(standIn, idFor(message, 'info'), message, { ...from, user: BOB });
  await pass(() => message.deleted);
});

test('a picture that was deleted while Discord was out of reach comes off its message after a restart', async (t) => {
  const { studio, standIn, clock, channel, pass, painted, restart, newest } = await world(t);
  const message = await painted({ prompt: 'a red fox', images: 2 });
  await pass(() => studio.undelivered('discord').length === 0);
  clock.advance(3_600_000);
  await restart(async () => {
    const job = newest();
    assert.ok(job);
    await studio.act(`delete:${job.images[1]?.id}`, job.caller);
  });
  await pass(() => picturesOf(message) === 1);
  await pass(() => studio.postings?.outdated('discord').length === 0);
  assert.deepEqual(standIn.visible(channel), [message]);
});

test('presets, weights and drawn words come by option, by their own command and by a form', async (t) => {
  const { standIn, channel, next, painted, newest } = await world(t);
  const say = async (name: string, options: Record<string, string> = {}) =>
    next(
      () => sendCommand(standIn, name, options, { channel }),
      ({ ephemeral, loading }) => ephemeral && !loading,
    );
  assert.match(titleOf(await say('wuerst-presets', { action: 'save film {prompt}, film still steps:9' })), /film/);
  const message = await painted({ prompt: 'a (panda:1.3) on {red|green}', preset: 'film', seed: '7' });
  assert.match(newest()?.request.prompt ?? '', /^a \(panda:1\.3\) on (red|green), film still$/);
  assert.deepEqual([newest()?.request.weighted, newest()?.request.steps], [true, 9]);

  const click = sendClick(standIn, idFor(message, 'save-preset'), message, { channel });
  await standIn.until(() => standIn.interactions.get(click.token)?.responses.length === 1);
  assert.match(
    JSON.stringify(standIn.interactions.get(click.token)?.responses),
    /"value":"a-panda-on-\w+: \{prompt\}, film still"/,
  );
  const saved = await next(
    () => sendModal(standIn, idFor(message, 'save-preset').replace('ask:', ''), 'soft: {prompt}, soft', { channel }),
    ({ ephemeral, loading }) => ephemeral && !loading,
  );
  assert.match(titleOf(saved), /The preset soft is saved/);
  await painted({ prompt: 'a cat', preset: 'soft' });
  assert.equal(newest()?.request.prompt, 'a cat, soft');
  assert.match(titleOf(await say('wuerst-defaults', { action: 'steps:8' })), /Your defaults are changed/);
  assert.match(titleOf(await say('wuerst-wildcards')), /no wildcards here yet/);
});

test('pictures that are not safe for work are covered or blurred, and a moderator shows one after all', async (t) => {
  const { standIn, channel, pass, next, painted } = await world(t, new JudgingPainter());
  const moderator = { channel, user: BOB, permissions: MANAGE_MESSAGES | MANAGE_GUILD };
  const set = (value: string) =>
    next(
      () => sendCommand(standIn, 'wuerst-settings', { setting: 'nsfw-pictures', value }, moderator),
      ({ ephemeral, loading }) => ephemeral && !loading,
    );
  const namesOf = ({ attachments }: StoredMessage) => attachments.map(({ filename }) => filename);
  const isShown = ({ attachments }: StoredMessage) => attachments[0]?.bytes.includes('explicit fox') === true;
  await set('spoiler');
  const covered = await painted({ prompt: 'an explicit fox', images: 2 });
  assert.match(namesOf(covered).join(), /^SPOILER_an-explicit-fox-\d+\.png,an-explicit-fox-\d+\.png$/);
  await set('blur');
  const message = await painted({ prompt: 'an explicit fox' });
  assert.deepEqual([picturesOf(message), isShown(message)], [1, false]);
  assert.match(JSON.stringify(message.embeds), /looks not safe for work, so it is blurred/);
  const info = (from: { readonly user?: string; readonly permissions?: bigint }) =>
    next(
      () => sendClick(standIn, idFor(message, 'info'), message, { channel, ...from }),
      ({ ephemeral, loading }) => ephemeral && !loading,
    );
  assert.equal(picturesOf(await info({ user: ANN })), 0);
  const review = await info(moderator);
  assert.deepEqual([namesOf(review)[0]?.startsWith('SPOILER_original'), isShown(review)], [true, true]);
  sendClick(standIn, idFor(review, 'uncover'), review, moderator);
  await pass(() => isShown(message));
  assert.deepEqual([picturesOf(message), picturesOf(review)], [1, 0], 'what only the moderator saw is gone');
  const again = await info(moderator);
  sendClick(standIn, idFor(again, 'hide'), again, moderator);
  await pass(() => !isShown(message));
  assert.match(JSON.stringify(message.embeds), /A moderator has blurred picture 1/);
});

test('a message is in the language of whoever asked, an answer in that of whoever clicked, also after a restart', async (t) => {
  markTexts('de');
  markTexts('ja', ['〈', '〉']);
  const { studio, standIn, channel, pass, next, restart } = await world(t);
  const ann = { channel, user: ANN, locale: Locale.German } as const;
  const bob = { channel, user: BOB, locale: Locale.Japanese } as const;
  const asks = (prompt: string, from: From) =>
    next(
      () => sendCommand(standIn, 'wuerst', { prompt }, from),
      ({ components }) => components.length > 0,
    );
  const german = await asks('please wait fox', ann);
  const japanese = await asks('please wait hen', bob);
  const english = await asks('please wait cat', { channel, user: '300000000000000008' });
  const shown = (message: StoredMessage) => JSON.stringify([message.embeds, message.components]);
  const speaks = (message: StoredMessage, marks: RegExp, others: RegExp) => {
    assert.match(shown(message), marks);
    assert.doesNotMatch(shown(message), others);
  };
  const allSpeak = () => {
    speaks(german, /«[^»]+»/, /[〈〉]/);
    speaks(japanese, /〈[^〉]+〉/, /[«»]/);
    speaks(english, /Cancel/, /[«»〈〉]/);
  };
  allSpeak();

  const refused = await next(
    () => sendClick(standIn, idFor(german, 'cancel'), german, bob),
    ({ ephemeral }) => ephemeral,
  );
  speaks(refused, /〈Only the person who asked/, /[«»]/);
  sendClick(standIn, idFor(german, 'cancel'), german, { ...bob, permissions: MANAGE_MESSAGES });
  await pass(() => textOf(german).includes('«Cancelled by a moderator.»'));
  await pass(() => studio.jobs({ surface: 'discord', user: BOB, limit: 1 })[0]?.state === 'running');
  await restart();
  sendClick(standIn, idFor(english, 'cancel'), english, { ...bob, permissions: MANAGE_MESSAGES });
  await pass(() => textOf(english).includes('Cancelled by a moderator.'));
  sendClick(standIn, idFor(japanese, 'cancel'), japanese, { ...ann, permissions: MANAGE_MESSAGES });
  await pass(() => textOf(japanese).includes('〈Cancelled by a moderator.〉'));
  await pass(() => studio.undelivered('discord').length === 0);
  allSpeak();
  assert.deepEqual(standIn.violations, []);
});
