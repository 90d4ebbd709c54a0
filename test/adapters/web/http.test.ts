import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { KEYS } from '../../../src/bot/command/keys.ts';
import { parseCommand } from '../../../src/bot/command/parse.ts';
import { SUBCOMMANDS } from '../../../src/bot/command/subcommands.ts';
import { helpReply } from '../../../src/bot/replies/help-reply.ts';
import { EMPTY_REPLY } from '../../../src/bot/reply.ts';
import { DEFAULT_LIMITS } from '../../../src/bot/request-limits.ts';
import { OperatorError } from '../../../src/system/errors.ts';
import { currentLanguage, inLanguage } from '../../../src/texts/language.ts';
import { teach } from '../../../src/texts/translate.ts';
import { answerOf } from './answer.ts';
import { appOverFake } from './serve-fake.ts';

type App = Awaited<ReturnType<typeof appOverFake>>['app'];

function post(app: App, path: string, body: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return app.request(path, { method: 'POST', body: text, headers: { 'content-type': 'application/json', ...headers } });
}

async function problem(response: Response) {
  const { error } = (await response.json()) as { error: { code: string; message: string; hint: string | null } };
  assert.ok(error.message.length > 0);
  return { status: response.status, code: error.code };
}

test('a request that was started while it was answered is told as it is', async (t) => {
  const { app, core } = await appOverFake(t);
  const { command } = core;
  t.mock.method(core, 'command', async (...asked: Parameters<typeof command>) => {
    const outcome = await command.apply(core, asked);
    if (outcome.kind === 'job') core.start(outcome.job.id);
    return outcome;
  });
  const { job } = await answerOf(post(app, '/api/rooms/kitchen/commands', { text: 'a red fox', user: 'ann' }));
  assert.equal(job.state, 'running');
});

test('a command becomes a job that can be followed by its id', async (t) => {
  const { app, core } = await appOverFake(t);
  const answer = await post(app, '/api/rooms/kitchen/commands', { text: '/wuerst a red fox seed:7 n:2', user: 'ann' });
  assert.equal(answer.status, 202);
  const { job } = await answerOf(answer);
  assert.equal(core.commands[0]?.text, 'a red fox seed:7 n:2');
  assert.deepEqual(core.commands[0]?.caller, {
    surface: 'web',
    user: 'ann',
    name: 'ann',
    room: 'kitchen',
    guild: 'kitchen',
    payer: 'web:user:ann',
    moderator: true,
    ageRestricted: false,
  });
  await core.complete(job.id);
  const followed = await answerOf(app.request(`/api/jobs/${job.id}`));
  assert.equal(followed.state, 'done');
  assert.equal(followed.room, 'kitchen');
  assert.equal(followed.user, 'ann');
  assert.equal(followed.request.prompt, 'a red fox');
  assert.equal(followed.request.seed, 7);
  assert.deepEqual(
    followed.images.map((image) => [image.seed, image.url]),
    [
      [7, `/images/${job.id}i0.png`],
      [8, `/images/${job.id}i1.png`],
    ],
  );
  assert.deepEqual(followed.images[0]?.actions, [
    'reroll',
    'delete',
    'vary-subtle',
    'vary-strong',
    'larger',
    'remix',
    'info',
  ]);
});

test('seeds that a JSON number would round come as strings', async (t) => {
  const { app } = await appOverFake(t);
  const seed = '18446744073709551615';
  const { job } = await answerOf(post(app, '/api/rooms/r/commands', { text: `a fox seed:${seed}`, user: 'ann' }));
  assert.equal(job.request.seed, seed);
});

test('a command without a job is answered with a reply', async (t) => {
  const { app } = await appOverFake(t);
  const answer = await post(app, '/api/rooms/r/commands', { text: '/wuerst help', user: 'ann' });
  assert.equal(answer.status, 200);
  assert.equal((await answerOf(answer)).reply.title, 'What you can type');
});

test('the same Idempotency-Key answers with the same job', async (t) => {
  const { app } = await appOverFake(t);
  const send = async () => {
    const headers = { 'idempotency-key': 'k-1' };
    return answerOf(post(app, '/api/rooms/r/commands', { text: 'a fox', user: 'ann' }, headers));
  };
  assert.equal((await send()).job.id, (await send()).job.id);
  const bad = await post(app, '/api/rooms/r/commands', { text: 'a', user: 'ann' }, { 'idempotency-key': 'two words' });
  assert.deepEqual(await problem(bad), { status: 400, code: 'idempotency_key_invalid' });
});

test('buttons act in the room of their job, with the text of their form', async (t) => {
  const { app, core } = await appOverFake(t);
  const { job } = await answerOf(post(app, '/api/rooms/attic/commands', { text: 'a fox', user: 'ann' }));
  const remix = await post(app, '/api/actions', { action: `reroll:${job.id}`, user: 'bob', text: 'a blue fox' });
  assert.equal(remix.status, 202);
  assert.equal((await answerOf(remix)).job.request.prompt, 'a blue fox');
  assert.equal(core.actions[0]?.caller.room, 'attic');
  assert.equal(core.actions[0]?.caller.user, 'bob');
  const unknown = await post(app, '/api/actions', { action: 'reroll:nothing', user: 'bob' });
  assert.deepEqual(await problem(unknown), { status: 404, code: 'image_unknown' });
});

test('DELETE cancels as the one who asks, and says so when it is too late', async (t) => {
  const { app, core } = await appOverFake(t);
  const { job } = await answerOf(post(app, '/api/rooms/r/commands', { text: 'a fox', user: 'ann' }));
  const gone = await app.request(`/api/jobs/${job.id}?user=ann`, { method: 'DELETE' });
  assert.equal((await answerOf(gone)).job.state, 'cancelled');
  assert.equal(core.actions[0]?.caller.user, 'ann');
  const again = await app.request(`/api/jobs/${job.id}?user=ann`, { method: 'DELETE' });
  assert.deepEqual(await problem(again), { status: 409, code: 'already_finished' });
});

test('the history pages backwards without gap or repetition', async (t) => {
  const { app } = await appOverFake(t);
  for (let k = 0; k < 7; k++) await post(app, '/api/rooms/r/commands', { text: `fox ${k}`, user: 'ann' });
  await post(app, '/api/rooms/other/commands', { text: 'elsewhere', user: 'ann' });
  const seen: string[] = [];
  let before = '';
  for (;;) {
    const { jobs, more } = await answerOf(app.request(`/api/rooms/r/jobs?limit=3${before}`));
    seen.push(...jobs.map((job) => job.request.prompt));
    if (!more) break;
    before = `&before=${jobs.at(-1)?.id}`;
  }
  assert.deepEqual(seen, ['fox 6', 'fox 5', 'fox 4', 'fox 3', 'fox 2', 'fox 1', 'fox 0']);
});

test('every mistake is answered with a code, a message and a fitting status', async (t) => {
  const { app } = await appOverFake(t);
  const path = '/api/rooms/r/commands';
  const plain = { 'content-type': 'text/plain' };
  const cases: [string, Response | Promise<Response>, number, string][] = [
    ['malformed JSON', post(app, path, '{"text": '), 400, 'body_not_json'],
    ['no JSON type', post(app, path, 'a fox', plain), 415, 'body_not_json_type'],
    ['wrong shape', post(app, path, { text: 7, user: 'ann' }), 400, 'body_invalid'],
    ['a key nobody knows', post(app, path, { text: 'a', user: 'ann', admin: true }), 400, 'body_invalid'],
    ['no user', post(app, path, { text: 'a fox' }), 400, 'user_missing'],
    ['a name that stands for a key', post(app, path, { text: 'a', user: 'key:abc123' }), 400, 'user_invalid'],
    ['a user that turns text around', post(app, path, { text: 'a', user: 'ann\u202e' }), 400, 'user_invalid'],
    ['a large body', post(app, path, { text: 'x'.repeat(70_000), user: 'ann' }), 413, 'body_too_large'],
    [
      'a room with dots',
      post(app, '/api/rooms/..%2F..%2Fetc/commands', { text: 'a', user: 'ann' }),
      400,
      'room_invalid',
    ],
    [
      'a long room',
      post(app, `/api/rooms/${'r'.repeat(65)}/commands`, { text: 'a', user: 'ann' }),
      400,
      'room_invalid',
    ],
    ['a path as job id', app.request('/api/jobs/..%2f..%2fetc%2fpasswd'), 404, 'not_found'],
    ['an unknown job', app.request('/api/jobs/abc'), 404, 'not_found'],
    ['an unknown page', app.request('/nothing/here'), 404, 'not_found'],
    ['a foreign history mark', app.request('/api/rooms/r/jobs?before=abc'), 404, 'not_found'],
    ['too long a page', app.request('/api/rooms/r/jobs?limit=5000'), 400, 'page_size_invalid'],
    ['a wrong method', app.request(path, { method: 'PUT' }), 405, 'method_not_allowed'],
    ['a wrong event number', app.request('/api/rooms/r/events?after=x'), 400, 'event_id_invalid'],
    ['a blocked word', post(app, path, { text: 'a badword', user: 'ann' }), 403, 'blocked_word'],
  ];
  for (const [name, response, status, code] of cases) {
    assert.deepEqual(await problem(await response), { status, code }, name);
  }
});

test('a fault of the bot tells nothing of its inside', async (t) => {
  const { app } = await appOverFake(t);
  const answer = await post(app, '/api/rooms/r/commands', { text: 'crash', user: 'ann' });
  assert.equal(answer.status, 500);
  assert.doesNotMatch(await answer.text(), /secret/);
});

test('completion offers keys, values of the checkpoint and earlier prompts', async (t) => {
  const { app } = await appOverFake(t);
  await post(app, '/api/rooms/r/commands', { text: 'a red fox in the snow', user: 'ann' });
  const labels = async (text: string) => {
    const { items } = await answerOf(app.request(`/api/complete?room=r&user=ann&text=${encodeURIComponent(text)}`));
    return items.map((item) => item.label);
  };
  assert.deepEqual(await labels('a fox st'), ['style:', 'steps:', 'strength:']);
  assert.deepEqual(await labels('a fox style:a'), ['aesthetic']);
  assert.deepEqual(await labels('a fox --size:1408'), ['1408x768']);
  assert.deepEqual(await labels('a fox size:512x512 wi'), [], 'the size is given already');
  assert.deepEqual(await labels('/wuerst he'), ['help', 'height:']);
  assert.deepEqual(await labels('red fox'), ['a red fox in the snow']);
});

test('everything that can be typed is listed with what it means, and the latest prompts of whoever asks', async (t) => {
  const { app } = await appOverFake(t);
  await post(app, '/api/rooms/r/commands', { text: 'a panda on a green background', user: 'ann' });
  const listed = async (user: string) => {
    const { items } = await answerOf(app.request(`/api/everything?room=r&user=${user}`));
    return items.map(({ kind, label, detail }) => `${kind} ${label}: ${detail}`);
  };
  const ofAnn = await listed('ann');
  assert.ok(ofAnn.some((line) => /^command help: \w/.test(line)) && ofAnn.some((line) => /^key seed:: \w/.test(line)));
  assert.ok(
    ofAnn.every((line) => !line.endsWith(': ')),
    'each says what it means',
  );
  assert.deepEqual(ofAnn.slice(-1), ['recent a panda on a green background: again']);
  assert.ok((await listed('bob')).every((line) => !line.startsWith('recent')));
});

test('probes and metrics answer, also when not ready', async (t) => {
  let ready = false;
  const { app } = await appOverFake(t, { ready: () => ready, metrics: () => 'wuerst_jobs 1\n' });
  assert.equal((await app.request('/healthz')).status, 200);
  assert.equal((await app.request('/readyz')).status, 503);
  ready = true;
  assert.equal((await app.request('/readyz')).status, 200);
  assert.equal(await (await app.request('/metrics')).text(), 'wuerst_jobs 1\n');
});

test('a probe says which surface is not ready, and why', async (t) => {
  const error = new OperatorError('discord_intents', () => 'Discord refuses the gateway intents of this bot.');
  const surfaces = [{ surface: 'web' }, { surface: 'discord', trouble: { error, isLasting: true } }] as const;
  const { app } = await appOverFake(t, { surfaces: () => surfaces });
  const answer = await app.request('/readyz');
  assert.equal(answer.status, 503);
  assert.deepEqual(await answer.json(), {
    status: 'not ready',
    pipeline: { status: 'ready' },
    surfaces: {
      web: { status: 'ready' },
      discord: { status: 'not ready', code: error.code, reason: error.message, lasting: true },
    },
  });
});

const told = z.object({
  name: z.string(),
  usual: z.object({ steps: z.number().nullable(), guidance: z.number() }),
  ideas: z.array(z.object({ text: z.string(), settings: z.string() })),
});

test('the page is told what the model in use paints best, each idea as a command that is understood', async (t) => {
  const { app } = await appOverFake(t);
  const { name, usual, ideas } = told.parse(await (await app.request('/api/model')).json());
  assert.equal(name, DEFAULT_LIMITS.model);
  assert.deepEqual(usual, { steps: null, guidance: 4 });
  assert.equal(ideas.length, 4);
  for (const { text, settings } of ideas) {
    const parsed = parseCommand(`${text} ${settings}`, { limits: DEFAULT_LIMITS, randomSeed: () => 1n });
    assert.equal(parsed.kind === 'imagine' && parsed.request.prompt, text);
  }
});

test('the queue is for whoever asks, in the room that they ask from', async (t) => {
  const { app, core } = await appOverFake(t);
  await core.request('a panda on a green background', 'r', 'ann');
  await core.request('a lion at sunset', 'secret', 'bob');
  const answer = await app.request('/api/queue?room=r&user=ann');
  assert.equal(answer.status, 200);
  const { count, waiting } = (await answer.json()) as { count: number; waiting: { prompt: string | null }[] };
  assert.equal(count, 2);
  assert.deepEqual(
    waiting.map(({ prompt }) => prompt),
    ['a panda on a green background', null],
  );
  assert.equal((await app.request('/api/queue?room=no%20room&user=ann')).status, 400);
});

test('the help holds every command and setting, in the words of all platforms', async (t) => {
  const { app } = await appOverFake(t);
  const answer = await app.request('/api/help?room=r&user=ann');
  const { topics } = (await answer.json()) as {
    topics: { kind: string; usage: string; about: string; insert: string }[];
  };
  const ofKind = (wanted: string) => topics.filter(({ kind }) => kind === wanted);
  assert.deepEqual(
    ofKind('command').map(({ usage }) => usage),
    Object.values(SUBCOMMANDS).map(({ usage }) => `/wuerst ${usage}`),
  );
  assert.deepEqual(
    ofKind('setting').map(({ insert }) => insert),
    KEYS.map(({ name }) => `${name}:`),
  );
  const said = helpReply(DEFAULT_LIMITS);
  assert.deepEqual(
    ofKind('setting').map(({ about }) => about),
    said.fields.map(({ value }) => value),
  );
  for (const { usage, about } of ofKind('command')) assert.ok(said.lines.includes(`${usage}: ${about}`), usage);
});

test('the page, its manifest and its texts are in the language of the browser, and kept apart from others', async (t) => {
  teach('ja', {
    'Your pictures': 'あなたの"画像" <1>',
    'Loading…': '読み込み中…',
    'Cancel your latest request, or the one with this id': 'ここにはない',
  });
  const { app } = await appOverFake(t);
  const get = (path: string, language: string, headers = {}) =>
    app.request(path, { headers: { 'accept-language': language, ...headers } });
  const page = await get('/', 'ja-JP, en;q=0.5');
  assert.match(page.headers.get('vary') ?? '', /Accept-Language/);
  const html = await page.text();
  assert.match(html, /<html lang="ja">/);
  assert.ok(html.includes('<span class="name">あなたの&quot;画像&quot; &lt;1&gt;</span>'));
  assert.doesNotMatch(html, /\{\{|\}\}/);
  const [texts = '', main] = [...html.matchAll(/<script type="module" src="([^"]+)"/g)].map(([, path = '']) => path);
  assert.match(texts, /\/texts-ja\.js$/);
  assert.match(main ?? '', /\/main\.js$/);
  const module = await (await get(texts, 'fr')).text();
  assert.match(module, /^import \{ speak \} from '\.\/texts\.js';\nspeak\("ja", \{.*"Loading…":"読み込み中…"/);
  assert.doesNotMatch(module, /ここにはない/, 'only what the page says');
  assert.equal((await app.request(texts.replace('texts-ja', 'message'))).status, 200);

  const english = await get('/', 'xx');
  assert.doesNotMatch(await english.clone().text(), /texts-/);
  const etags = [page, english].map(({ headers }) => headers.get('etag') ?? '');
  assert.notEqual(etags[0], etags[1]);
  assert.equal((await get('/', 'ja', { 'if-none-match': etags[0] })).status, 304);
  assert.equal((await get('/', 'de', { 'if-none-match': etags[0] })).status, 200);
  const manifest = JSON.parse(await (await get('/page/manifest.webmanifest', 'ja')).text());
  assert.equal(manifest.shortcuts[0].name, 'あなたの"画像" <1>');
});

test('a request is made in the language of its reader, and events reach each page in its own', async (t) => {
  const { app, core } = await appOverFake(t);
  const { id } = await core.request('a panda', 'kitchen');
  t.mock.method(core, 'jobReply', () => ({ ...EMPTY_REPLY, title: `in ${currentLanguage()}` }));
  const streams = ['pt-PT', 'en', 'es-419'].map(async (language) => {
    const { body } = await app.request('/api/rooms/kitchen/events?after=0', {
      headers: { 'accept-language': language },
    });
    const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
    let read = '';
    while (!read.includes('event: done')) read += (await reader?.read())?.value ?? '';
    await reader?.cancel();
    return [...new Set(read.match(/in [a-z]{2}(?:-BR)?(?=")/g))];
  });
  await inLanguage('fr', () => core.complete(id));
  assert.deepEqual(await Promise.all(streams), [['in pt-BR'], ['in en'], ['in es']]);
  await post(app, '/api/rooms/kitchen/commands', { text: 'a panda', user: 'ann' }, { 'accept-language': 'de-AT' });
  assert.equal(core.commands.at(-1)?.caller.language, 'de');
});

test('the page is small, its modules wait for the first paint, and what is opened later comes later', async (t) => {
  const { app } = await appOverFake(t);
  const fetched = async (path: string) => {
    const answer = await app.request(path, { headers: { 'accept-encoding': 'gzip' } });
    assert.equal(answer.status, 200, path);
    return new Uint8Array(await answer.arrayBuffer());
  };
  const html = await (await app.request('/')).text();
  const [waiting = ''] = /<template id="modules">[\s\S]*?<\/template>/.exec(html) ?? [];
  const modules = [...waiting.matchAll(/<link rel="modulepreload" href="([^"]+)">/g)];
  assert.ok(modules.length > 30 && modules.length === html.split('modulepreload').length - 1);
  assert.doesNotMatch(html.replace(waiting, ''), /type="module"/);
  const paths = modules.map(([, path = '']) => path);
  assert.deepEqual(
    paths.filter((path) => /\/(?:admin|queue|gallery|help-sheet)[\w-]*\.js$/.test(path)),
    [],
  );
  const others = [...html.matchAll(/(?:href|src)="(\/page\/[^"]+\.(?:css|js|svg))"/g)].map(([, path = '']) => path);
  const files = await Promise.all([...new Set(['/', ...paths, ...others])].map(fetched));
  const bytes = files.reduce((sum, { byteLength }) => sum + byteLength, 0);
  assert.ok(bytes < 100_000, `${bytes} bytes, without the heads of the answers`);
});
