import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { History } from '../../../src/bot/history/history.ts';
import { openSqlite } from '../../../src/system/sqlite.ts';
import { REPOSITORY } from '../../program.ts';
import { openHistory, rowsOf, temporaryFolder } from './history-fixture.ts';

const FIRST = join(REPOSITORY, 'test/fixtures/first-release');
/** Ids in the fixture. */
const PANDA = 'dozupnsw44';
const [PICTURE, DELETED] = ['31gk1sl0t4gs', 'dji7qa0f7kew'];
const PENGUIN = 'apc14fclnz';
/** Rows that stand elsewhere today: see the migrations 005 and 006. */
const MOVED = ['queue_shares', 'preview_maps', 'installations'];

function copyOfFirst(t: TestContext): string {
  const folder = temporaryFolder(t);
  cpSync(FIRST, folder, { recursive: true });
  return folder;
}

function tablesIn(path: string): Map<string, unknown[]> {
  const sqlite = openSqlite(path, { readonly: true });
  const names = sqlite
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .pluck()
    .all() as string[];
  const tables = new Map(names.map((name) => [name, sqlite.prepare(`SELECT * FROM "${name}"`).all()]));
  sqlite.close();
  return tables;
}

test('a database of the first release keeps every row and every value of it', (t) => {
  const folder = copyOfFirst(t);
  const before = tablesIn(join(folder, 'wuerst.db'));
  openHistory(t, { folder });
  const after = tablesIn(join(folder, 'wuerst.db'));
  assert.equal(before.get('jobs')?.length, 7);
  for (const [name, rows] of before) {
    if (MOVED.includes(name)) continue;
    assert.ok(rows.length > 0, `the fixture has rows of ${name}`);
    const now = after.get(name) ?? [];
    assert.equal(now.length, rows.length, name);
    // Columns that came later stand beside those of before.
    for (const [index, row] of rows.entries())
      assert.deepEqual({ ...Object(now[index]), ...Object(row) }, now[index], name);
  }
});

test('what a database of the first release says is read as it was meant', async (t) => {
  const { history, folder } = openHistory(t, { folder: copyOfFirst(t) });
  const panda = history.jobs.get(PANDA);
  assert.deepEqual(
    [panda?.state, panda?.images.map(({ id, deleted }) => [id, deleted])],
    [
      'done',
      [
        [PICTURE, false],
        [DELETED, true],
      ],
    ],
  );
  assert.deepEqual(
    { ...panda?.request, prompt: panda?.request.prompt },
    {
      ...panda?.request,
      ...{ prompt: 'a panda on a green background', negative: 'text', seed: 18446744073709551615n, style: 'base' },
      ...{ steps: 12, guidance: 4.5, spoiler: true, width: 1024, height: 1536, n: 2 },
    },
  );
  const picture = history.images.get(PICTURE);
  assert.equal(picture?.recipe.stageCSeed, 18446744073709551615n);
  assert.deepEqual([picture?.embedding?.dims, picture?.embedding?.data[15]], [[1, 4, 2, 2], 3.75]);
  const file = history.images.file(PICTURE);
  assert.ok(file && 'path' in file && readFileSync(String(file.path)).length === 70, folder);
  assert.deepEqual(
    ['queued', 'running', 'failed', 'cancelled'].map((state) =>
      rowsOf(history, 'SELECT count(*) AS n FROM jobs WHERE state = ?', state),
    ),
    [[{ n: 2 }], [{ n: 1 }], [{ n: 1 }], [{ n: 1 }]],
  );
  assert.deepEqual(
    history.jobs.waiting().map(({ job }) => job.request.prompt),
    ['a ghost at night', 'a cactus in the desert'],
  );
  assert.equal(history.jobs.byKey({ surface: 'web', user: 'ann' }, 'first')?.stored.job.id, PANDA);
  const guild = history.settings.at({ surface: 'discord', guild: 'g9' });
  assert.deepEqual([guild.userJobs, guild.blockedWords], [3, ['weapon']]);
  assert.equal(history.memos.stepTimes('c0ffee')[0]?.samples, 7);
  assert.deepEqual(history.memos.get('pipeline', 'limits'), { least: 64 });
  const question = history.confirmations.newestOf('web', 'ann');
  assert.deepEqual(
    history.confirmations.get(question ?? '')?.requests.map(({ prompt }) => prompt),
    ['a red fox', 'a grey fox'],
  );
});

test('what was not there at the first release is worked out from its rows', (t) => {
  const { history } = openHistory(t, { folder: copyOfFirst(t) });
  // The guild whose quotas count a job is that of its room.
  assert.deepEqual(rowsOf(history, 'SELECT count(*) AS n FROM jobs WHERE charged_guild IS NOT guild'), [{ n: 0 }]);
  // The queue's accounts: payers and their users on levels of their own, each with its clock.
  assert.deepEqual(rowsOf(history, 'SELECT level, key, tag, ticket FROM queue_shares ORDER BY level, key'), [
    { level: '', key: '', tag: 12.5, ticket: null },
    { level: '', key: 'g9', tag: 14, ticket: 3 },
    { level: 'g9', key: '', tag: 7.25, ticket: null },
    { level: 'g9', key: '42', tag: 9, ticket: 2 },
  ]);
  // The gallery has what is not deleted, found by words, settings, place and person, and with what was made from what.
  const found = (where: string) =>
    rowsOf(
      history,
      `SELECT images.id FROM gallery_words JOIN images ON images.num = gallery_words.rowid WHERE gallery_words MATCH ?`,
      where,
    );
  assert.deepEqual(found('pand*'), [{ id: PICTURE }]);
  assert.deepEqual(found('"text"'), [{ id: PICTURE }]);
  const all = history.gallery.search({ surface: 'discord', of: { user: '42' } }, { offset: 0, limit: 10, for: '42' });
  assert.deepEqual(
    all.pictures.map(({ job }) => job.id),
    [PENGUIN],
  );
  const [penguin] = all.pictures;
  assert.deepEqual(penguin && history.gallery.parents(penguin).map(({ image }) => image.id), [PICTURE]);
});

test('the second start changes nothing', (t) => {
  const folder = copyOfFirst(t);
  History.open({ folder }).close();
  const once = tablesIn(join(folder, 'wuerst.db'));
  const sqlite = openSqlite(join(folder, 'wuerst.db'));
  const version = sqlite.pragma('user_version', { simple: true });
  const schema = sqlite.prepare('SELECT sql FROM sqlite_schema ORDER BY name, sql').all();
  sqlite.close();
  openHistory(t, { folder });
  const again = openSqlite(join(folder, 'wuerst.db'), { readonly: true });
  t.after(() => again.close());
  assert.equal(again.pragma('user_version', { simple: true }), version);
  assert.deepEqual(again.prepare('SELECT sql FROM sqlite_schema ORDER BY name, sql').all(), schema);
  assert.deepEqual(tablesIn(join(folder, 'wuerst.db')), once);
});

test('an upgraded database has the tables that a new one has', (t) => {
  const { history: old } = openHistory(t, { folder: copyOfFirst(t) });
  const { history: fresh } = openHistory(t);
  const schema = 'SELECT type, name, tbl_name FROM sqlite_schema ORDER BY type, name';
  assert.deepEqual(rowsOf(old, schema), rowsOf(fresh, schema));
});
