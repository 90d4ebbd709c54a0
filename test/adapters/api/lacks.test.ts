import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { INFO } from '../../bot/jobs/fake-painter.ts';
import { openApi } from './open-api.ts';
import { PngPainter, plain } from './png-painter.ts';

const NOBODY = 'Nobody can paint right now. The request is kept and starts by itself as soon as somebody can.';
const SKETCH = { name: 'sketch', hash: 'ab'.repeat(32) };

/** A bot whose own painter, which has everything, is away. */
async function openAlone(t: TestContext) {
  const api = await openApi(t, { others: true, loras: { known: [SKETCH], refresh: async () => {} } });
  const { painter, painters, clock, get } = api;
  const info = { ...INFO, startsFromPictures: true };
  const goAway = (isAway: boolean) => {
    painter.status = { info, ready: !isAway };
    painters.changed(painter.id);
    clock.advance(300);
  };
  /** A painter that has little. */
  const modest = new PngPainter('modest');
  const sizes = { minSide: 128, maxSide: 1024, maxPixels: 1024 * 1024, gridStep: 128 };
  modest.status = { info: { ...INFO, styles: ['interpolated', 'base'], sizes }, loras: [] };
  /** What A1111's clients show. */
  const doing = async () => ((await (await get('/sdapi/v1/progress')).json()) as { textinfo: string | null }).textinfo;
  goAway(true);
  return { ...api, goAway, modest, doing };
}

test('what a request waits for is told by A1111’s progress, whichever interface it came by', async (t) => {
  const { post, doing, goAway, painters, modest } = await openAlone(t);
  const picture = Buffer.from(await plain()).toString('base64');
  const prompt = 'a panda';
  for (const [path, body, text] of [
    ['/sdapi/v1/txt2img', { prompt: 'a panda <lora:sketch:1>' }, 'has the LoRA sketch'],
    ['/v1/images/generations', { prompt, style: 'aesthetic' }, 'has the style aesthetic'],
    ['/v1/images/generations', { prompt, size: '1536x1024' }, 'can make 1536×1024'],
    ['/sdapi/v1/img2img', { prompt, init_images: [picture] }, 'can start from pictures'],
  ] as const) {
    const answer = post(path, body);
    while ((await doing()) === null) await new Promise(setImmediate);
    assert.equal(await doing(), NOBODY);
    painters.join(modest);
    const able = text.startsWith('has') ? 'has' : 'can';
    assert.equal(
      await doing(),
      `No painter that is there ${text}. The request is kept and starts by itself as soon as one ${able}.`,
    );
    goAway(false);
    assert.equal((await answer).status, 200);
    painters.leave('modest');
    goAway(true);
  }
});

test('the model context protocol tells it as progress, which goes on when somebody paints', async (t) => {
  const { goAway, painters, modest, clock, fetch, secret, doing } = await openAlone(t);
  const client = new Client({ name: 'test', version: '1' });
  const requestInit = { headers: { Authorization: `Bearer ${secret}` } };
  const transport = new StreamableHTTPClientTransport(new URL('http://localhost/mcp'), { fetch, requestInit });
  await client.connect(transport as Parameters<Client['connect']>[0]);
  t.after(() => client.close());
  const told: { readonly progress: number; readonly message?: string | undefined }[] = [];
  const onprogress = (one: (typeof told)[number]) => void told.push(one);
  const painting = client.callTool({ name: 'paint', arguments: { prompt: 'a panda', style: 'aesthetic' } }, undefined, {
    onprogress,
  });
  while (told.length < 1) await new Promise(setImmediate);
  painters.join(modest);
  clock.advance(300);
  while (told.length < 2) await new Promise(setImmediate);
  assert.match((await doing()) ?? '', /style aesthetic/);
  goAway(false);
  await painting;
  assert.deepEqual(
    told.slice(0, 2).map(({ message }) => message),
    [
      NOBODY,
      'No painter that is there has the style aesthetic. The request is kept and starts by itself as soon as one has.',
    ],
  );
  assert.match(told.at(-1)?.message ?? '', /step \d of \d/);
  assert.ok(told.every(({ progress }, i) => progress > (told[i - 1]?.progress ?? 0)));
});

test('a stream of OpenAI’s tells it in comments, which its clients pass over', async (t) => {
  const { goAway, plainFetch, secret } = await openAlone(t);
  const { body } = await plainFetch('http://localhost/v1/images/generations', {
    method: 'POST',
    headers: { Authorization: `Bearer ${secret}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ prompt: 'a panda', stream: true }),
  });
  let text = '';
  for await (const chunk of (body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text === `: ${NOBODY}\n\n`) goAway(false);
  }
  const [first, second, third = ''] = text.split('\n\n');
  assert.deepEqual([first, second], [`: ${NOBODY}`, ': painting']);
  assert.match(third, /^event: image_generation\.completed\n/);
});
