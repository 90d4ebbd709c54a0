import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { History } from '../../../src/bot/history/history.ts';
import { UserError } from '../../../src/system/errors.ts';
import {
  auditLog,
  caller,
  finishedImage,
  finishedJob,
  imageBytes,
  latestSeq,
  newJob,
  openHistory,
  recipe,
} from './history-fixture.ts';

const ANN = { surface: 'web', user: 'ann' } as const;
const HOUR = 3_600_000;

function stateOf(history: History, imageId: string | undefined) {
  return history.images.file(imageId ?? '')?.state;
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(join(folder, 'images'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.includes('.'))
    .sort();
}

/** Adds the recipe and embedding that a real picture has. */
async function withEmbedding(history: History, content: string) {
  const { job } = history.jobs.accept(newJob());
  history.jobs.start(job.id);
  const embedding = { dims: [2], data: Float32Array.of(1, 2) };
  const event = await history.images.finish(job.id, finishedImage(content, { embedding, recipe: recipe() }));
  history.jobs.finish(job.id, { seconds: 1 });
  assert.ok(event?.type === 'image');
  return event.image.id;
}

test('a picture that cannot be written leaves the job as it was, and a second try works', async (t) => {
  const disk = { full: true };
  const { history, folder } = openHistory(t, {
    images: {
      write: async (file, content) => {
        await file.writeFile(content.subarray(0, 2));
        if (disk.full) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        await file.writeFile(content.subarray(2));
      },
    },
  });
  const { job } = history.jobs.accept(newJob());
  history.jobs.start(job.id);
  await assert.rejects(history.images.finish(job.id, finishedImage('picture')), {
    name: 'OperatorError',
    code: 'disk_full',
  });
  assert.deepEqual(history.jobs.get(job.id)?.images, []);
  assert.equal(history.jobs.get(job.id)?.state, 'running');
  assert.deepEqual(filesIn(folder), []);
  disk.full = false;
  const event = await history.images.finish(job.id, finishedImage('picture'));
  assert.ok(event?.type === 'image');
  const file = history.images.file(event.image.id);
  assert.ok(file?.state === 'present');
  assert.equal(readFileSync(file.path, 'utf8'), 'picture');
});

test('a second picture for the same place in a job is turned away, and its file with it', async (t) => {
  const { history, folder } = openHistory(t);
  const { job } = history.jobs.accept(newJob());
  history.jobs.start(job.id);
  await history.images.finish(job.id, finishedImage('first'));
  assert.equal(await history.images.finish(job.id, finishedImage('second')), null);
  assert.equal(filesIn(folder).length, 1);
  assert.equal(history.jobs.get(job.id)?.images.length, 1);
});

test('equal pictures share a file until the last of them is deleted', async (t) => {
  const { history, folder } = openHistory(t);
  const a = await finishedJob(history, ['same', 'same']);
  assert.equal(filesIn(folder).length, 1);
  assert.equal(imageBytes(history), 4);
  const seq = latestSeq(history);
  const event = history.images.delete(a.images[0] ?? '', ANN);
  assert.equal(event?.type, 'changed');
  assert.deepEqual(
    event?.job.images.map(({ deleted }) => deleted),
    [true, false],
  );
  assert.equal(stateOf(history, a.images[0]), 'deleted');
  assert.equal(stateOf(history, a.images[1]), 'present');
  assert.equal(history.images.delete(a.images[0] ?? '', ANN), null, 'only once');
  assert.equal(history.images.delete('../../../etc', ANN), null);
  history.images.delete(a.images[1] ?? '', ANN);
  assert.deepEqual(filesIn(folder), []);
  assert.equal(imageBytes(history), 0);
  assert.deepEqual(
    history.events.since('web', 'lobby', seq, 9).map(({ type }) => type),
    ['changed', 'changed'],
  );
  assert.equal(auditLog(history, 'web', 'lobby').length, 2);
});

test('a deleted picture keeps its numbers but not what it can be made from', async (t) => {
  const { history } = openHistory(t);
  const id = await withEmbedding(history, 'x');
  history.images.delete(id, ANN);
  assert.equal(history.images.get(id)?.embedding, null);
  assert.deepEqual(history.images.get(id)?.recipe, recipe());
  assert.equal(await history.images.restore(id, Buffer.from('x')), null);
  assert.equal(imageBytes(history), 0);
});

test('a picture written while its twin is deleted keeps the file', async (t) => {
  const { history } = openHistory(t);
  const twin = await finishedJob(history, ['same']);
  const { job } = history.jobs.accept(newJob());
  history.jobs.start(job.id);
  const writing = history.images.finish(job.id, finishedImage('same'));
  history.images.delete(twin.images[0] ?? '', ANN);
  const event = await writing;
  assert.ok(event?.type === 'image');
  assert.equal(stateOf(history, event.image.id), 'present');
});

test('a file removed or cut short by hand is noticed and can be made again, also with other bytes', async (t) => {
  const { history, folder } = openHistory(t);
  const { images } = await finishedJob(history, ['first', 'second']);
  const [a = '', b = ''] = images;
  const pathOf = (id: string) => {
    const file = history.images.file(id);
    assert.ok(file?.state === 'present');
    return file.path;
  };
  rmSync(pathOf(a));
  truncateSync(pathOf(b), 1);
  assert.deepEqual([stateOf(history, a), stateOf(history, b)], ['lost', 'lost']);
  await history.images.restore(a, Buffer.from('first'));
  const path = await history.images.restore(b, Buffer.from('second, a pixel off'));
  assert.equal(readFileSync(path ?? '', 'utf8'), 'second, a pixel off');
  assert.equal(readFileSync(pathOf(a), 'utf8'), 'first');
  assert.equal(filesIn(folder).length, 2, 'the old bytes are gone');
  assert.equal(imageBytes(history), 'first'.length + 'second, a pixel off'.length);
  assert.equal(stateOf(history, 'unknown'), undefined);
});

test('old pictures go by age; their rows and recipes stay', async (t) => {
  const { history, clock, folder } = openHistory(t);
  const old = await finishedJob(history, ['old', 'shared']);
  clock.now += 2 * HOUR;
  const young = await finishedJob(history, ['young']);
  const { job } = history.jobs.accept(newJob());
  assert.deepEqual(await history.tidy({ maxAgeMs: HOUR }), { files: 2, bytes: 9 });
  assert.equal(stateOf(history, old.images[0]), 'lost');
  assert.equal(stateOf(history, young.images[0]), 'present');
  assert.deepEqual(history.images.get(old.images[0] ?? '')?.recipe, recipe());
  assert.equal(history.jobs.get(old.id)?.images.length, 2);
  assert.equal(filesIn(folder).length, 1);
  await history.images.restore(old.images[0] ?? '', Buffer.from('old'));
  assert.deepEqual(await history.tidy({ maxAgeMs: HOUR }), { files: 0, bytes: 0 }, 'its age begins anew');
  assert.equal(history.jobs.get(job.id)?.state, 'queued');
});

test('the oldest pictures go first when all together are too many, but none of a job in the works', async (t) => {
  const { history, clock } = openHistory(t);
  const { job } = history.jobs.accept(newJob());
  history.jobs.start(job.id);
  const working = await history.images.finish(job.id, finishedImage('0123456789'));
  const ids: string[] = [];
  for (let index = 0; index < 130; index += 1) {
    clock.now += 1;
    ids.push(...(await finishedJob(history, [`picture ${String(index).padStart(3, '0')}`])).images);
  }
  assert.equal(imageBytes(history), 10 + 130 * 11);
  const removed = await history.tidy({ maxBytes: 10 + 5 * 11 + 3 });
  assert.deepEqual(removed, { files: 125, bytes: 125 * 11 });
  assert.ok(working?.type === 'image');
  assert.equal(stateOf(history, working.image.id), 'present');
  assert.deepEqual(
    ids.map((id) => stateOf(history, id)),
    [...Array(125).fill('lost'), ...Array(5).fill('present')],
  );
  await history.tidy({ maxBytes: 0 });
  assert.equal(imageBytes(history), 10);
});

test('old events, keys and confirmations go; jobs stay', async (t) => {
  const { history, clock } = openHistory(t);
  const { job } = history.jobs.accept(newJob({ idempotencyKey: 'k' }));
  const seq = latestSeq(history);
  clock.now += 31 * 24 * HOUR;
  await history.tidy({});
  assert.equal(history.jobs.byKey(ANN, 'k'), null);
  assert.deepEqual(history.events.since('web', 'lobby', 0, 9), []);
  assert.equal(history.jobs.start(job.id)?.seq, seq + 1, 'numbers go on where they were');
});

test('after a crash, files without a row go, and lost files no longer count', async (t) => {
  const { history, folder } = openHistory(t);
  const { images } = await finishedJob(history, ['kept', 'removed by hand']);
  const orphan = 'ab'.repeat(32);
  mkdirSync(join(folder, 'images', 'ab'), { recursive: true });
  writeFileSync(join(folder, 'images', 'ab', `${orphan}.png`), 'x');
  writeFileSync(join(folder, 'images', 'ab', '.0123456789abcdef.part'), 'x');
  writeFileSync(join(folder, 'images', 'ab', 'notes.txt'), 'the owner’s');
  const file = history.images.file(images[1] ?? '');
  assert.ok(file?.state === 'present');
  rmSync(file.path);
  assert.deepEqual(await history.images.sweep(), { orphans: 1, lost: 1 });
  assert.equal(filesIn(folder).length, 2);
  assert.equal(imageBytes(history), 'kept'.length);
  assert.deepEqual(await history.images.sweep(), { orphans: 0, lost: 0 });
});

async function annAndBob(t: TestContext) {
  const opened = openHistory(t);
  const { history } = opened;
  const ann = await finishedJob(history, ['of ann', 'of both'], { idempotencyKey: 'k' });
  const bob = await finishedJob(history, ['of both', 'of bob'], {
    caller: caller({ user: 'bob' }),
    derivation: { verb: 'vary-subtle', parentImage: ann.images[0] ?? null, parentJob: ann.id, strength: 0.3 },
  });
  history.messages.save(ann.id, { token: 'platform token' });
  history.settings.set({ surface: 'web', guild: 'lobby' }, 'weight', 2, ANN);
  history.confirmations.save({ caller: caller(), requests: [], expiresAt: opened.clock.now + HOUR });
  return { ...opened, ann, bob };
}

test('a person gets everything that is kept about them, and nothing of others', async (t) => {
  const { history, ann, bob } = await annAndBob(t);
  const { json, files } = history.personalData.export('web', 'ann');
  const data = JSON.parse(json);
  assert.deepEqual(data.person, {
    surface: 'web',
    id: 'ann',
    name: 'Ann',
    firstSeen: 1894708800000,
    lastSeen: 1894708800000,
  });
  assert.equal(data.jobs.length, 1);
  assert.equal(data.jobs[0].request.seed, '7');
  assert.equal(data.jobs[0].images[0].recipe.checkpoint, 'c0ffee');
  assert.deepEqual(data.usage, [{ day: 21929, seconds: 5 }]);
  assert.equal(data.actions[0].action, 'set');
  assert.equal(data.confirmations.length, 1);
  assert.ok(!json.includes(bob.id) && !json.includes('platform token'));
  assert.deepEqual(
    files.map(({ name, path }) => [name, readFileSync(path, 'utf8')]),
    [
      [`${ann.images[0]}.png`, 'of ann'],
      [`${ann.images[1]}.png`, 'of both'],
    ],
  );
});

test('erasing a person leaves no trace of their words, and a file that another’s image shares', async (t) => {
  const { history, ann, bob, folder, clock } = await annAndBob(t);
  const secret = history.jobs.accept(newJob({ caller: caller({ name: 'Annabella' }) })).job.id;
  assert.throws(
    () => history.personalData.erase('web', 'ann'),
    (error) => error instanceof UserError && error.code === 'erase_unfinished' && error.hint?.includes(secret) === true,
  );
  history.jobs.cancel(secret, { code: 'cancelled', message: 'By the person.' });
  assert.deepEqual(history.personalData.erase('web', 'ann'), { jobs: 2, images: 2 });

  assert.equal(history.jobs.get(ann.id), null);
  assert.equal(history.images.get(ann.images[0] ?? ''), null);
  assert.equal(history.jobs.byKey(ANN, 'k'), null);
  assert.deepEqual(history.lists.page({ ...ANN, limit: 9 }), []);
  assert.deepEqual(
    history.lists.undelivered('web').map(({ id }) => id),
    [bob.id],
  );
  assert.ok(history.events.since('web', 'lobby', 0, 99).every(({ job }) => job.id === bob.id));
  assert.deepEqual(
    bob.images.map((id) => stateOf(history, id)),
    ['present', 'present'],
  );
  assert.equal(filesIn(folder).length, 2, 'of both, of bob');
  assert.equal(history.jobs.get(bob.id)?.derivation?.parentJob, ann.id, 'what others derived stays');
  const log = auditLog(history, 'web', 'lobby');
  assert.deepEqual(
    log.map(({ actor, action }) => [actor, action]),
    [['erased', 'set']],
  );
  for (const name of ['wuerst.db', 'wuerst.db-wal']) {
    assert.ok(!readFileSync(join(folder, name)).includes('Annabella'), `${name} holds the name no more`);
  }

  assert.equal(history.usage.today('user', 'web', 'ann').seconds, 5, 'erasing is no way round the daily limit');
  clock.now += 24 * HOUR;
  history.personalData.erase('web', 'ann');
  assert.deepEqual(JSON.parse(history.personalData.export('web', 'ann').json).usage, []);
});

test('a backup made while jobs go on can take the folder’s place', async (t) => {
  const { history, folder, ann, bob } = await annAndBob(t);
  const destination = join(folder, 'backups', 'monday');
  mkdirSync(join(folder, 'wildcards'));
  writeFileSync(join(folder, 'wildcards', 'animal.txt'), 'panda');
  symlinkSync('nowhere', join(folder, 'wildcards', 'gone.txt'));
  const made = history.backup(
    destination,
    ['presets', 'wildcards'].map((name) => join(folder, name)),
  );
  const meanwhile = await finishedJob(history, ['meanwhile']);
  assert.deepEqual(await made, { folder: destination, images: filesIn(destination).length, lost: 0 });
  assert.deepEqual(readdirSync(join(destination, 'wildcards')), ['animal.txt']);
  assert.equal(existsSync(join(destination, 'presets')), false);
  const copy = openHistory(t, { folder: destination }).history;
  assert.deepEqual(copy.jobs.get(ann.id), history.jobs.get(ann.id));
  assert.deepEqual(
    [...ann.images, ...bob.images].map((id) => stateOf(copy, id)),
    Array(4).fill('present'),
  );
  assert.ok(history.jobs.get(meanwhile.id) !== null);
  await assert.rejects(history.backup(destination), { code: 'backup_exists', message: /is not empty/ });
  writeFileSync(join(folder, 'file'), '');
  await assert.rejects(history.backup(join(folder, 'file', 'x')), { name: 'OperatorError' });
  assert.deepEqual(readdirSync(join(folder, 'backups')), ['monday']);
});
