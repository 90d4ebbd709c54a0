import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { caller } from '../history/history-fixture.ts';
import { INFO } from '../jobs/fake-painter.ts';
import { imageOf, jobIn, openStudio } from './studio-fixture.ts';

const ANN = caller();
const BOB = caller({ user: 'bob' });
const MOD = caller({ user: 'mo', moderator: true });
const ADULTS = { room: 'cellar', guild: 'cellar', ageRestricted: true };

async function openWithEncoder(t: TestContext) {
  const opened = await openStudio(t, { still: true });
  opened.painter.status = { info: { ...INFO, startsFromPictures: true } };
  opened.studio.paint();
  return opened;
}

test('weights part words for the model, and so they do for the filter', async (t) => {
  const { ask, say } = await openStudio(t);
  await say('settings blocked-words "rubber duck",gargoyle,bow-tie', MOD);
  for (const text of [
    '(rubber:1.1)(duck:1.2)',
    'a [rubber](duck)',
    'a ((rubber)duck:1.3)',
    'the (rubber:1.2)[ducks] swims',
    '(gar:1.1)(goyle:1.2)',
    'a (bow:1.4)(-:1.2)(tie:1.1)',
    'a panda no:(rubber:1.1)(duck:1.2)',
  ]) {
    await assert.rejects(ask(text), { code: 'blocked_word' }, text);
  }
  for (const text of ['(rub:1.1)(bertduck:1.2)', 'a (panda:1.2) [duck] of rubber']) assert.ok(await ask(text), text);
});

test('nobody brings a picture to a place that forbids it by starting from it', async (t) => {
  const { studio, make, click, ended, say } = await openWithEncoder(t);
  const adult = caller(ADULTS);
  const nude = await make('a nude statue', adult);
  const start = `start:${imageOf(nude)}`;
  await assert.rejects(click(start, ANN, 'a statue strength:0'), { code: 'nsfw_room' });
  // Through a file that was saved and given again.
  const [{ hash = '' } = {}] = nude.images;
  const given = { pictures: { pictures: [hash] } };
  await assert.rejects(studio.command('a statue strength:0', ANN, given), { code: 'nsfw_room' });
  // Through pictures that are harmless by their own words, for as many generations as one likes, and after the first is deleted.
  const second = await ended((await click(start, adult, 'a statue strength:0.1')).id);
  const third = await ended((await click(`start:${imageOf(second)}`, adult, 'a stone strength:0')).id);
  assert.equal(third.state, 'done');
  await studio.act(`delete:${imageOf(nude)}`, adult);
  for (const action of [`show:${third.id}`, `reroll:${third.id}`, `vary-subtle:${imageOf(third)}`]) {
    await assert.rejects(studio.act(action, ANN), { code: 'nsfw_room' }, action);
  }
  await assert.rejects(click(`start:${imageOf(third)}`, ANN, 'a panda'), { code: 'nsfw_room' });
  const shown = await studio.command('history', ANN);
  assert.deepEqual(shown.kind === 'reply' && shown.reply.images, []);
  assert.ok(jobIn(await studio.act(`show:${third.id}`, adult)));
  // A word that is blocked later forbids what was started from it as well.
  await say('settings blocked-words statue', { ...MOD, ...ADULTS });
  await assert.rejects(studio.act(`show:${third.id}`, adult), { code: 'blocked_word' });
  assert.deepEqual(studio.jobReply(third).images, []);
  assert.equal(await studio.imagePath(imageOf(third)), null);
});

test('a deleted or erased picture is gone from the requests of others that start from it', async (t) => {
  const { studio, make, click, ended, history } = await openWithEncoder(t);
  for (const [index, end] of ['delete', 'erase'].entries()) {
    const job = await make(`a panda number ${index}`);
    const next = await ended((await click(`start:${imageOf(job)}`, BOB, 'a cat')).id);
    const { state, ...file } = history.images.file(imageOf(job)) ?? {};
    assert.equal(state, 'present');
    const path = 'path' in file ? String(file.path) : '';
    if (end === 'delete') await studio.act(`delete:${imageOf(job)}`, ANN);
    else await studio.act('erase:me', ANN);
    assert.equal(existsSync(path), false, end);
    assert.deepEqual(history.images.givenBy('web', 'bob'), []);
    const again = await ended((await click(`reroll:${next.id}`, BOB)).id);
    assert.equal(again.error?.code, 'start_gone');
  }
});

test('a picture that was being made again when the bot died costs nothing after its restart', async (t) => {
  const { make, studio, painter, history, say, folder, clock, ask, ended, started } = await openStudio(t);
  const job = await make('a panda');
  const blocker = await ask('wait here', BOB);
  await started(blocker.id);
  await history.tidy({ maxBytes: 0 });
  const { seconds: before } = history.usage.today('user', 'web', 'ann');
  const making = studio.imagePath(imageOf(job), ANN);
  assert.ok(before > 0 && 2 * before <= 2);
  await say('settings user-seconds:2', MOD);
  await assert.rejects(ask('another panda'), { code: 'limit_user_seconds' }, 'meanwhile it counts');
  // What another process would find after this one was killed.
  const { History } = await import('../../../src/bot/history/history.ts');
  const after = History.open({ folder, now: () => clock.now() });
  t.after(() => after.close());
  assert.equal(after.usage.today('user', 'web', 'ann').seconds, before);
  painter.release();
  await ended(blocker.id);
  assert.ok(await making);
});

test('a yes from another place is within what that place allows at most', async (t) => {
  const { say, studio, history } = await openStudio(t);
  const kitchen = { room: 'kitchen', guild: 'kitchen' };
  await say('defaults channel max-steps:5 max-n:2', { ...MOD, ...kitchen });
  const question = await say('a {red, grey} panda steps:20 n:4');
  const [confirm = ''] = question.buttons.flat().map(({ action }) => action);
  await studio.act(confirm, caller(kitchen));
  const made = history.lists.page({ surface: 'web', room: 'kitchen', limit: 10 });
  assert.deepEqual(
    made.map(({ request }) => [request.n, request.steps]),
    [
      [2, 5],
      [2, 5],
    ],
  );
});

test('a picture that came with a refused command is not kept, and one person gives so many bytes and no more', async (t) => {
  const { studio, history, say } = await openWithEncoder(t);
  await say('settings blocked-words statue', MOD);
  const small = await sharp({ create: { width: 9, height: 9, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  const hash = await studio.givePicture(small, ANN);
  assert.notEqual(history.images.givenPath(hash), null);
  await assert.rejects(studio.command('a statue', ANN, { pictures: { pictures: [hash] } }), { code: 'blocked_word' });
  assert.equal(history.images.givenPath(hash), null);
  // Bytes behind the end of a picture are not looked at.
  const large = Buffer.concat([small, Buffer.alloc(19 * 2 ** 20)]);
  const given: string[] = [];
  for (let k = 0; k < 14; k += 1) {
    large.writeUInt32LE(k, small.length);
    given.push(
      await studio.givePicture(large, BOB).then(
        () => 'given',
        (error: { code: string }) => error.code,
      ),
    );
  }
  assert.deepEqual([given.indexOf('pictures_too_often'), given.lastIndexOf('given')], [12, 11]);
});

test('a LoRA is what it is called: tags, settings and buttons of others are refused where its name is', async (t) => {
  const known = ['nude-study', 'sketch'].map((name, i) => ({ name, hash: String(i).repeat(64) }));
  const { ask, say, make, click } = await openStudio(t, { loras: { known, refresh: async () => {} } });
  for (const text of ['a panda <lora:nude-study:0.8>', 'a panda lora:nude-study']) {
    await assert.rejects(ask(text), { code: 'nsfw_room' }, text);
  }
  const adult = caller(ADULTS);
  const made = await make('a panda <lora:nude-study:1>', adult);
  await assert.rejects(click(`reroll:${made.id}`, ANN), { code: 'nsfw_room' });
  const drawn = await make('a panda <lora:sketch:1>');
  await say('settings blocked-words sketches', MOD);
  assert.ok(await ask('a panda lora:sketch'));
  await say('settings blocked-words sketch', MOD);
  await assert.rejects(click(`vary-subtle:${imageOf(drawn)}`), { code: 'blocked_word' });
});

test('erasing tells whoever watches which requests are gone, however many', async (t) => {
  const { make, studio, events } = await openStudio(t);
  const own = [await make('a panda'), await make('a cat', caller({ room: 'kitchen', guild: 'kitchen' }))];
  const other = await make('a dog', BOB);
  await studio.act('erase:me', ANN);
  const erased = events.flatMap(({ type, seq, job }) => (type === 'erased' ? [[seq, job.id]] : []));
  assert.deepEqual(erased.toSorted(), own.map(({ id }) => [null, id]).toSorted());
  assert.ok(studio.job(other.id));
});

test('a picture from a room that is not for adults any more is served to nobody there', async (t) => {
  const { make, studio } = await openStudio(t);
  const adult = caller(ADULTS);
  const id = imageOf(await make('a nude statue', adult));
  assert.ok(await studio.imagePath(id, adult));
  assert.equal(await studio.imagePath(id, { ...adult, ageRestricted: false }), null);
});
