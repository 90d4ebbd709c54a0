import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createWebApp } from '../../../src/adapters/web/server/app.ts';
import type { WorkerOrder, WorkerReport } from '../../../src/adapters/web/server/operations.ts';
import type { Actor } from '../../../src/bot/history/audit.ts';
import { ModelManager } from '../../../src/models/model-manager.ts';
import { WorkerOrders } from '../../../src/workers/bot/orders.ts';
import { caller } from '../../bot/history/history-fixture.ts';
import { openStudio } from '../../bot/studio/studio-fixture.ts';
import { optionsFrom, SILENT } from './serve-fake.ts';

const SHARED = 'the-token-that-everybody-has';
const ADMIN = 'the-token-that-admins-have';

/** A private chat over a real studio, asked by programs of an admin, of somebody else and of nobody. */
async function privateChat(t: TestContext) {
  const bench = await openStudio(t);
  const orders = new WorkerOrders(bench.history);
  const worker: WorkerReport = {
    ...{ id: '0123456789abcdef', name: 'cellar', state: 'accepted', reason: null, since: 0, provider: 'cuda' },
    ...{ hardware: 'H100', paints: null, steps: { prior: 0.02 }, painted: 3, lost: 0, lastError: null },
  };
  const operations = {
    models: new ModelManager(
      { WUERST_MODELS: join(bench.folder, 'models'), HF_ENDPOINT: 'http://127.0.0.1:9' },
      {
        hub: { retries: 0 },
        record: (change, actor) => bench.history.audit.add({ surface: 'web', guild: null, actor, ...change }),
      },
    ),
    keys: bench.history.apiKeys,
    disk: async () => ({
      data: { folder: bench.folder, database: 4096, free: 1e9 },
      models: { folder: join(bench.folder, 'models'), bytes: 0, free: 1e9 },
    }),
    workers: {
      all: () => [worker],
      orders: () => orders.all,
      give: (name: string, order: WorkerOrder | undefined, by: Actor) => orders.give(name, order, by),
    },
  };
  const options = { ...optionsFrom({ token: SHARED, adminToken: ADMIN }), logger: SILENT, operations };
  const { app, close } = createWebApp(bench.studio, options);
  t.after(close);
  t.after(() => operations.models.stop());
  const ask = async (method: string, path: string, body?: object | string, token: string | null = ADMIN, more = {}) => {
    const isText = typeof body === 'string';
    const response = await app.request(`${path}${path.includes('?') ? '&' : '?'}user=root`, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': isText ? 'text/plain' : 'application/json' }),
        ...more,
      },
      ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
    });
    const parsed = response.status === 204 ? null : JSON.parse(await response.text());
    return { status: response.status, body: parsed, code: parsed?.error?.code as string | undefined };
  };
  return { ...bench, app, ask, orders };
}

/** Every method of every route of the administration, as the server has them. */
function adminRoutes(app: { readonly routes: readonly { method: string; path: string }[] }) {
  const found = app.routes.filter(({ method, path }) => path.startsWith('/api/admin/') && method !== 'ALL');
  return found.map(({ method, path }) => ({ method, path: path.replace(/:[a-z]+/g, 'x1') }));
}

test('whoever is no admin is refused everywhere in the administration, and so is nobody and the page of another site', async (t) => {
  const { app, ask } = await privateChat(t);
  const routes = adminRoutes(app);
  assert.ok(routes.length >= 20, `${routes.length} routes`);
  for (const { method, path } of routes) {
    const what = `${method} ${path}`;
    const body = method === 'POST' ? {} : undefined;
    const other = await ask(method, path, body, SHARED);
    assert.deepEqual([other.status, other.code], [403, 'admins_only'], what);
    assert.deepEqual([(await ask(method, path, body, null)).status], [401], what);
    if (method === 'GET') continue;
    const foreign = await ask(method, path, body, ADMIN, { origin: 'https://evil.example' });
    assert.deepEqual([foreign.status, foreign.code], [403, 'origin_not_allowed'], what);
    const rebound = await ask(method, path, body, ADMIN, { host: 'evil.example' });
    assert.deepEqual([rebound.status, rebound.code], [403, 'host_not_allowed'], what);
  }
  assert.deepEqual([(await ask('GET', '/api/admin/nothing', undefined, SHARED)).code], ['admins_only']);
  assert.equal((await ask('GET', '/api/admin/nothing')).code, 'not_found');
});

test('the core itself refuses who is no admin, whatever the server lets through', async (t) => {
  const { studio } = await privateChat(t);
  const ann = caller();
  const { administration } = studio;
  const tries: readonly (() => unknown)[] = [
    () => administration.rules(ann),
    () => administration.changeRule(ann, 'user-jobs', '3'),
    () => administration.people(ann, ''),
    () => administration.block(ann, { surface: 'web', user: 'bob' }, true),
    () => administration.painters(ann),
    () => administration.failures(ann),
    () => administration.cancel(ann, 'x1'),
    () => administration.kept(ann),
    () => administration.savePreset(ann, { name: 'a', text: 'b', negative: '', in: 'everywhere' }),
    () => administration.importPresets(ann, { in: 'everywhere', file: '' }),
    () => administration.deletePreset(ann, { in: 'everywhere', name: 'a' }),
    () => administration.saveWildcard(ann, { name: 'a', list: 'b' }),
    () => administration.deleteWildcard(ann, 'a'),
    () => administration.pictures(ann),
    () => administration.changes(ann),
    () => administration.classifier(ann),
  ];
  assert.equal(tries.length, Object.keys(administration).length);
  for (const attempt of tries) assert.throws(attempt, { code: 'admins_only' });
  // A moderator of a guild rules over that guild alone.
  const moderator = caller({ surface: 'discord', moderator: true });
  assert.throws(() => administration.rules(moderator), { code: 'admins_only' });
});

test('a rule is changed as by the command: within its bounds, kept with who did it, and taken back', async (t) => {
  const { ask, say } = await privateChat(t);
  const ruleNamed = (rules: readonly { name: string }[], name: string) => rules.find((rule) => rule.name === name);
  const { body: before } = await ask('GET', '/api/admin/rules?room=kitchen');
  assert.deepEqual(ruleNamed(before.rules, 'user-jobs'), {
    ...{ name: 'user-jobs', description: 'unfinished requests per person at once', everywhere: false },
    ...{ expected: 'It can be a whole number from 1, none or default.', words: null, choices: [] },
    ...{ holds: '50', own: null, initial: '50', changed: null },
  });
  assert.ok(ruleNamed(before.rules, 'everywhere-weight'));
  const { body: after } = await ask('POST', '/api/admin/rules?room=kitchen', { name: 'user-jobs', value: '3' });
  const { own, holds, changed } = ruleNamed(after.rules, 'user-jobs') as unknown as Record<string, string>;
  assert.deepEqual([own, holds, (changed as unknown as { by: string }).by], ['3', '3', 'root']);
  const here = await say('settings user-jobs', caller({ room: 'kitchen', guild: 'kitchen' }));
  assert.equal(here.fields[0]?.value, '3');
  const { body: reset } = await ask('POST', '/api/admin/rules?room=kitchen', { name: 'user-jobs', value: 'default' });
  assert.equal((ruleNamed(reset.rules, 'user-jobs') as unknown as { own: null }).own, null);
  const wrong: readonly [object, string][] = [
    [{ name: 'user-jobs', value: 'many' }, 'setting_value'],
    [{ name: 'user-jobs', value: '0' }, 'setting_value'],
    [{ name: 'user-jobs', value: '51' }, 'setting_above_limit'],
    [{ name: 'images', value: '11' }, 'setting_value'],
    [{ name: 'nothing', value: '1' }, 'unknown_guild_setting'],
    [{ name: 'user-jobs' }, 'body_invalid'],
  ];
  for (const [body, code] of wrong) {
    const answer = await ask('POST', '/api/admin/rules?room=kitchen', body);
    assert.deepEqual([answer.status, answer.code], [400, code], JSON.stringify(body));
  }
  assert.equal((await ask('GET', '/api/admin/rules?room=no%20room')).code, 'room_invalid');
});

test('people are found with what is left of their quotas; one who is banned is let in again, whatever they are called', async (t) => {
  const { ask, make, studio, clock } = await privateChat(t);
  const odd = caller({ user: 'ann, -bob', name: 'Ann, -Bob' });
  await make('a panda on a green background', caller({ user: 'eve', name: 'Eve' }));
  clock.advance(1000);
  await make('a cake', odd);
  await ask('POST', '/api/admin/rules', { name: 'everywhere-user-seconds', value: '600' });
  const { body } = await ask('GET', '/api/admin/people');
  const names = body.people.map(({ name }: { name: string }) => name);
  assert.deepEqual(names, ['Ann, -Bob', 'Eve']);
  const [ann] = body.people;
  assert.ok(ann.seconds > 0 && ann.mostSeconds === 600 && ann.mostUnfinished === 50 && !ann.blocked);
  const found = await ask('GET', '/api/admin/people?q=eV');
  assert.deepEqual(
    found.body.people.map(({ user }: { user: string }) => user),
    ['eve'],
  );
  const person = { surface: 'web', user: odd.user };
  assert.equal((await ask('POST', '/api/admin/people', { ...person, blocked: true })).status, 204);
  await assert.rejects(studio.command('a cake', odd), { code: 'blocked_user' });
  assert.equal((await ask('GET', '/api/admin/people')).body.people[0].blocked, true);
  await ask('POST', '/api/admin/people', { ...person, blocked: false });
  await make('a cake', odd);
  for (const wrong of [{ surface: 'moon', user: 'a', blocked: true }, { ...person, user: '', blocked: true }, person]) {
    assert.equal((await ask('POST', '/api/admin/people', wrong)).code, 'body_invalid');
  }
});

test('failures tell why, with the prompts of this page alone, and anybody’s request can be cancelled', async (t) => {
  const { ask, make, studio, started } = await privateChat(t);
  await make('a broken panda');
  const chat = { surface: 'discord', user: '1', name: 'Zoe', room: '2', guild: '3', payer: 'discord:guild:3' } as const;
  await make('too-big and secret', caller(chat));
  const { body } = await ask('GET', '/api/admin/failures');
  assert.deepEqual(
    body.failures.map(({ prompt, name, surface }: Record<string, string>) => [prompt, name, surface]),
    [
      [null, 'Zoe', 'discord'],
      ['a broken panda', 'Ann', 'web'],
    ],
  );
  assert.ok(body.failures.every(({ message }: { message: string }) => message.length > 10));
  assert.ok(!JSON.stringify(body).includes('secret'));
  const outcome = await studio.command('wait', caller(chat));
  assert.ok(outcome.kind === 'job');
  await started(outcome.job.id);
  assert.equal((await ask('DELETE', `/api/admin/queue/${outcome.job.id}`)).status, 204);
  assert.equal(studio.job(outcome.job.id)?.state, 'cancelled');
  assert.equal((await ask('DELETE', `/api/admin/queue/${outcome.job.id}`)).code, 'already_finished');
  assert.equal((await ask('DELETE', '/api/admin/queue/nothing')).code, 'job_unknown');
});

test('presets and wildcards are saved, imported, listed and deleted by the rules of the commands', async (t) => {
  const { ask } = await privateChat(t);
  const film = { name: 'film', text: '{prompt}, film still style:base', negative: 'text', in: 'everywhere' };
  assert.equal((await ask('POST', '/api/admin/presets', film)).status, 200);
  const csv = 'name,prompt,negative_prompt\nnoir,"{prompt}, black and white",colour\n';
  assert.equal((await ask('POST', '/api/admin/presets/import?in=place&room=r&name=styles.csv', csv)).status, 200);
  await ask('POST', '/api/admin/wildcards?room=r', { name: 'colour', list: 'red\n3::green' });
  const { body } = await ask('GET', '/api/admin/prompts?room=r');
  assert.deepEqual(body, {
    presets: [
      { name: 'noir', in: 'place', prompt: '{prompt}, black and white', negative: 'colour', settings: '' },
      { name: 'film', in: 'everywhere', prompt: '{prompt}, film still', negative: 'text', settings: 'style:base' },
    ],
    wildcards: [{ name: 'colour', in: 'place', list: 'red\n3::green' }],
  });
  const wrong: readonly [string, string, object | string | undefined, string][] = [
    ['POST', '/api/admin/presets', { ...film, text: 'style:nothing' }, 'bad_style'],
    ['POST', '/api/admin/presets', { ...film, name: '' }, 'preset_name'],
    ['POST', '/api/admin/presets', { ...film, in: 'folder' }, 'body_invalid'],
    ['POST', '/api/admin/presets/import?in=everywhere', 'nothing of use', 'presets_unreadable'],
    ['POST', '/api/admin/presets/import', csv, 'place_invalid'],
    ['DELETE', '/api/admin/presets?in=everywhere&name=nothing', undefined, 'preset_unknown'],
    ['POST', '/api/admin/wildcards', { name: 'a b/c', list: 'red' }, 'wildcard_name'],
    ['POST', '/api/admin/wildcards', { name: 'colour', list: '' }, 'wildcard_empty'],
    ['DELETE', '/api/admin/wildcards?name=nothing', undefined, 'wildcard_unknown'],
  ];
  for (const [method, path, given, code] of wrong) {
    const answer = await ask(method, path, given);
    assert.deepEqual([answer.status, answer.code], [400, code], `${method} ${path} ${JSON.stringify(given)}`);
  }
  await ask('DELETE', '/api/admin/presets?in=everywhere&name=film');
  await ask('DELETE', '/api/admin/presets?in=place&name=noir&room=r');
  await ask('DELETE', '/api/admin/wildcards?name=colour&room=r');
  assert.deepEqual((await ask('GET', '/api/admin/prompts?room=r')).body, { presets: [], wildcards: [] });
});

test('an API key is shown once, listed without its secret, and revoked', async (t) => {
  const { ask, history } = await privateChat(t);
  const key = { name: 'open webui', place: 'web:lobby', limits: 'images=2' };
  const made = await ask('POST', '/api/admin/keys', key);
  assert.equal(made.status, 201);
  assert.equal(history.apiKeys.admit(made.body.secret)?.name, 'open webui');
  const { body } = await ask('GET', '/api/admin/keys');
  assert.deepEqual([body.keys.length, body.keys[0].limits, body.keys[0].place], [1, 'images=2', 'web:lobby']);
  assert.ok(!JSON.stringify(body).includes(made.body.secret.split('-').at(-1)));
  const wrong: readonly [object, string][] = [
    [key, 'key_name_taken'],
    [{ ...key, name: '' }, 'key_name_invalid'],
    [{ ...key, name: 'b', place: 'moon:1' }, 'guild_invalid'],
    [{ ...key, name: 'b', limits: 'beer=2' }, 'limit_unknown'],
    [{ name: 'b' }, 'body_invalid'],
  ];
  for (const [given, code] of wrong) assert.equal((await ask('POST', '/api/admin/keys', given)).code, code);
  assert.deepEqual((await ask('DELETE', `/api/admin/keys/${body.keys[0].id}`)).body, { keys: [] });
  assert.equal((await ask('DELETE', '/api/admin/keys/nothing')).code, 'not_found');
  assert.equal(history.apiKeys.admit(made.body.secret), null);
});

test('painters are told with their speed, workers are drained, banned and admitted', async (t) => {
  const { ask, orders, make, painter } = await privateChat(t);
  const unmeasured = await ask('GET', '/api/admin/painters');
  assert.equal(unmeasured.body.painters[0].secondsPerPicture, null);
  await make('a panda on a green background');
  const { body } = await ask('GET', '/api/admin/painters');
  assert.deepEqual([body.painters[0].name, body.painters[0].ready], [painter.name, true]);
  assert.ok(body.painters[0].secondsPerPicture > 0);
  assert.equal(body.workers[0].name, 'cellar');
  for (const order of ['drain', 'ban'] as const) {
    await ask('POST', '/api/admin/workers', { name: 'cellar', order });
    assert.equal(orders.all.cellar, order);
  }
  await ask('POST', '/api/admin/workers', { name: 'cellar', order: 'admit' });
  assert.deepEqual(orders.all, {});
  for (const wrong of [{ name: 'a b', order: 'ban' }, { name: 'cellar', order: 'praise' }, {}]) {
    assert.equal((await ask('POST', '/api/admin/workers', wrong)).code, 'body_invalid');
  }
});

test('models are listed, and what cannot be done with them is said', async (t) => {
  const { ask } = await privateChat(t);
  const { body } = await ask('GET', '/api/admin/models');
  assert.equal(body.task, null);
  assert.ok(
    body.models.some(({ name, source }: Record<string, string>) => name === 'cocktail' && source === 'embedded'),
  );
  const { files } = (await ask('GET', '/api/admin/models/cocktail')).body;
  assert.ok(
    files.length > 10 && files.every(({ sha256 }: Record<string, string>) => /^[0-9a-f]{64}$/.test(sha256 ?? '')),
  );
  const wrong: readonly [string, string, object | undefined, string][] = [
    ['POST', '/api/admin/models', { do: 'pull', model: 'cocktail' }, 'model_embedded'],
    ['POST', '/api/admin/models', { do: 'pull', model: 'nothing' }, 'unknown_model'],
    ['POST', '/api/admin/models', { do: 'pull', model: '../x' }, 'body_invalid'],
    ['POST', '/api/admin/models', { do: 'pull', model: 'cocktail', styles: ['baroque'] }, 'body_invalid'],
    ['POST', '/api/admin/models', { do: 'verify', model: 'wuerstchen-v2' }, 'model_absent'],
    ['POST', '/api/admin/models', { do: 'use', model: 'wuerstchen-v2' }, 'model_incomplete'],
    ['DELETE', '/api/admin/models/cocktail', undefined, 'model_embedded'],
    ['DELETE', '/api/admin/models/nothing', undefined, 'unknown_model'],
    ['GET', '/api/admin/models/..%2f..', undefined, 'unknown_model'],
  ];
  for (const [method, path, given, code] of wrong) {
    assert.equal((await ask(method, path, given)).code, code, `${method} ${path} ${JSON.stringify(given)}`);
  }
  const disk = await ask('GET', '/api/admin/disk');
  assert.deepEqual(disk.body.pictures, { files: 0, bytes: 0 });
});

test('what holds can be saved as it is shown, and so can every choice, whichever rule it is', async (t) => {
  const { ask } = await privateChat(t);
  type Shown = { name: string; everywhere: boolean; holds: string; own: string | null; choices: string[] };
  const rulesOf = async () => (await ask('GET', '/api/admin/rules')).body.rules as Shown[];
  await ask('POST', '/api/admin/rules', { name: 'everywhere-blocked-words', value: 'wombat, two words' });
  const everywhere = (await rulesOf()).filter((rule) => rule.everywhere);
  assert.ok(everywhere.length > 10);
  for (const { name, holds, choices } of everywhere) {
    for (const value of [...choices, holds]) {
      const { status, body } = await ask('POST', '/api/admin/rules', { name, value });
      assert.equal(status, 200, `${name} ${value}`);
      const saved = (body.rules as Shown[]).find((rule) => rule.name === name);
      assert.equal(saved?.own, value, name);
    }
  }
});

test('whatever an administrator changes is kept with who did it, by every route that changes something', async (t) => {
  const { app, ask, studio, started } = await privateChat(t);
  const outcome = await studio.command('wait', caller());
  assert.ok(outcome.kind === 'job');
  await started(outcome.job.id);
  await ask('POST', '/api/admin/keys', { name: 'nightly', place: 'web:lobby' });
  const { keys } = (await ask('GET', '/api/admin/keys')).body;
  const changes: readonly [string, string, object | string | undefined, string][] = [
    ['POST', '/api/admin/rules', { name: 'everywhere-user-jobs', value: '7' }, 'everywhere-user-jobs: 7'],
    ['POST', '/api/admin/people', { surface: 'web', user: 'bob', blocked: true }, 'everywhere-blocked-users: bob'],
    ['DELETE', `/api/admin/queue/${outcome.job.id}`, undefined, `cancelled the request ${outcome.job.id}`],
    ['POST', '/api/admin/workers', { name: 'cellar', order: 'ban' }, 'banned the worker cellar'],
    ['POST', '/api/admin/models', { do: 'use', model: 'cocktail' }, 'chose the model cocktail'],
    ['POST', '/api/admin/models', { do: 'pull', model: 'wuerstchen-v2' }, 'began to fetch the model wuerstchen-v2'],
    ['POST', '/api/admin/presets', { name: 'film', text: '{prompt}, film', in: 'everywhere' }, 'saved the preset film'],
    [
      'POST',
      '/api/admin/presets/import?in=place&room=r&name=styles.csv',
      'name,prompt,negative_prompt\na,"{prompt}, b",c\nb,"{prompt}, d",e\n',
      'saved 2 presets: a, b',
    ],
    ['DELETE', '/api/admin/presets?in=everywhere&name=film', undefined, 'deleted the preset film'],
    ['POST', '/api/admin/wildcards?room=r', { name: 'colour', list: 'red' }, 'saved the wildcard colour'],
    ['DELETE', '/api/admin/wildcards?room=r&name=colour', undefined, 'deleted the wildcard colour'],
    ['POST', '/api/admin/keys', { name: 'b', place: 'web:r' }, 'made the API key b for web:r'],
    ['DELETE', `/api/admin/keys/${keys[0].id}`, undefined, 'revoked the API key nightly'],
  ];
  for (const [method, path, body, what] of changes) {
    const { status } = await ask(method, path, body);
    assert.ok(status < 300, `${method} ${path} ${status}`);
    const [last] = (await ask('GET', '/api/admin/changes')).body.changes;
    assert.deepEqual([last.what, last.by], [what, 'root']);
  }
  const done = new Set(changes.map(([method, path]) => `${method} ${path.replace(/\?.*/, '')}`));
  // They are of models that tests of the manager remove, and stop.
  for (const other of ['DELETE /api/admin/models/x1', 'DELETE /api/admin/model-task']) done.add(other);
  const shaped = [...done].map((one) => one.replace(/(keys|queue)\/[^/]+$/, '$1/x1'));
  for (const { method, path } of adminRoutes(app)) {
    if (method !== 'GET') assert.ok(shaped.includes(`${method} ${path}`), `${method} ${path} keeps who did it`);
  }
  const { changes: ofPrompts } = (await ask('GET', '/api/admin/changes?of=prompts')).body;
  assert.ok(ofPrompts.length > 0 && ofPrompts.every(({ what }: { what: string }) => /preset|wildcard/.test(what)));
});

test('a list of words is saved as it is, whatever is in them', async (t) => {
  const { ask, history } = await privateChat(t);
  const words = ['Smith, John', '-dash', '+plus', 'none', '"quoted" name', 'plain', 'two  words'];
  const kept = words.map((word) => word.replace(/\s+/g, ' '));
  const { body } = await ask('POST', '/api/admin/rules', { name: 'everywhere-blocked-users', value: words });
  const rule = body.rules.find(({ name }: { name: string }) => name === 'everywhere-blocked-users');
  assert.deepEqual([rule.words, history.settings.at('everywhere').blockedUsers], [kept, kept]);
  // As it is shown, it can be typed.
  await ask('POST', '/api/admin/rules', { name: 'everywhere-blocked-users', value: rule.own });
  assert.deepEqual(history.settings.at('everywhere').blockedUsers, kept);
  await ask('POST', '/api/admin/rules', { name: 'everywhere-blocked-users', value: '-"Smith, John", -none' });
  assert.equal(history.settings.at('everywhere').blockedUsers.length, words.length - 2);
  await ask('POST', '/api/admin/rules', { name: 'everywhere-blocked-users', value: [] });
  assert.deepEqual(history.settings.at('everywhere').blockedUsers, []);
});
