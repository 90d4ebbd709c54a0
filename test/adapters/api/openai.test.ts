import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createAdaptorServer } from '@hono/node-server';
import OpenAI, { APIError, toFile } from 'openai';
import sharp from 'sharp';
import { caller } from '../../bot/history/history-fixture.ts';
import { GUILD, openApi } from './open-api.ts';
import { plain } from './png-painter.ts';

/** The official client, over the interface in process. */
async function openClient(t: TestContext, options: Parameters<typeof openApi>[1] = {}) {
  const api = await openApi(t, options);
  const client = new OpenAI({ apiKey: api.secret, baseURL: 'http://localhost/v1', fetch: api.fetch });
  return { ...api, client };
}

async function sizeOf(base64 = '') {
  const { width, height, format } = await sharp(Buffer.from(base64, 'base64')).metadata();
  return { width, height, format };
}

function failure(status: number, code: string) {
  return (error: unknown) => {
    assert.ok(error instanceof APIError);
    assert.deepEqual([error.status, error.code], [status, code], error.message);
    return true;
  };
}

test('the official client has pictures painted, with their seeds and what had no effect', async (t) => {
  const { client, painter } = await openClient(t);
  const answer = await client.images.generate({
    model: 'gpt-image-1',
    prompt: 'a panda on a green background',
    ...{ n: 2, size: '1024x1536', quality: 'high' },
  });
  assert.equal(answer.data?.length, 2);
  assert.deepEqual(await sizeOf(answer.data?.[1]?.b64_json), { width: 1024, height: 1536, format: 'png' });
  const { seeds, notes } = (answer as unknown as { wuerst: { seeds: string[]; notes: string[] } }).wuerst;
  assert.equal(Number(seeds[1]) - Number(seeds[0]), 1);
  assert.ok(notes.some((note) => note.startsWith('quality has no effect')));
  assert.equal(painter.requests[0]?.prompt, 'a panda on a green background');
});

test('a prompt is words, whatever is in it', async (t) => {
  const { client, painter } = await openClient(t);
  const prompts = [
    'help',
    'erase confirm',
    'a panda --seed 7 n:4 width:512',
    'a {red, green} panda with a "sign"',
    'a (round) [square] panda\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 5, Size: 512x512',
    'wuerst imagine "a panda"',
    'a back\\slash',
  ];
  for (const prompt of prompts) {
    const answer = await client.images.generate({ prompt, seed: 5 } as OpenAI.ImageGenerateParamsNonStreaming);
    assert.equal(answer.data?.length, 1);
    const { request } = { request: painter.requests.at(-1) };
    assert.deepEqual(
      [request?.prompt, request?.width, request?.weighted],
      [prompt.replace('\n', ' '), 1024, undefined],
    );
  }
});

test('a long prompt is cut at the end of a word, and a note says so', async (t) => {
  const { client, painter } = await openClient(t);
  const long = `a panda${' and another one'.repeat(200)}`;
  const answer = await client.images.generate({
    prompt: long,
    negative_prompt: '雪'.repeat(3000),
  } as OpenAI.ImageGenerateParamsNonStreaming);
  const { notes } = (answer as unknown as { wuerst: { notes: string[] } }).wuerst;
  const [request] = painter.requests;
  assert.ok(long.startsWith(`${request?.prompt} `));
  assert.deepEqual([request?.prompt.length, request?.negative], [1995, '雪'.repeat(2000)]);
  assert.deepEqual(notes.slice(0, 2), [
    'prompt has no effect beyond its first 2000 characters.',
    'negative_prompt has no effect beyond its first 2000 characters.',
  ]);
  const most = '(🐼) '.repeat(8000);
  assert.equal((await client.images.generate({ prompt: most })).data?.length, 1);
  await assert.rejects(client.images.generate({ prompt: `${most}!` }), failure(400, 'body_invalid'));
});

test('pictures are sent in the format and way that is asked for; links open without a key, for an hour', async (t) => {
  const { client, fetch, history } = await openClient(t);
  const webp = await client.images.generate({ prompt: 'a panda', output_format: 'webp', output_compression: 50 });
  assert.equal((await sizeOf(webp.data?.[0]?.b64_json)).format, 'webp');
  for (const params of [{ response_format: 'url' }, { model: 'dall-e-3' }] as const) {
    const { data } = await client.images.generate({ prompt: 'a panda', ...params });
    const url = data?.[0]?.url ?? '';
    const picture = await fetch(url);
    assert.deepEqual([picture.status, picture.headers.get('content-type')], [200, 'image/png']);
    const other = url.replace(/(?<=signature=)./, (letter) => (letter === 'A' ? 'B' : 'A'));
    for (const wrong of [other, url.replace(/expires=\d/, 'expires=9')]) {
      assert.equal((await fetch(wrong)).status, 404);
    }
  }
  assert.equal(history.apiKeys.all().length, 1);
});

test('a stream has unfinished pictures as they come, then the finished one', async (t) => {
  const { client } = await openClient(t);
  const stream = await client.images.generate({ prompt: 'a panda', stream: true, partial_images: 2 });
  const events: OpenAI.ImageGenStreamEvent[] = [];
  for await (const event of stream) events.push(event);
  const types = events.map(({ type }) => type);
  assert.equal(types.at(-1), 'image_generation.completed');
  assert.ok(types.length >= 2 && types.slice(0, -1).every((type) => type === 'image_generation.partial_image'));
  assert.equal((await sizeOf(events.at(-1)?.b64_json)).width, 1024);
});

test('a stream that fails ends with an error of the official client, over a connection on which it has begun', async (t) => {
  const { web, secret, events, started, studio } = await openClient(t);
  const server = createAdaptorServer({ fetch: web.app.fetch });
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const client = new OpenAI({ apiKey: secret, baseURL: `http://127.0.0.1:${port}/v1` });
  const ask = (prompt: string) => client.images.generate({ prompt, stream: true });
  const read = async (stream: Awaited<ReturnType<typeof ask>>) => {
    for await (const event of stream) assert.fail(event.type);
  };
  await assert.rejects(read(await ask('too-big')), /Too big for this machine/);
  await assert.rejects(read(await ask('broken')), { code: 'internal' });
  const stream = await ask('wait panda');
  const job = events.at(-1)?.job;
  assert.ok(job);
  await started(job.id);
  await studio.act(`cancel:${job.id}`, job.caller);
  await assert.rejects(read(stream), { code: 'job_cancelled', message: /cancelled/i });
});

test('a request that somebody cancels is 409, and says so', async (t) => {
  const { client, painter, events, started, studio } = await openClient(t);
  const asked = client.images.generate({ prompt: 'wait panda' });
  asked.catch(() => {});
  while (painter.requests.length === 0) await new Promise(setImmediate);
  const job = events.at(-1)?.job;
  assert.ok(job);
  await started(job.id);
  await studio.act(`cancel:${job.id}`, job.caller);
  await assert.rejects(asked, { status: 409, code: 'job_cancelled', message: /cancelled/i });
});

test('a picture is edited where its mask is transparent, blended with others, and varied', async (t) => {
  const { client, painter } = await openClient(t);
  const image = async (shade: number) => toFile(await plain({ shade }), 'a.png', { type: 'image/png' });
  const mask = await toFile(await plain({ hole: true }), 'mask.png', { type: 'image/png' });
  await client.images.edit({ image: await image(1), mask, prompt: 'a panda', n: 2, size: '1024x1024' });
  const masked = painter.requests.at(-1);
  assert.equal(masked?.images.length, 2);
  assert.equal(masked?.start?.strength, 1);
  const { data, info } = await sharp(masked?.files?.[masked.start?.mask ?? ''] ?? '')
    .raw()
    .toBuffer({ resolveWithObject: true });
  assert.deepEqual([data[0], data[(info.width - 1) * info.channels]], [255, 0], 'white where it was transparent');

  await client.images.edit({ image: [await image(1), await image(2)], prompt: 'a panda', input_fidelity: 'high' });
  assert.deepEqual(
    [painter.requests.at(-1)?.start?.pictures.length, painter.requests.at(-1)?.start?.strength],
    [2, 0.3],
  );

  await client.images.createVariation({ image: await image(3), n: 1 });
  assert.deepEqual([painter.requests.at(-1)?.prompt, painter.requests.at(-1)?.start?.strength], ['', 0.5]);
});

test('an edit streams as well, and JSON takes what a form takes', async (t) => {
  const { client } = await openClient(t);
  const image = await toFile(await plain(), 'a.png', { type: 'image/png' });
  const stream = await client.images.edit({ image, prompt: 'a panda', stream: true, partial_images: 1 });
  const types: string[] = [];
  for await (const { type } of stream) types.push(type);
  assert.deepEqual(types, ['image_edit.partial_image', 'image_edit.completed']);
});

test('mistakes and rules are answered in the way that the official client reads', async (t) => {
  const { client, history, secret, fetch, plainFetch } = await openClient(t, { limits: 'images=2,user-jobs=1' });
  history.settings.set({ surface: 'discord', guild: '81384788765712384' }, 'blockedWords', ['banana'], {
    ...{ surface: 'discord', user: 'mod' },
  });
  const painted = (params: object) =>
    client.images.generate({ prompt: 'a panda', ...params } as OpenAI.ImageGenerateParamsNonStreaming);
  await assert.rejects(painted({ prompt: 'a banana' }), failure(400, 'content_policy_violation'));
  await assert.rejects(painted({ prompt: '' }), failure(400, 'body_invalid'));
  await assert.rejects(
    painted({ prompt: ' ' }),
    (error: APIError) => failure(400, 'prompt_missing')(error) && error.param === 'prompt',
  );
  await assert.rejects(
    painted({ n: 11 }),
    (error: APIError) => failure(400, 'body_invalid')(error) && error.param === 'n',
  );
  await assert.rejects(painted({ n: 3 }), failure(400, 'bad_n'));
  await assert.rejects(painted({ size: 'huge' }), (error: APIError) => error.param === 'size');
  await assert.rejects(painted({ background: 'transparent' }), (error: APIError) => error.param === 'background');
  await assert.rejects(painted({ background: 'purple' }), (error: APIError) => error.param === 'background');
  await assert.rejects(
    painted({ size: '4096x4096' }),
    (error: APIError) => failure(400, 'too_many_pixels')(error) && error.param === 'size',
  );
  await assert.rejects(painted({ n: '2' }), /n: expected a number, got "2"\./);
  await assert.rejects(painted({ model: 'stable-diffusion' }), failure(404, 'model_not_found'));
  assert.equal((await painted({ model: '' })).data?.length, 1);
  await assert.rejects(painted({ prompt: 'too-big' }), failure(500, 'too_big'));
  await assert.rejects(painted({ prompt: 'bug' }), failure(500, 'internal'));
  const opaque = await toFile(await plain(), 'a.png', { type: 'image/png' });
  await assert.rejects(
    client.images.edit({ image: opaque, mask: opaque, prompt: 'x' }),
    (error: APIError) => failure(400, 'mask_opaque')(error) && error.param === 'mask',
  );
  const four = [opaque, opaque, opaque, opaque];
  await assert.rejects(client.images.edit({ image: four, prompt: 'x' }), /image: expected at most 3, got 4\./);
  await assert.rejects(
    client.images.edit({ prompt: 'x' } as OpenAI.ImageEditParamsNonStreaming),
    /image: expected a file or a list, got nothing\./,
  );
  const missing = await plainFetch('http://localhost/v1/chat/completions', { method: 'POST' });
  assert.equal(((await missing.json()) as { error: { code: string; param: null } }).error.param, null);
  const text = await toFile(Buffer.from('no picture'), 'a.png', { type: 'image/png' });
  await assert.rejects(
    client.images.edit({ image: text, prompt: 'x' }),
    (error: APIError) => failure(400, 'picture_kind_unknown')(error) && error.param === 'image',
  );
  const stranger = new OpenAI({ apiKey: `${secret.slice(0, -1)}!`, baseURL: 'http://localhost/v1', fetch });
  await assert.rejects(stranger.models.list(), failure(401, 'invalid_api_key'));
  assert.equal((await fetch('http://localhost/v1/models')).status, 401);
  assert.equal((await fetch('http://localhost/v1/images/generations')).status, 405);
});

test('a program that hangs up has its request cancelled', async (t) => {
  const { client, painter, events, started } = await openClient(t);
  const leaving = new AbortController();
  const asked = client.images.generate({ prompt: 'wait panda' }, { signal: leaving.signal });
  asked.catch(() => {});
  while (painter.requests.length === 0) await new Promise(setImmediate);
  const [queued] = events;
  await started(queued?.job.id ?? '');
  leaving.abort();
  await assert.rejects(asked);
  while (events.at(-1)?.type !== 'cancelled') await new Promise(setImmediate);
});

test('a request that may be repeated goes on when its program hangs up, and so does every one when the bot stops', async (t) => {
  const { client, painter, events, started, web } = await openClient(t);
  const hungUp = async (headers: Record<string, string>, stop = () => {}) => {
    const leaving = new AbortController();
    const count = painter.requests.length;
    const asked = client.images.generate({ prompt: 'wait panda' }, { signal: leaving.signal, headers });
    asked.catch(() => {});
    while (painter.requests.length === count) await new Promise(setImmediate);
    await started(events.at(-1)?.job.id ?? '');
    stop();
    leaving.abort();
    await assert.rejects(asked);
  };
  await hungUp({ 'Idempotency-Key': 'k1' });
  const repeated = client.images.generate({ prompt: 'wait panda' }, { headers: { 'Idempotency-Key': 'k1' } });
  painter.release();
  assert.equal((await repeated).data?.length, 1);
  assert.equal(painter.requests.length, 1);
  await hungUp({}, () => web.close());
  await new Promise(setImmediate);
  assert.equal(
    events.some(({ type }) => type === 'cancelled'),
    false,
  );
});

test('the same Idempotency-Key has the same pictures', async (t) => {
  const { client, painter } = await openClient(t);
  const again = () => client.images.generate({ prompt: 'a panda' }, { headers: { 'Idempotency-Key': 'k1' } });
  const [first, second] = [await again(), await again()];
  assert.deepEqual(first.data, second.data);
  assert.equal(painter.requests.length, 1);
});

test('an Idempotency-Key that comes with another request is refused, also while the first is painted', async (t) => {
  const { client, painter } = await openClient(t);
  const headers = { 'Idempotency-Key': 'k1' };
  const reused = failure(422, 'idempotency_key_reused');
  const first = client.images.generate({ prompt: 'wait panda' }, { headers });
  while (painter.requests.length === 0) await new Promise(setImmediate);
  await assert.rejects(client.images.generate({ prompt: 'a fox' }, { headers }), reused);
  let isDone = false;
  void first.then(() => {
    isDone = true;
  });
  for (; !isDone; await new Promise(setImmediate)) painter.release();
  await assert.rejects(client.images.generate({ prompt: 'wait panda', n: 2 }, { headers }), reused);
  const image = async (shade: number) => toFile(await plain({ shade }), 'a.png', { type: 'image/png' });
  const edit = async (shade: number) => client.images.edit({ image: await image(shade), prompt: 'a fox' }, { headers });
  await assert.rejects(edit(1), reused);
  headers['Idempotency-Key'] = 'k2';
  assert.deepEqual((await edit(1)).data, (await edit(1)).data);
  await assert.rejects(edit(2), reused);
  const jpeg = await client.images.generate(
    { prompt: 'wait panda', output_format: 'jpeg' },
    { headers: { 'Idempotency-Key': 'k1' } },
  );
  assert.equal((await sizeOf(jpeg.data?.[0]?.b64_json)).format, 'jpeg', 'the same request, in another form');
  assert.equal(painter.requests.length, 2);
});

test('the model in use is listed', async (t) => {
  const { client } = await openClient(t, { model: { model: 'cocktail' } });
  const models: string[] = [];
  for await (const { id } of client.models.list()) models.push(id);
  assert.deepEqual(models, ['cocktail']);
  assert.equal((await client.models.retrieve('cocktail')).owned_by, 'wuerst');
  await assert.rejects(client.models.retrieve('other'), failure(404, 'model_not_found'));
  assert.equal((await client.images.generate({ prompt: 'x', model: 'cocktail' })).data?.length, 1);
});

test('without a key nothing is there; the log never holds one', async (t) => {
  const closed = await openApi(t, { key: false });
  for (const path of ['/openapi.json', '/v1/models', '/v1/images/files/x.png']) {
    assert.equal((await closed.plainFetch(`http://localhost${path}`)).status, 404);
  }
  const { post, lines, secret } = await openApi(t);
  await post('/v1/images/generations', { prompt: 'bug' });
  await post('/v1/images/generations', { prompt: 'a panda' }, { Authorization: `Basic ${secret}` });
  assert.ok(!lines.join('').includes(secret.slice(-32)));
});

test('what Open WebUI sends is answered as it expects', async (t) => {
  const { post, get } = await openApi(t);
  assert.equal((await get('/v1/models')).status, 200);
  for (const body of [
    { model: 'gpt-image-1', prompt: 'a panda', n: 1, size: 'auto' },
    { model: 'dall-e-2', prompt: 'a panda', n: 1, size: '512x512', response_format: 'b64_json' },
  ]) {
    const answer = await post('/v1/images/generations', body);
    const { data } = (await answer.json()) as { data: { b64_json: string }[] };
    assert.equal((await sizeOf(data[0]?.b64_json)).format, 'png');
  }
});

test('pictures that are not safe for work are left out; where none is left, it is a violation of the policy', async (t) => {
  const { client, say, fetch, get } = await openClient(t);
  const moderator = caller({ ...GUILD, payer: `discord:guild:${GUILD.guild}`, moderator: true });
  const prompt = 'an explicit panda';
  await say('settings nsfw-pictures:spoiler', caller({ surface: 'slack', guild: 'T1', moderator: true }));
  const { data } = await client.images.generate({ prompt, response_format: 'url' });
  const link = data?.[0]?.url ?? '';
  assert.equal((await fetch(link)).status, 200);
  await say('settings nsfw-pictures:spoiler', moderator);
  assert.equal((await fetch(link)).status, 400, 'programs have no cover for it');
  await assert.rejects(client.images.generate({ prompt }), failure(400, 'content_policy_violation'));
  const two = await client.images.generate({ prompt, n: 2 });
  assert.equal(two.data?.length, 1);
  const { notes, seeds } = (two as unknown as { wuerst: { notes: string[]; seeds: string[] } }).wuerst;
  assert.deepEqual([seeds.length, notes[0]], [1, '1 picture looks not safe for work and is left out.']);
  const stream = await client.images.generate({ prompt, stream: true, partial_images: 2 });
  const read = async () => {
    for await (const event of stream) assert.fail(event.type);
  };
  await assert.rejects(read(), { code: 'content_policy_violation' });
  assert.equal((await get('/v1/models')).status, 200);
});
