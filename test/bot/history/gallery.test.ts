import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { History } from '../../../src/bot/history/history.ts';
import type { PictureSearch } from '../../../src/bot/history/picture-words.ts';
import { caller, finishedJob, openHistory, request } from './history-fixture.ts';

const LOBBY: PictureSearch = { surface: 'web', of: { room: 'lobby' } };
const ANN = { surface: 'web', user: 'ann' } as const;

/** Ids of what a search finds, newest first. */
function found(history: History, search: Partial<PictureSearch> = {}, offset = 0, limit = 50): readonly string[] {
  const { pictures } = history.gallery.search({ ...LOBBY, ...search }, { offset, limit, for: 'ann' });
  return pictures.map(({ image }) => image.id);
}

/** A picture of each of these requests. */
async function made(history: History, requests: Readonly<Record<string, Parameters<typeof request>[0]>>) {
  const ids: Record<string, string> = {};
  for (const [prompt, change] of Object.entries(requests)) {
    const job = await finishedJob(history, [prompt], { request: request({ prompt, ...change }) });
    ids[prompt] = job.images[0] ?? '';
  }
  return ids;
}

test('a place has its pictures, newest first, page by page, and nobody else’s', async (t) => {
  const { history } = openHistory(t);
  const first = await finishedJob(history, ['1', '2']);
  const second = await finishedJob(history, ['3']);
  await finishedJob(history, ['4'], { caller: caller({ room: 'kitchen', user: 'bob' }) });
  await finishedJob(history, ['5'], { caller: caller({ surface: 'discord' }) });
  const all = [...second.images, ...first.images.toReversed()];
  assert.deepEqual(found(history), all);
  assert.deepEqual(found(history, {}, 1, 1), all.slice(1, 2));
  assert.equal(history.gallery.search(LOBBY, { offset: 2, limit: 1, for: 'ann' }).total, 3);
  assert.equal(found(history, { of: { user: 'bob' } }).length, 1);
  assert.deepEqual(found(history, { of: { user: 'ann' } }), all);
});

test('words find beginnings in any case and with or without accents, phrases what stands so, a minus leaves out', async (t) => {
  const { history } = openHistory(t);
  const prompts = ['A Panda in a green café', 'pandas, in the snow', 'green "snow" on a background'];
  const ids = await made(history, Object.fromEntries(prompts.map((prompt) => [prompt, {}])));
  const [cafe, snow, green] = prompts.map((prompt) => ids[prompt] ?? '');
  const finds = (text: string, expected: readonly (string | undefined)[]) =>
    assert.deepEqual(found(history, { text }), expected, text);
  finds('panda', [snow, cafe]);
  finds('PAND green', [cafe]);
  finds('cafe', [cafe]);
  finds('CAFÉ', [cafe]);
  finds('"in the snow"', [snow]);
  finds('"snow the in"', []);
  finds('snow -panda', [green]);
  finds('-green', [snow]);
  finds('wombat', []);
  for (const text of ['', '  ', '"', '-', '***', '(', 'NEAR(', 'AND OR NOT', '"" -""', 'prompt:', ':', 'x:y:z"']) {
    assert.doesNotThrow(() => found(history, { text }), text);
  }
  finds('***', [green, snow, cafe]);
});

test('settings are found by whole values, whatever stands in the words', async (t) => {
  const { history } = openHistory(t);
  const loras = [{ name: 'film-grain', weight: 1, hash: 'a'.repeat(64) }];
  const ids = await made(history, {
    'a panda': { guidance: 4, style: 'base', steps: 20, width: 1024, height: 1024, negative: 'trees' },
    'style base seed 7': { guidance: 4.5, style: 'aesthetic', origins: { guidance: 'preset warm', steps: 'typed' } },
    'a penguin': { guidance: 45, loras, n: 4 },
  });
  const finds = (text: string, ...expected: string[]) =>
    assert.deepEqual(
      found(history, { text }),
      expected.map((prompt) => ids[prompt]),
      text,
    );
  finds('guidance:4', 'a panda');
  finds('guidance:4.0', 'a panda');
  finds('guidance:4.5', 'style base seed 7');
  finds('style:base', 'a panda');
  finds('size:1024×1536 -style:base', 'a penguin', 'style base seed 7');
  finds('w:1024 steps:20', 'a panda');
  finds('lora:film-grain', 'a penguin');
  finds('preset:warm', 'style base seed 7');
  finds('negative:tree', 'a panda');
  finds('trees');
  finds('n:4 pengu', 'a penguin');
  finds('by:Ann seed:7 panda', 'a panda');
  finds('seed:70');
});

test('a favourite is a person’s own, and may be one of somebody else’s pictures', async (t) => {
  const { history } = openHistory(t);
  const ids = await made(history, { 'a panda': {}, 'a penguin': {} });
  const [panda = '', penguin = ''] = Object.values(ids);
  const bob = { ...ANN, user: 'bob' };
  assert.equal(history.gallery.like(panda, ANN), true);
  assert.equal(history.gallery.like(panda, ANN), false, 'once is enough');
  history.gallery.like(panda, bob);
  history.gallery.like(penguin, bob);
  assert.deepEqual(found(history, { likedBy: 'ann' }), [panda]);
  assert.deepEqual(found(history, { likedBy: 'bob', text: 'pen' }), [penguin]);
  assert.equal(history.gallery.get(panda, ANN)?.liked, true);
  history.gallery.unlike(panda, ANN);
  assert.deepEqual(found(history, { likedBy: 'ann' }), []);
  assert.deepEqual(found(history, { likedBy: 'bob' }), [penguin, panda]);
  assert.equal(history.gallery.like('unknown', ANN), false);
});

test('a picture that is deleted leaves the gallery, the favourites and the index', async (t) => {
  const { history } = openHistory(t);
  const job = await finishedJob(history, ['1', '2']);
  const [gone = '', stays = ''] = job.images;
  history.gallery.like(gone, ANN);
  history.images.delete(gone, ANN);
  assert.deepEqual(found(history), [stays]);
  assert.deepEqual(found(history, { text: 'fox' }), [stays]);
  assert.deepEqual(history.gallery.likedBy('web', 'ann'), []);
  assert.equal(history.gallery.get(gone, ANN), null);
});

test('nothing of an erased person can be found, also not by reading the file of the index', async (t) => {
  const { history } = openHistory(t);
  const secret = 'xylophonist';
  const job = await finishedJob(history, ['1'], { request: request({ prompt: `a ${secret}`, negative: 'quagmires' }) });
  const other = await finishedJob(history, ['2'], { caller: caller({ user: 'bob' }) });
  history.gallery.like(other.images[0] ?? '', ANN);
  history.gallery.like(job.images[0] ?? '', { ...ANN, user: 'bob' });
  const bytes = () => readFileSync(history.database.path).toString('latin1');
  history.database.emptyLog();
  assert.ok(bytes().includes(secret));
  history.personalData.erase('web', 'ann');
  assert.deepEqual(found(history, { text: secret }), []);
  assert.deepEqual(found(history), other.images);
  assert.deepEqual(found(history, { likedBy: 'ann' }), []);
  assert.deepEqual(history.gallery.likedBy('web', 'bob'), []);
  assert.doesNotMatch(bytes(), /xyloph|quagmire/);
  assert.ok(!bytes().includes(Buffer.from('web ann').toString('hex')));
});

test('a picture knows what it was made from, and what was made from it', async (t) => {
  const { history } = openHistory(t);
  const parent = await finishedJob(history, ['1', '2']);
  const [first = '', second = ''] = parent.images;
  const derivation = { verb: 'vary-subtle', parentImage: first, parentJob: parent.id, strength: null } as const;
  const child = await finishedJob(history, ['3'], { derivation });
  const hash = history.images.get(first)?.image.hash ?? '';
  const start = { pictures: [{ hash, weight: 1 }], strength: 0.5 };
  const started = await finishedJob(history, ['4'], { request: request({ start }) });
  const of = (id = '') => {
    const picture = history.gallery.get(id, ANN);
    assert.ok(picture);
    const { children, siblings } = history.gallery.relatives(picture);
    const ids = (pictures: typeof children) => pictures.map(({ image }) => image.id);
    return { parents: ids(history.gallery.parents(picture)), children: ids(children), siblings: ids(siblings) };
  };
  assert.deepEqual(of(first), { parents: [], children: [...child.images, ...started.images], siblings: [second] });
  assert.deepEqual(of(child.images[0]), { parents: [first], children: [], siblings: [] });
  assert.deepEqual(of(started.images[0]).parents, [first]);
  history.images.delete(first, ANN);
  assert.deepEqual(of(child.images[0]).parents, []);
});
