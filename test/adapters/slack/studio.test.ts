import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { createSlackAdapter } from '../../../src/adapters/slack/adapter.ts';
import { FakePainter } from '../../bot/jobs/fake-painter.ts';
import { JudgingPainter } from '../../bot/jobs/judging-painter.ts';
import { openStudio } from '../../bot/studio/studio-fixture.ts';
import { markTexts } from '../../texts/marked.ts';
import { buttonOf, click, openForm, sendCommand, sendEvent, submit } from './payloads.ts';
import { memoryLogger, passTime } from './setting.ts';
import { ANN, APP_TOKEN, BOSS, BOT_TOKEN, StandIn, type StoredMessage, TEAM } from './stand-in.ts';
import { isRecord } from './strict.ts';

/** The adapter on the real core, with a painter in memory. */
async function world(t: TestContext, painter = new FakePainter()) {
  // Before the hook that closes the studio.
  let end: () => Promise<void> = async () => undefined;
  t.after(() => end());
  const { studio, clock, problems } = await openStudio(t, { painter });
  const standIn = await StandIn.start(() => clock.now());
  const log: string[] = [];
  const logger = memoryLogger(log);
  const make = () =>
    createSlackAdapter({
      botToken: BOT_TOKEN,
      transport: { kind: 'socket', appToken: APP_TOKEN },
      port: 0,
      apiUrl: standIn.apiUrl,
      logger,
      clock,
    });
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
  const pass = (condition: () => boolean) => passTime(clock, condition, { log });
  const pictures = (message: StoredMessage | undefined) => (message ? standIn.shownFiles(message).length : 0);
  /** The message that shows what was asked for, finished. */
  const painted = async (text: string): Promise<StoredMessage> => {
    const before = standIn.visible(channel).length;
    await sendCommand(standIn, text, { channel });
    // A picture alone may be a preview, if the painter takes its time.
    await pass(() => studio.undelivered('slack').length === 0 && pictures(standIn.visible(channel)[before]) > 0);
    assert.equal(studio.jobs({ surface: 'slack', limit: 1 })[0]?.state, 'done');
    const message = standIn.visible(channel)[before];
    assert.ok(message);
    return message;
  };
  /** The answer to Ann, who erases everything. */
  const erase = async (): Promise<string> => {
    const answers = () =>
      standIn.visible(channel).filter(({ only, text }) => only === ANN && /^(?:Erased|Not gone)/.test(text));
    const before = answers().length;
    await sendCommand(standIn, 'erase confirm', { channel });
    await pass(() => answers().length > before);
    const answer = answers().at(-1);
    return `${answer?.text} ${JSON.stringify(answer?.blocks)}`;
  };
  return { studio, clock, standIn, channel, pass, pictures, painted, erase, restart, problems, log };
}

function actionsOf(message: StoredMessage): string[] {
  return message.blocks.flatMap(({ elements }) =>
    (Array.isArray(elements) ? elements : []).flatMap((e) =>
      isRecord(e) && e.type === 'button' ? [String(e.value)] : [],
    ),
  );
}

function actionOf(message: StoredMessage, verb: string): string {
  const action = actionsOf(message).find((known) => known.startsWith(`${verb}:`));
  assert.ok(action, `${verb} among ${actionsOf(message)}`);
  return action;
}

test('from the words to the picture, and every button of it', async (t) => {
  const { studio, standIn, channel, pass, pictures, painted, problems } = await world(t);
  const message = await painted('a red fox &amp; a hen n:2 seed:7');
  assert.equal(pictures(message), 2);
  const [job] = studio.jobs({ surface: 'slack', limit: 1 });
  assert.deepEqual([job?.request.prompt, job?.request.n, job?.request.seed], ['a red fox & a hen', 2, 7n]);

  await click(standIn, actionOf(message, 'reroll'), message);
  await pass(() => standIn.visible(channel).some((other) => other !== message && pictures(other) === 2));

  await click(standIn, actionOf(message, 'remix'), message);
  await standIn.until(() => standIn.views.size === 1);
  const form = openForm(standIn);
  assert.match(JSON.stringify(form), /a red fox & a hen/);
  const wrong = await submit(standIn, form, 'a blue fox width:9');
  assert.equal(wrong.payload.response_action, 'errors');
  await submit(standIn, form, 'a blue fox');
  await pass(() => studio.jobs({ surface: 'slack', limit: 1 })[0]?.state === 'done');
  assert.equal(studio.jobs({ surface: 'slack', limit: 1 })[0]?.request.prompt, 'a blue fox');

  await click(standIn, actionOf(message, 'info'), message);
  await standIn.until(() => standIn.visible(channel).some(({ only, text }) => only === ANN && text.includes('fox')));
  assert.deepEqual(standIn.violations, []);
  assert.deepEqual(problems, []);
});

test('deleting is for who asked and for admins, and takes the file away', async (t) => {
  const { standIn, channel, pass, pictures, painted } = await world(t);
  standIn.people.set('U0EVE', { name: 'Eve', admin: false, team: 'T0001' });
  const message = await painted('a red fox');
  const [file] = standIn.shownFiles(message);
  const action = actionOf(message, 'delete');
  assert.ok(isRecord(buttonOf(message.blocks, action).confirm));
  await click(standIn, action, message, { user: 'U0EVE' });
  await standIn.until(() => standIn.visible(channel).some(({ only }) => only === 'U0EVE'));
  assert.equal(pictures(message), 1);
  await click(standIn, action, message, { user: BOSS });
  await pass(() => file?.deleted === true);
  assert.equal(pictures(message), 0);
});

test('history, show, queue, settings and the Home tab speak of what is there', async (t) => {
  const { studio, standIn, channel, pass, pictures, painted, problems } = await world(t);
  await painted('a red fox');
  const [job] = studio.jobs({ surface: 'slack', limit: 1 });
  const whispers = () => standIn.visible(channel).filter(({ only }) => only === ANN);
  for (const [index, command] of ['history', 'queue', 'settings', 'help', 'width:9'].entries()) {
    await sendCommand(standIn, command, { channel });
    await pass(() => whispers().length === index + 1);
  }
  assert.equal(pictures(whispers()[0]), 1);
  const other = standIn.channel().id;
  await sendCommand(standIn, `show ${job?.id}`, { channel: other });
  await pass(() => pictures(standIn.visible(other)[0]) === 1);
  assert.deepEqual(
    standIn.keptFiles().map(({ name }) => name),
    ['a-red-fox-1100.png'],
  );

  await sendEvent(standIn, { type: 'app_home_opened', user: ANN, channel: standIn.dm(ANN).id, tab: 'home' });
  await standIn.until(() => standIn.homes.has(ANN));
  assert.match(JSON.stringify(standIn.homes.get(ANN)), /user-jobs .*slack_file/s);
  assert.deepEqual(standIn.violations, []);
  assert.deepEqual(problems, []);
});

test('whatever is typed after the command is answered, and hurts nobody', async (t) => {
  const { studio, standIn, channel, pass, problems } = await world(t);
  const strange = [
    '[',
    '{"',
    '{a, b',
    '```<!channel>```',
    '&lt;!here&gt; &amp;amp;',
    '<@U0BOSS> <#C1|x> <!subteam^S1>',
    '"',
  ];
  const typed = fc.sample(fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: 'binary', maxLength: 60 })), {
    ...{ numRuns: 40, seed: 8 },
  });
  for (const [index, text] of [...strange, '💥'.repeat(3000), ...typed].entries()) {
    const before = standIn.visible().length;
    await sendCommand(standIn, text, { channel, user: `U0${index}` });
    await pass(() => standIn.visible().length > before && studio.undelivered('slack').length === 0);
  }
  assert.deepEqual(standIn.violations, []);
  assert.deepEqual(problems, []);
});

test('a cancelled request says so in its own message', async (t) => {
  const { studio, standIn, channel, pass } = await world(t);
  await sendCommand(standIn, 'please wait fox', { channel });
  await pass(() => standIn.visible(channel).length === 1);
  const [message] = standIn.visible(channel);
  assert.ok(message);
  await click(standIn, actionOf(message, 'cancel'), message);
  await pass(() => studio.undelivered('slack').length === 0 && message.updates.length > 0);
  assert.equal(studio.jobs({ surface: 'slack', limit: 1 })[0]?.state, 'cancelled');
  assert.match(message.text, /ancelled/);
  assert.equal(standIn.visible(channel).length, 1);
});

test('who erases everything leaves neither message nor file, in whatever channel', async (t) => {
  const { studio, standIn, channel, pass, pictures, painted, erase, problems } = await world(t);
  const message = await painted('a red fox n:2');
  const [job] = studio.jobs({ surface: 'slack', limit: 1 });
  const other = standIn.channel().id;
  await sendCommand(standIn, `show ${job?.id}`, { channel: other });
  await pass(() => pictures(standIn.visible(other)[0]) === 2);
  await sendCommand(standIn, 'a hen', { channel, user: BOSS });
  await pass(() => standIn.keptFiles().length === 3 && studio.undelivered('slack').length === 0);
  const told = await erase();
  assert.match(told, /^Erased/);
  assert.match(told, /1 request and 2 pictures were erased/);
  assert.deepEqual([message.deleted, standIn.visible(other).length], [true, 0]);
  assert.deepEqual(
    standIn.keptFiles().map(({ name }) => name),
    ['a-hen-1200.png'],
  );
  assert.deepEqual(standIn.violations, []);
  assert.deepEqual(problems, []);
});

test('a message that Slack does not let go is emptied, and its files are deleted', async (t) => {
  const { standIn, pictures, painted, erase } = await world(t);
  const message = await painted('a red fox');
  standIn.faults.push({ method: 'chat.delete', how: { error: 'cant_delete_message' }, times: 9 });
  assert.match(await erase(), /^Erased/);
  assert.deepEqual(
    [message.text, pictures(message), standIn.keptFiles().length],
    ['This was erased by the person who asked for it.', 0, 0],
  );
  assert.ok(!JSON.stringify(message.blocks).includes('fox'));
});

test('what Slack keeps is told with why, and removed after a restart', async (t) => {
  const { standIn, pass, painted, erase, restart } = await world(t);
  const message = await painted('a red fox');
  standIn.faults.push({ method: 'files.delete', how: { error: 'ekm_access_denied' }, times: 2 });
  const told = await erase();
  assert.match(told, /^Not gone everywhere yet/);
  assert.match(told, /could not be removed yet. The administrators of this workspace have suspended messages/);
  assert.deepEqual([message.deleted, standIn.keptFiles().length], [true, 1]);
  await restart();
  await pass(() => standIn.keptFiles().length === 0);
  assert.match(await erase(), /^Erased/);
});

test('files that showed a picture elsewhere go with it, also after a restart', async (t) => {
  const { studio, standIn, channel, pass, pictures, painted, restart } = await world(t);
  const message = await painted('a red fox n:2');
  const [job] = studio.jobs({ surface: 'slack', limit: 1 });
  assert.ok(job);
  const whispers = () => standIn.visible(channel).filter(({ only }) => only === ANN);
  // Somebody deletes the job's own files: the next message uploads its own.
  for (const file of standIn.shownFiles(message)) file.deleted = true;
  studio.saveMessage(job.id, { ...(studio.message(job.id) as object), files: {} });
  await sendCommand(standIn, 'history', { channel });
  await pass(() => whispers().length === 1 && standIn.keptFiles().length === 1);
  assert.equal(pictures(whispers()[0]), 1);
  await restart();
  const [first] = job.images;
  await studio.act(`delete:${first?.id}`, job.caller);
  await pass(() => standIn.keptFiles().length === 0);
});

test('a picture that was deleted while the bot was not there is gone after its start, and nothing is posted anew', async (t) => {
  const { studio, standIn, channel, pass, pictures, painted, restart } = await world(t);
  const message = await painted('a red fox n:2');
  await pass(() => studio.undelivered('slack').length === 0);
  const [job] = studio.jobs({ surface: 'slack', limit: 1 });
  assert.ok(job);
  await restart(() => studio.act(`delete:${job.images[0]?.id}`, job.caller));
  await pass(() => standIn.keptFiles().length === 1 && pictures(message) === 1);
  message.deleted = true;
  await studio.act(`delete:${job.images[1]?.id}`, job.caller);
  await pass(() => standIn.keptFiles().length === 0 && studio.postings?.outdated('slack').length === 0);
  assert.deepEqual(standIn.visible(channel), []);
});

test('presets, weights and drawn words come by text and by a form', async (t) => {
  const { studio, standIn, channel, pass, painted } = await world(t);
  const answered = async (text: string, pattern: RegExp) => {
    await sendCommand(standIn, text, { channel });
    await pass(() => standIn.visible(channel).some((shown) => shown.only === ANN && pattern.test(shown.text)));
  };
  const newest = () => studio.jobs({ surface: 'slack', limit: 1 })[0]?.request;
  await answered('presets save film {prompt}, film still steps:9', /The preset film is saved/);
  const message = await painted('a (panda:1.3) on {red|green} preset:film seed:7');
  assert.match(newest()?.prompt ?? '', /^a \(panda:1\.3\) on (red|green), film still$/);
  assert.deepEqual([newest()?.weighted, newest()?.steps], [true, 9]);

  await click(standIn, actionOf(message, 'save-preset'), message);
  await standIn.until(() => standIn.views.size === 1);
  const form = openForm(standIn);
  assert.match(JSON.stringify(form), /film still/);
  await submit(standIn, form, 'soft: {prompt}, soft');
  await pass(() =>
    standIn.visible(channel).some((shown) => shown.only === ANN && /preset soft is saved/.test(shown.text)),
  );
  await painted('a cat preset:soft');
  assert.equal(newest()?.prompt, 'a cat, soft');
  await answered('defaults steps:8', /Your defaults are changed/);
});

test('pictures that are not safe for work are blurred, and a moderator shows one after all', async (t) => {
  const { standIn, channel, pass, pictures, painted } = await world(t, new JudgingPainter());
  await sendCommand(standIn, 'settings nsfw-pictures:spoiler', { channel, user: BOSS });
  await pass(() =>
    standIn.visible(channel).some(({ only, text }) => only === BOSS && text.includes('Settings changed')),
  );
  const message = await painted('an explicit fox n:2');
  const shown = () => standIn.shownFiles(message).map(({ bytes }) => bytes?.includes('explicit fox') === true);
  assert.deepEqual(shown(), [false, true]);
  assert.match(JSON.stringify(message.blocks), /Picture 1 looks not safe for work, so it is blurred/);
  const review = async () => {
    const before = new Set(standIn.visible(channel));
    await click(standIn, actionOf(message, 'info'), message, { user: BOSS });
    const answer = () => standIn.visible(channel).find((other) => other.only === BOSS && !before.has(other));
    await pass(() => answer() !== undefined);
    const found = answer();
    assert.ok(found);
    return found;
  };
  const first = await review();
  assert.deepEqual([pictures(first), standIn.shownFiles(first)[0]?.bytes?.includes('explicit fox')], [1, true]);
  await click(standIn, actionOf(first, 'uncover'), first, { user: BOSS });
  await pass(() => shown().join() === 'true,true');
  const second = await review();
  await click(standIn, actionOf(second, 'hide'), second, { user: BOSS });
  await pass(() => shown().join() === 'false,true');
  const kept = standIn
    .keptFiles()
    .filter(({ bytes, name }) => bytes?.includes('explicit fox 0') && !name.startsWith('original'));
  assert.deepEqual(kept, [], 'the file that showed it is gone');
});

test('a message is in the language of whoever asked, an answer in that of whoever clicked', async (t) => {
  markTexts('de');
  markTexts('ja', ['〈', '〉']);
  const { studio, standIn, channel, pass } = await world(t);
  standIn.people.set(ANN, { name: 'Ann', admin: false, team: TEAM, locale: 'de-DE' });
  standIn.people.set(BOSS, { name: 'Boss', admin: true, team: TEAM, locale: 'ja-JP' });
  standIn.people.set('U0ENG', { name: 'Eng', admin: false, team: TEAM });
  const asks = async (text: string, user: string) => {
    const before = standIn.visible(channel).length;
    await sendCommand(standIn, text, { channel, user });
    await pass(() => standIn.visible(channel).length > before && actionsOf(at(before)).length > 0);
    return at(before);
  };
  const at = (index: number) => {
    const message = standIn.visible(channel)[index];
    assert.ok(message);
    return message;
  };
  const shown = (message: StoredMessage | undefined) => JSON.stringify(message?.blocks);
  const german = await asks('please wait fox', ANN);
  const japanese = await asks('please wait hen', BOSS);
  const english = await asks('please wait cat', 'U0ENG');
  const allSpeak = () => {
    for (const [message, own, others] of [
      [german, /«[^»]+»/, /[〈〉]/],
      [japanese, /〈[^〉]+〉/, /[«»]/],
      [english, /Re|Cancel/, /[«»〈〉]/],
    ] as const) {
      assert.match(shown(message), own);
      assert.doesNotMatch(shown(message), others);
    }
  };
  allSpeak();
  await click(standIn, actionOf(german, 'cancel'), german, { user: BOSS });
  await click(standIn, actionOf(english, 'cancel'), english, { user: BOSS });
  await pass(() => [german, english].every((message) => shown(message).includes('Cancelled by a moderator.')));
  const whispers = () => standIn.visible(channel).filter(({ only }) => only === ANN);
  await click(standIn, actionOf(japanese, 'cancel'), japanese, { user: ANN });
  await pass(() => whispers().length > 0);
  assert.match(shown(whispers()[0]), /«Only the person who asked/);
  await click(standIn, actionOf(japanese, 'cancel'), japanese, { user: BOSS });
  await pass(() => studio.undelivered('slack').length === 0);
  assert.match(shown(japanese), /〈Cancelled\.〉/);
  allSpeak();
  assert.deepEqual(standIn.violations, []);
});

test('somebody who cannot be looked up is answered in English, and the log says so once', async (t) => {
  const { standIn, channel, pass, log } = await world(t);
  standIn.people.clear();
  for (const command of ['queue', 'help']) {
    const before = standIn.visible(channel).length;
    await sendCommand(standIn, command, { channel, user: `U0${command.toUpperCase()}` });
    await pass(() => standIn.visible(channel).length > before);
  }
  assert.equal(log.filter((line) => /reads English/.test(line)).length, 1);
});
