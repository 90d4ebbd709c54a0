import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { caller } from '../history/history-fixture.ts';
import { INFO } from '../jobs/fake-painter.ts';
import { actionsOf, imageOf, jobIn, openStudio } from './studio-fixture.ts';

const ANN = caller();

const picture = (tint: string) =>
  sharp({ create: { width: 64, height: 48, channels: 3, background: tint } })
    .png()
    .toBuffer();

async function openWithEncoder(t: TestContext) {
  const opened = await openStudio(t, { still: true });
  opened.painter.status = { info: { ...INFO, startsFromPictures: true } };
  opened.studio.paint();
  return opened;
}

test('the pipeline starts from the file of a given picture', async (t) => {
  const { studio, painter, ended } = await openWithEncoder(t);
  const hash = await studio.givePicture(await picture('#ff0000'), ANN);
  const job = jobIn(await studio.command('a panda strength:0.3', ANN, { pictures: { pictures: [hash] } }));
  assert.deepEqual(job.request.start, { pictures: [{ hash, weight: 1 }], strength: 0.3 });
  assert.equal((await ended(job.id)).state, 'done');
  const [asked] = painter.requests;
  assert.deepEqual(asked?.start, job.request.start);
  assert.ok(asked?.files?.[hash]?.endsWith(`${hash}.png`));
});

test('every button works on its results, and its recipe says so when the given picture is gone', async (t) => {
  const { studio, painter, ended, click, press, history } = await openWithEncoder(t);
  const hash = await studio.givePicture(await picture('#00ffff'), ANN);
  const job = await ended(jobIn(await studio.command('', ANN, { pictures: { pictures: [hash] } })).id);
  const info = await press(`info:${imageOf(job)}`);
  assert.deepEqual(
    info.fields.filter(({ name }) => name.startsWith('Start')),
    [
      { name: 'Starts from', value: 'a picture' },
      { name: 'Start strength', value: '0.6' },
    ],
  );
  assert.equal(info.title, 'A variation of a picture');
  for (const action of [`reroll:${job.id}`, `vary-strong:${imageOf(job)}`]) {
    const again = await ended((await click(action)).id);
    assert.deepEqual(again.request.start, job.request.start);
    assert.ok(painter.requests.at(-1)?.files?.[hash]);
  }
  const subtle = await ended((await click(`vary-subtle:${imageOf(job)}`)).id);
  assert.equal(subtle.state, 'done');
  assert.equal(painter.requests.at(-1)?.start, undefined, 'its embedding is known');
  const remix = await ended((await click(`remix:${imageOf(job)}`, ANN, 'a cat')).id);
  assert.deepEqual(remix.request.start, job.request.start);
  await history.tidy({ maxBytes: 0 });
  const lost = await ended((await click(`reroll:${job.id}`)).id);
  assert.equal(lost.state, 'failed');
  assert.equal(lost.error?.code, 'start_gone');
});

test('every picture can be what the next one starts from', async (t) => {
  const { studio, make, ended, click } = await openWithEncoder(t);
  const job = await make('a panda');
  const [image] = job.images;
  assert.ok(actionsOf(studio.jobReply(job)).includes(`start:${image?.id}`));
  const next = await ended((await click(`start:${image?.id}`, ANN, 'a cat strength:0.4')).id);
  assert.equal(next.state, 'done');
  assert.equal(next.request.prompt, 'a cat');
  assert.deepEqual(next.request.start, { pictures: [{ hash: image?.hash, weight: 1 }], strength: 0.4 });
  assert.match(next.notes.join(), new RegExp(`Starts from picture ${image?.id}`));
  await studio.act(`delete:${image?.id}`, ANN);
  assert.equal((await ended((await click(`reroll:${next.id}`)).id)).state, 'done', 'its recipe keeps the file');
});

test('what is no picture is refused with a sentence, and nothing of it stays', async (t) => {
  const { studio, history } = await openWithEncoder(t);
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>');
  await assert.rejects(studio.givePicture(svg, ANN), { name: 'UserError', code: 'picture_kind_unknown' });
  const cut = (await picture('#00ff00')).subarray(0, 60);
  await assert.rejects(studio.givePicture(cut, ANN), { name: 'UserError', code: 'picture_damaged' });
  assert.deepEqual(await history.images.sweep(), { orphans: 0, lost: 0 });
});

test('who is blocked gives no pictures, and nobody does where the model cannot take them', async (t) => {
  const { studio, painter } = await openWithEncoder(t);
  await studio.command('settings blocked-users:ann', caller({ user: 'mod', moderator: true }));
  const given = await picture('#0000ff');
  await assert.rejects(studio.givePicture(given, ANN), { code: 'blocked_user' });
  painter.status = { info: INFO };
  await assert.rejects(studio.givePicture(given, caller({ user: 'bob' })), { code: 'pictures_unsupported' });
});
