import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { metadataOf } from '../../../src/pipeline/images/parameters.ts';
import { caller } from '../../bot/history/history-fixture.ts';
import { GUILD, openApi } from './open-api.ts';
import { plain } from './png-painter.ts';

interface Painted {
  readonly images: string[];
  readonly info: string;
}

/** A client as A1111's are: JSON with basic authentication. */
async function openClient(t: TestContext, options: Parameters<typeof openApi>[1] = {}) {
  const api = await openApi(t, options);
  const basic = { Authorization: `Basic ${Buffer.from(`user:${api.secret}`).toString('base64')}` };
  const get = async <T = unknown>(path: string) => {
    const answer = await api.get(`/sdapi/v1/${path}`, { headers: basic });
    assert.equal(answer.status, 200, path);
    return (await answer.json()) as T;
  };
  const post = (path: string, body: unknown = {}) => api.post(`/sdapi/v1/${path}`, body, basic);
  const painted = async (path: string, body: unknown) => {
    const answer = await post(path, body);
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    const { images, info } = JSON.parse(text) as Painted;
    return { images, info: JSON.parse(info) as Record<string, unknown> & { wuerst: { notes: string[] } } };
  };
  return { ...api, get, post, painted };
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

test('AIYA starts, paints, follows, reads what it painted and starts from it', async (t) => {
  const { get, post, painted, fetch, plainFetch, painter, history } = await openClient(t);
  const preset = { name: 'night', prompt: '{prompt}, stars', negative: 'sun', settings: {} };
  history.presets.save({ surface: 'discord', guild: '81384788765712384' }, [preset], {
    surface: 'discord',
    user: 'mo',
  });
  // Without its name and password, which it takes for --api-auth.
  assert.equal((await fetch('http://localhost/sdapi/v1/cmd-flags')).status, 401);
  assert.equal((await plainFetch('http://localhost/config')).status, 404);
  const samplers = await get<{ name: string }[]>('samplers');
  const styles = await get<{ name: string; prompt: string; negative_prompt: string }[]>('prompt-styles');
  assert.deepEqual(styles, [{ name: 'night', prompt: '{prompt}, stars', negative_prompt: 'sun' }]);
  for (const path of ['face-restorers', 'hypernetworks', 'upscalers']) assert.deepEqual(await get(path), []);
  assert.deepEqual(await get('embeddings'), { loaded: {}, skipped: {} });
  const [model] = await get<{ title: string; filename: string; hash: null }[]>('sd-models');
  assert.deepEqual(await get('loras'), []);

  assert.equal((await post('options', { sd_model_checkpoint: model?.title })).status, 200);
  const payload = {
    ...{ prompt: 'a (panda:1.2) on a green background', negative_prompt: 'grey', steps: 20, width: 512, height: 768 },
    ...{ cfg_scale: '5', sampler_index: samplers[0]?.name, seed: 77, seed_resize_from_h: -1, seed_resize_from_w: -1 },
    ...{ denoising_strength: null, n_iter: 1, batch_size: 2, styles: ['night'] },
    override_settings: { CLIP_stop_at_last_layers: 1 },
  };
  const { images, info } = await painted('txt2img', payload);
  assert.equal(images.length, 2);
  assert.equal((info.infotexts as string[]).length, 2);
  assert.deepEqual([info.all_seeds, info.wuerst.notes.filter((note) => /no effect/.test(note))], [[77, 78], []]);
  const [request] = painter.requests;
  assert.deepEqual(
    [request?.prompt, request?.negative, request?.weighted, request?.steps, request?.guidance, request?.width],
    ['a (panda:1.2) on a green background, stars', 'grey, sun', true, 20, 5, 512],
  );
  const read = await post('png-info', { image: `data:image/png;base64,${images[0]}` });
  assert.equal(read.status, 200);

  const started = { ...payload, init_images: [`data:image/png;base64,${images[0]}`] };
  await painted('img2img', { ...started, denoising_strength: '0.4' });
  assert.equal(painter.requests.at(-1)?.start?.strength, 0.4);
});

test('SillyTavern connects, lists, sets the model and waits for it, and paints', async (t) => {
  const { get, post, painted } = await openClient(t, { model: { model: 'cocktail' } });
  assert.equal((await get<{ sd_model_checkpoint: string }>('options')).sd_model_checkpoint, 'cocktail');
  for (const path of ['upscalers', 'latent-upscale-modes', 'sd-vae', 'sd-modules'])
    assert.deepEqual(await get(path), []);
  assert.equal((await get<unknown[]>('samplers')).length, 1);
  assert.equal((await get<unknown[]>('schedulers')).length, 1);
  const [model] = await get<{ title: string }[]>('sd-models');
  assert.equal((await post('options', { sd_model_checkpoint: model?.title })).status, 200);
  const progress = await get<{ progress: number; state: { job_count: number } }>('progress');
  assert.deepEqual([progress.progress, progress.state.job_count], [0, 0], 'as it waits for');
  const body = {
    ...{
      url: 'http://localhost:3210',
      auth: 'user:secret',
      prompt: 'a panda',
      negative_prompt: '',
      restore_faces: true,
    },
    ...{ sampler_name: 'Euler a', scheduler: 'Karras', steps: 20, cfg_scale: 7, width: 512, height: 512, seed: -1 },
    ...{ enable_hr: true, hr_upscaler: 'Latent', hr_scale: 2, save_images: true, send_images: true },
    override_settings: { CLIP_stop_at_last_layers: 2, sd_vae: 'None' },
  };
  const { images, info } = await painted('txt2img', body);
  assert.equal(images.length, 1);
  const notes = info.wuerst.notes.filter((note) => /no effect/.test(note)).join(' ');
  for (const word of ['Euler a', 'Karras', 'enable_hr', 'restore_faces', 'CLIP_stop'])
    assert.ok(notes.includes(word), word);
  assert.ok(!JSON.stringify(info).includes('secret') && !notes.includes('sd_vae'));
});

test('what other scripts and models would do is noted, and what is not here is said in the shape that clients print', async (t) => {
  const { get, painted, plainFetch } = await openClient(t, { model: { model: 'cocktail' } });
  assert.deepEqual(await get('scripts'), { txt2img: [], img2img: [] });
  const { info } = await painted('txt2img', {
    ...{
      prompt: 'a panda',
      subseed: -1,
      subseed_strength: 0,
      eta: 1,
      script_name: null,
      script_args: [],
      tiling: 'false',
    },
    ...{ alwayson_scripts: { ControlNet: { args: [] } }, override_settings: { sd_model_checkpoint: 'other' } },
  });
  assert.deepEqual(
    info.wuerst.notes.filter((note) => /no effect/.test(note)),
    ['alwayson_scripts.ControlNet has no effect.', 'override_settings.sd_model_checkpoint has no effect.'],
  );
  const missing = await plainFetch('http://localhost/sdapi/v1/extra-single-image', { method: 'POST' });
  assert.equal(missing.status, 404);
  assert.match(((await missing.json()) as { detail: string }).detail, /^There is nothing at this address\. .*openapi/);
});

test('progress shows the own request and its unfinished picture, and interrupting it answers with what there is', async (t) => {
  const { get, post, painter, events, started, create, fetch } = await openClient(t);
  const asked = post('txt2img', { prompt: 'wait panda', width: 512, height: 512 });
  while (painter.requests.length === 0) await new Promise(setImmediate);
  await started(events[0]?.job.id ?? '');
  interface Progress {
    readonly progress: number;
    readonly state: { readonly job: string; readonly job_count: number; readonly sampling_steps: number };
    readonly current_image: string | null;
  }
  const progress = await get<Progress>('progress');
  assert.ok(progress.progress > 0 && progress.state.job === events[0]?.job.id && progress.state.job_count === 1);
  assert.equal((await sharp(Buffer.from(progress.current_image ?? '', 'base64')).metadata()).format, 'png');
  assert.equal((await get<Progress>('progress?skip_current_image=True')).current_image, null);

  const other = { headers: { Authorization: `Bearer ${create('other')}` } };
  const seen = (await (await fetch('http://localhost/sdapi/v1/progress', other)).json()) as Progress;
  assert.deepEqual([seen.state.job, seen.current_image], ['', null], 'nothing of another program');
  await fetch('http://localhost/sdapi/v1/interrupt', { ...other, method: 'POST' });
  assert.equal(
    events.some(({ type }) => type === 'cancelled'),
    false,
  );

  assert.equal((await post('interrupt')).status, 200);
  const answer = await asked;
  const { images, info } = (await answer.json()) as Painted;
  assert.deepEqual([answer.status, images, JSON.parse(info).interrupted], [200, [], true]);
});

test('pictures and masks of several megabytes are read by a thread, white in a mask is painted anew', async (t) => {
  const { painted, painter } = await openClient(t);
  const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const;
  const size = { width: 900, height: 900, channels: 3, background: '#888' } as const;
  const large = await sharp({ create: { ...size, noise } })
    .png()
    .toBuffer();
  assert.ok(large.byteLength > 2 ** 20);
  const mask = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#fff' } })
    .png()
    .toBuffer();
  await painted('img2img', { prompt: 'a panda', init_images: [base64(large)], mask: base64(mask) });
  const request = painter.requests.at(-1);
  assert.equal(request?.start?.strength, 0.75);
  const { data } = await sharp(request?.files?.[request.start?.mask ?? ''] ?? '')
    .raw()
    .toBuffer({ resolveWithObject: true });
  assert.equal(data[0], 255);
  await painted('img2img', { init_images: [base64(await plain({ shade: 1 })), base64(await plain({ shade: 2 }))] });
  assert.equal(painter.requests.at(-1)?.start?.pictures.length, 2);
});

test('a long body of other things than pictures is refused before it holds anybody up', async (t) => {
  const { fetch, secret } = await openClient(t);
  const headers = { Authorization: `Bearer ${secret}`, 'Content-Type': 'application/json' };
  for (const waste of [
    JSON.stringify(Array(60_000).fill(0)),
    JSON.stringify('x! '.repeat(400_000)),
    '['.repeat(40_000) + ']'.repeat(40_000),
  ]) {
    const body = `{ "prompt": "a panda", "alwayson_scripts": ${waste} }`;
    const answer = await fetch('http://localhost/sdapi/v1/txt2img', { method: 'POST', headers, body });
    const { error } = (await answer.json()) as { error: string };
    assert.deepEqual([answer.status, error], [400, 'body_not_json']);
  }
});

test('png-info reads what was written, also from a picture whose text claims to be enormous', async (t) => {
  const { post, lines } = await openClient(t);
  const written = metadataOf({
    ...{ prompt: 'a panda', negative: 'grey', width: 512, height: 512, style: 'base', steps: 20, decoderSteps: 12 },
    ...{ guidance: 4, decoderGuidance: 0, seed: 7n, model: 'cocktail', checkpoint: 'c0ffee', provider: 'cpu-fp32' },
    version: '0.1.0',
  });
  const png = Buffer.from(await plain());
  const chunk = (type: string, body: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    return Buffer.concat([length, Buffer.from(type), body, Buffer.alloc(4)]);
  };
  const withChunk = (one: Buffer) => base64(Buffer.concat([png.subarray(0, 33), one, png.subarray(33)]));
  const text = chunk('tEXt', Buffer.from(`parameters\0${written.parameters}`, 'latin1'));
  const answer = (await (await post('png-info', { image: withChunk(text) })).json()) as { info: string };
  const [prompt, negative, settings] = answer.info.split('\n');
  assert.deepEqual([prompt, negative], ['a panda', 'Negative prompt: grey']);
  assert.match(settings ?? '', /Steps: 20, .*CFG scale: 4, Seed: 7, Size: 512x512/);
  const bomb = chunk('zTXt', Buffer.concat([Buffer.from('parameters\0\0'), deflateSync(Buffer.alloc(64 * 2 ** 20))]));
  const emptied = (await (await post('png-info', { image: withChunk(bomb) })).json()) as { info: string };
  assert.equal(emptied.info, '');
  assert.equal((await post('png-info', { image: 'bm8gcGljdHVyZQ==' })).status, 400);
  assert.deepEqual(lines, []);
});

test('mistakes are answered with what is allowed, in the shape that its clients print', async (t) => {
  const { post, say } = await openClient(t, { limits: 'images=2' });
  await say(
    'settings nsfw-pictures:block',
    caller({ ...GUILD, payer: `discord:guild:${GUILD.guild}`, moderator: true }),
  );
  for (const [path, body, status, code] of [
    ['txt2img', { prompt: '' }, 400, 'prompt_missing'],
    ['txt2img', { prompt: 'a panda', width: 'wide' }, 422, 'body_invalid'],
    ['txt2img', { prompt: 'a panda', batch_size: 2, n_iter: 2 }, 400, 'bad_n'],
    ['txt2img', { prompt: 'a panda', width: 9 }, 400, 'bad_width'],
    ['txt2img', { prompt: 'a panda', styles: ['unknown'] }, 400, 'preset_unknown'],
    ['txt2img', { prompt: 'a <lora:unknown:1> panda' }, 400, 'bad_lora'],
    ['txt2img', { prompt: 'a naked man' }, 403, 'nsfw_room'],
    ['txt2img', { prompt: 'an explicit panda' }, 403, 'nsfw_picture'],
    ['txt2img', { prompt: 'too-big' }, 500, 'too_big'],
    ['img2img', { prompt: 'a panda', init_images: [] }, 422, 'body_invalid'],
    ['img2img', { prompt: 'a panda', init_images: ['not base64!'] }, 422, 'body_invalid'],
    ['options', { sd_model_checkpoint: 'other' }, 404, 'model_not_found'],
  ] as const) {
    const answer = await post(path, body);
    const { error, detail } = (await answer.json()) as { error: string; detail: string };
    assert.deepEqual([answer.status, error], [status, code], detail);
    assert.ok(!detail.includes('/wuerst'), detail);
  }
});
