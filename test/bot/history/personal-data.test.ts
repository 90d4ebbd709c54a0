import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { History } from '../../../src/bot/history/history.ts';
import { PERSONAL_TABLES } from '../../../src/bot/history/personal-data.ts';
import { openSqlite } from '../../../src/system/sqlite.ts';
import { caller, finishedImage, finishedJob, newJob, openHistory, recipe, rowsOf } from './history-fixture.ts';

const DAY = 86_400_000;
/** Stands nowhere but in what is kept about one person. */
const WHO = 'zaphod4711';
const ZAPHOD = { surface: 'discord', user: WHO } as const;

/** Columns that name a person. */
const PERSONAL_COLUMN = /^(?:user|user_name|actor|target|party|owner|caller_json|account)$/;
/** Tables with such a column that are about nobody, or that are no content: why. */
const OTHERS: Readonly<Record<string, string>> = {
  memos: 'owner is a part of the bot',
};

function tablesOf(history: History): readonly string[] {
  const sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name";
  return (rowsOf(history, sql) as { name: string }[]).map(({ name }) => name);
}

/** The tables in which a word stands anywhere. */
function tablesWith(history: History, word: string): readonly string[] {
  return tablesOf(history).filter((table) => JSON.stringify(rowsOf(history, `SELECT * FROM ${table}`)).includes(word));
}

/** A history in which something of Zaphod stands wherever something of a person can. */
async function everywhere(t: Parameters<typeof openHistory>[0]) {
  const opened = openHistory(t);
  const { history, clock } = opened;
  const zaphod = caller({ ...ZAPHOD, name: `Mr ${WHO}`, guild: 'g1', payer: `discord:user:${WHO}`, room: `dm-${WHO}` });
  const { job } = history.jobs.accept(newJob({ caller: zaphod, idempotencyKey: `key-${WHO}` }));
  history.jobs.start(job.id);
  const embedding = { dims: [2], data: Float32Array.of(1, 2) };
  const made = recipe({ style: `style-${WHO}` });
  await history.images.finish(job.id, finishedImage(WHO, { embedding, recipe: made }));
  history.jobs.finish(job.id, { seconds: 3 });
  history.messages.save(job.id, { user: WHO, interaction: { id: '1', token: 'secret-token' } });
  const [image] = history.jobs.get(job.id)?.images ?? [];
  history.postings.save({ ...ZAPHOD, job: job.id, image: image?.id ?? null }, { file: WHO, token: 'secret-token' });
  history.shares.save([
    { level: `discord/discord:user:${WHO}`, key: `discord/${WHO}`, share: { tag: 1, ticket: null } },
  ]);
  history.settings.set({ surface: 'discord', guild: 'g1' }, 'weight', 2, ZAPHOD);
  const moderator = {
    surface: 'discord',
    guild: 'g1',
    actor: 'mo',
    action: 'erase',
    target: WHO,
    detail: null,
  } as const;
  history.audit.add(moderator);
  history.audit.add({ ...moderator, surface: 'terminal', guild: null, action: 'lock', target: `discord:${WHO}` });
  history.confirmations.save({ caller: zaphod, requests: [], expiresAt: clock.now + DAY });
  history.presets.save(ZAPHOD, [{ name: `preset-${WHO}`, prompt: WHO, negative: '', settings: {} }], ZAPHOD);
  const other = await finishedJob(history, ['of another']);
  history.gallery.like(other.images[0] ?? '', ZAPHOD);
  return { ...opened, job, other };
}

test('whatever is erased is exported: each table with a column for a person is in both', async (t) => {
  const { history } = openHistory(t);
  const personal = tablesOf(history).filter((table) => {
    const columns = rowsOf(history, `SELECT name FROM pragma_table_info('${table}')`) as { name: string }[];
    return columns.some(({ name }) => PERSONAL_COLUMN.test(name));
  });
  const known = [...Object.keys(PERSONAL_TABLES), ...Object.keys(OTHERS)];
  assert.deepEqual(
    personal.filter((table) => !known.includes(table)),
    [],
    'a new table about people belongs into the export and into what is erased',
  );
});

test('a person gets every word that is kept about them, and no token', async (t) => {
  const { history } = await everywhere(t);
  const { json } = history.personalData.export('discord', WHO);
  const data = JSON.parse(json);
  for (const table of tablesWith(history, WHO)) {
    assert.ok(table in PERSONAL_TABLES, `${table} holds something of a person`);
    const section = data[PERSONAL_TABLES[table as keyof typeof PERSONAL_TABLES]];
    assert.ok(section !== undefined && JSON.stringify(section).length > 2, `${table} is in the export`);
  }
  const [job] = data.jobs;
  assert.deepEqual(
    [job.images[0].embedding, job.message.user, job.message.interaction.id],
    [{ dims: [2], bytes: 8 }, WHO, '1'],
  );
  assert.deepEqual(
    job.events.map(({ type }: { type: string }) => type),
    ['queued', 'started', 'image', 'done'],
  );
  assert.equal(data.actions.length, 3, 'what they did, and what was done to them');
  assert.ok(!json.includes('secret-token'));
});

test('erasing leaves nothing but the handles on what platforms still show, and these until it is gone', async (t) => {
  const { history, clock, folder, other } = await everywhere(t);
  assert.ok(tablesWith(history, WHO).length > 8);
  history.personalData.erase('discord', WHO);
  assert.deepEqual(tablesWith(history, WHO), ['postings', 'usage']);
  assert.equal(history.personalData.logHoldsErased, false);
  clock.now += DAY;
  await history.tidy({});
  const due = history.postings.due('discord', 9);
  assert.equal(due.length, 2, 'the message and the file');
  for (const { id } of due) history.postings.removed(id);
  history.personalData.erase('discord', WHO);
  assert.deepEqual(tablesWith(history, WHO), []);
  for (const name of ['wuerst.db', 'wuerst.db-wal']) {
    assert.ok(!readFileSync(join(folder, name)).includes(WHO), `${name} holds nothing of it`);
  }
  assert.equal(history.jobs.get(other.id)?.state, 'done');
});

test('a log that another program keeps in use is said to hold what was erased, and is emptied later', async (t) => {
  const { history, folder } = await everywhere(t);
  const reader = openSqlite(join(folder, 'wuerst.db'), { readonly: true });
  t.after(() => reader.close());
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM jobs').get();
  history.personalData.emptyLog(0);
  history.personalData.erase('discord', WHO);
  assert.equal(history.personalData.logHoldsErased, true);
  await history.tidy({});
  assert.equal(history.personalData.logHoldsErased, true);
  reader.exec('COMMIT');
  await history.tidy({});
  assert.equal(history.personalData.logHoldsErased, false);
  const log = readFileSync(join(folder, 'wuerst.db-wal'));
  assert.ok(!log.includes(`Mr ${WHO}`));
});

test('requests, the audit log and events are kept for stated times; messages stay in reach of erasing', async (t) => {
  const { history, clock, folder, job } = await everywhere(t);
  const keptFor = { records: 10 * DAY, audit: 5 * DAY, events: 2 * DAY };
  const unfinished = history.jobs.accept(newJob()).job;
  clock.now += 3 * DAY;
  await history.tidy({ keptFor });
  assert.deepEqual(history.events.since('discord', `dm-${WHO}`, 0, 9), []);
  assert.equal(rowsOf(history, 'SELECT * FROM audit').length, 3);
  clock.now += 3 * DAY;
  await history.tidy({ keptFor });
  assert.equal(rowsOf(history, 'SELECT * FROM audit').length, 0);
  assert.equal(history.jobs.get(job.id)?.request.prompt, 'a red fox in the snow');
  clock.now += 5 * DAY;
  await history.tidy({ keptFor });
  for (const table of ['images', 'recipes', 'events', 'files']) {
    assert.equal(rowsOf(history, `SELECT * FROM ${table}`).length, 0, table);
  }
  assert.equal(history.jobs.get(job.id), null);
  assert.equal(history.jobs.get(unfinished.id)?.state, 'queued', 'what waits is not old');
  assert.deepEqual(
    (rowsOf(history, 'SELECT id FROM users') as { id: string }[]).map(({ id }) => id),
    ['ann'],
  );
  assert.ok(readFileSync(join(folder, 'wuerst.db')).length > 0);
  assert.equal(history.postings.due('discord', 9).length, 0, 'old messages are left alone');
  history.personalData.erase('discord', WHO);
  assert.equal(history.postings.due('discord', 9).length, 2, 'and removed when their person wants that');
});

test('handles of deleted pictures outlive a crash, with how often removing them was tried', async (t) => {
  const { history, clock, folder, job } = await everywhere(t);
  const [image] = history.jobs.get(job.id)?.images ?? [];
  assert.equal(history.postings.due('discord', 9).length, 0);
  history.messages.markDelivered(job.id);
  history.images.delete(image?.id ?? '', ZAPHOD);
  const [posting] = history.postings.due('discord', 9);
  assert.ok(posting);
  const dueAt = clock.now + 60_000;
  history.postings.failed(posting.id, { problem: 'Discord is away.', handle: { left: 1 }, dueAt });
  history.close();
  const again = openHistory(t, { folder, now: () => clock.now }).history;
  assert.deepEqual(again.postings.due('discord', 9), []);
  assert.equal(again.postings.nextDue('discord'), dueAt);
  clock.now += 60_000;
  const [kept] = again.postings.due('discord', 9);
  assert.deepEqual([kept?.handle, kept?.tries, kept?.job], [{ left: 1 }, 1, job.id]);
  assert.deepEqual(
    again.messages.outdated('discord').map(({ id }) => id),
    [job.id],
  );
});
