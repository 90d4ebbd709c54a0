import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GalleryQuery } from '../../../src/bot/core.ts';
import { caller } from '../history/history-fixture.ts';
import { actionsOf, imageOf, openStudio } from './studio-fixture.ts';

const ANN = caller();
const BOB = caller({ user: 'bob', name: 'Bob' });
const MODERATOR = caller({ user: 'mo', moderator: true });
const ALL: GalleryQuery = { room: 'lobby', text: '', liked: false, offset: 0, limit: 50 };
const nowhere = () => false;

async function openGallery(t: Parameters<typeof openStudio>[0]) {
  const opened = await openStudio(t);
  const { gallery } = opened.studio;
  const prompts = (query: Partial<GalleryQuery> = {}, who = ANN, isForAdults: (room: string) => boolean = nowhere) =>
    gallery.search({ ...ALL, ...query }, who, isForAdults).pictures.map(({ job }) => job.request.prompt);
  const { room: _, ...everywhere } = ALL;
  const own = () => gallery.search(everywhere, ANN, nowhere).pictures.map(({ job }) => job.request.prompt);
  const familyOf = (id: string, who = ANN) => {
    const picture = gallery.picture(id, who, nowhere);
    return picture === null ? null : gallery.family(picture, who, nowhere);
  };
  return { ...opened, gallery, prompts, own, familyOf };
}

test('a request that its place does not allow any more is in no gallery, search or family', async (t) => {
  const { gallery, familyOf, prompts, make, click, ended, say } = await openGallery(t);
  const parent = await make('a gremlin in the snow');
  const child = await ended((await click(`remix:${imageOf(parent)}`, ANN, 'a panda in the snow')).id);
  assert.deepEqual(prompts(), ['a panda in the snow', 'a gremlin in the snow']);
  assert.equal(familyOf(imageOf(child))?.ancestors.length, 1);
  await say('settings blocked-words gremlin', MODERATOR);
  assert.deepEqual(prompts(), ['a panda in the snow']);
  assert.deepEqual(prompts({ text: 'gremlin' }), []);
  const { total, withheld } = gallery.search(ALL, ANN, nowhere);
  assert.deepEqual({ total, withheld }, { total: 2, withheld: 1 });
  assert.equal(familyOf(imageOf(parent)), null);
  assert.deepEqual(familyOf(imageOf(child))?.ancestors, []);
});

test('what needs a room for adults is shown while its room is one', async (t) => {
  const { prompts, make } = await openGallery(t);
  await make('a nude panda', caller({ ageRestricted: true }));
  assert.deepEqual(
    prompts({}, ANN, () => true),
    ['a nude panda'],
  );
  assert.deepEqual(prompts(), []);
});

test('one’s own gallery spans all rooms, and nobody sees through it what is made in private elsewhere', async (t) => {
  const { familyOf, prompts, own, make, click, ended } = await openGallery(t);
  const here = await make('a panda');
  const elsewhere = { room: 'kitchen', guild: 'kitchen', payer: 'kitchen' };
  await make('a penguin', caller(elsewhere));
  const varied = await ended((await click(`vary-subtle:${imageOf(here)}`, { ...BOB })).id);
  assert.deepEqual(own(), ['a penguin', 'a panda']);
  assert.deepEqual(prompts({}, BOB), ['a panda', 'a panda']);
  const stranger = caller({ ...elsewhere, user: 'eve' });
  assert.equal(familyOf(imageOf(varied), stranger), null);
  assert.equal(familyOf(imageOf(here), BOB)?.children.length, 1);
});

test('a favourite is kept by a button, listed by a command and taken out again', async (t) => {
  const { studio, prompts, make, press, say } = await openGallery(t);
  const job = await make('a panda n:2');
  const id = imageOf(job, 1);
  assert.ok(actionsOf(studio.jobReply(job)).includes(`favourite:${id}`));
  assert.equal((await say('favourites', BOB)).title, 'You have no favourites yet');
  const kept = await press(`favourite:${id}`, BOB);
  assert.equal(kept.ephemeral, true);
  assert.deepEqual(actionsOf(kept), [`unfavourite:${id}`]);
  await press(`favourite:${id}`, BOB);
  const listed = await say('favourites', BOB);
  assert.deepEqual(actionsOf(listed), [`show:${id}`]);
  assert.deepEqual(
    listed.images.map((image) => image.id),
    [id],
  );
  assert.deepEqual(prompts({ liked: true }, BOB), ['a panda']);
  assert.deepEqual(prompts({ liked: true }), [], 'favourites are a person’s own');
  await press(`unfavourite:${id}`, BOB);
  assert.deepEqual(prompts({ liked: true }, BOB), []);
});

test('a favourite is not shown where the rules forbid it', async (t) => {
  const { make, press, say } = await openGallery(t);
  const job = await make('a gremlin');
  await press(`favourite:${imageOf(job)}`);
  await say('settings blocked-words gremlin', MODERATOR);
  const { images, fields, lines } = await say('favourites');
  assert.deepEqual([images, fields], [[], []]);
  assert.match(lines.join(), /cannot be shown here/);
  await assert.rejects(press(`favourite:${imageOf(job)}`, BOB), { code: 'blocked_word' });
});
