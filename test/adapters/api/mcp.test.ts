import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { CallToolResult, ReadResourceResult } from '@modelcontextprotocol/sdk/types.js';
import sharp from 'sharp';
import { caller } from '../../bot/history/history-fixture.ts';
import { GUILD, openApi } from './open-api.ts';

interface Shown {
  readonly request: string;
  readonly state: string;
  readonly pictures: readonly {
    readonly id: string;
    readonly seed: string;
    readonly resource: string;
    readonly url: string;
  }[];
}

/** The SDK's own client, over the interface in process. */
async function openClient(t: TestContext, options: Parameters<typeof openApi>[1] = {}) {
  const api = await openApi(t, options);
  const connect = async (secret: string) => {
    const client = new Client({ name: 'test', version: '1' });
    const transport = new StreamableHTTPClientTransport(new URL('http://localhost/mcp'), {
      fetch: api.fetch,
      requestInit: { headers: { Authorization: `Bearer ${secret}` } },
    });
    // Its class has an optional field where the interface has none.
    await client.connect(transport as Parameters<Client['connect']>[0]);
    t.after(() => client.close());
    return { client, transport };
  };
  const { client, transport } = await connect(api.secret);
  const call = async (name: string, args: object = {}) =>
    (await client.callTool({ name, arguments: { ...args } })) as CallToolResult;
  const shown = async (name: string, args: object) => {
    const result = await call(name, args);
    assert.ok(result.isError !== true, JSON.stringify(result.content));
    return { ...(result.structuredContent as unknown as Shown), content: result.content };
  };
  return { ...api, client, transport, connect, call, shown };
}

function textOf({ content }: Pick<CallToolResult, 'content'>): string {
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

test('the tools are listed, and models tells what can be asked for', async (t) => {
  const { client, call } = await openClient(t, { limits: 'images=3', model: { model: 'cocktail' } });
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map(({ name }) => name).sort(), ['models', 'paint', 'show', 'vary']);
  const hints = tools.map(({ annotations = {} }) => [
    annotations.destructiveHint ?? !annotations.readOnlyHint,
    annotations.openWorldHint,
  ]);
  assert.deepEqual(new Set(hints.flat()), new Set([false]), 'no tool destroys anything or reaches elsewhere');
  const { structuredContent } = await call('models');
  assert.deepEqual(
    [structuredContent?.model, structuredContent?.maxCount, structuredContent?.styles],
    ['cocktail', 3, ['interpolated', 'base', 'aesthetic']],
  );
});

test('paint tells how far it is, and answers with small pictures and where the whole ones are', async (t) => {
  const { client, painter, fetch } = await openClient(t);
  const progress: number[] = [];
  const result = (await client.callTool(
    { name: 'paint', arguments: { prompt: 'a (panda:1.2) {x}', count: 2, seed: 7, width: 1024, height: 1536 } },
    undefined,
    { onprogress: (one) => void progress.push(one.progress) },
  )) as CallToolResult;
  assert.ok(progress.length > 0 && progress.every((value, i) => value > (progress[i - 1] ?? 0)));
  assert.deepEqual([painter.requests[0]?.prompt, painter.requests[0]?.weighted], ['a (panda:1.2) {x}', true]);
  const { pictures } = result.structuredContent as unknown as Shown;
  assert.deepEqual(
    pictures.map(({ seed }) => seed),
    ['7', '8'],
  );
  const images = result.content.filter((part) => part.type === 'image');
  assert.equal(images.length, 2);
  const small = await sharp(Buffer.from(images[0]?.data ?? '', 'base64')).metadata();
  assert.deepEqual([small.format, small.height], ['jpeg', 640]);
  const [first] = pictures;
  const { contents } = (await client.readResource({ uri: first?.resource ?? '' })) as ReadResourceResult;
  const [content] = contents;
  const whole = await sharp(
    Buffer.from(content !== undefined && 'blob' in content ? content.blob : '', 'base64'),
  ).metadata();
  assert.deepEqual([whole.format, whole.width, whole.height], ['png', 1024, 1536]);
  assert.equal((await fetch(first?.url ?? '')).status, 200);
});

test('vary makes new pictures of one, show brings them back, of others nothing', async (t) => {
  const { shown, call, painter, connect, create } = await openClient(t);
  const first = await shown('paint', { prompt: 'a panda' });
  const picture = first.pictures[0]?.id;
  for (const how of ['subtle', 'strong', 'larger', 'again']) {
    const made = await shown('vary', { picture, how });
    assert.deepEqual([made.state, made.pictures.length], ['done', 1], how);
  }
  const unused = await call('vary', { picture, how: 'subtle', prompt: 'a bear' });
  assert.match(textOf(unused), /^Only a remix takes new words/);
  await shown('vary', { picture, how: 'remix', prompt: 'a bear n:4' });
  assert.equal(painter.requests.at(-1)?.prompt, 'a bear n:4');
  const again = await shown('show', { id: picture });
  assert.deepEqual([again.request, again.content.filter(({ type }) => type === 'image').length], [first.request, 1]);
  const { client: other } = await connect(create('other'));
  const hidden = (await other.callTool({ name: 'show', arguments: { id: picture } })) as CallToolResult;
  assert.match(textOf(hidden), /Nothing of yours is known/);
  await assert.rejects(other.readResource({ uri: `wuerst://pictures/${picture}.png` }), { code: -32002 });
  assert.match(textOf(await call('show', { id: 'zzzzzzzz1' })), /Nothing of yours/);
});

test('what is wrong goes to the model in a sentence, and what failed inside stays inside', async (t) => {
  const { call, lines } = await openClient(t, { limits: 'images=2' });
  for (const [args, answer] of [
    [{ prompt: 'a naked man' }, /not safe for work/],
    [{ prompt: 'a panda', count: 3 }, /a whole number from 1 to 2/],
    [{ prompt: 'a panda', style: 'cubist' }, /style/],
    [{ prompt: 'too-big' }, /Too big for this machine/],
  ] as const) {
    const result = await call('paint', args);
    assert.equal(result.isError, true);
    assert.match(textOf(result), answer);
    assert.ok(!textOf(result).includes('/wuerst'));
  }
  assert.equal((await call('paint', { prompt: '' })).isError, true);
  assert.match(textOf(await call('paint', { prompt: 'a panda', steps: 20 })), /Unrecognized key: "steps"/);
  assert.deepEqual(lines, []);
});

test('pictures that are not safe for work go to no model', async (t) => {
  const { call, shown, say } = await openClient(t);
  await say(
    'settings nsfw-pictures:blur',
    caller({ ...GUILD, payer: `discord:guild:${GUILD.guild}`, moderator: true }),
  );
  const refused = await call('paint', { prompt: 'an explicit panda' });
  assert.deepEqual([refused.isError, refused.content.length], [true, 1]);
  assert.match(textOf(refused), /looks not safe for work/);
  const { pictures, content } = await shown('paint', { prompt: 'an explicit panda', count: 2 });
  assert.deepEqual([pictures.length, content.filter(({ type }) => type === 'image').length], [1, 1]);
  assert.match(textOf({ content }), /1 picture looks not safe for work and is left out/);
});

test('a call that is cancelled cancels its request', async (t) => {
  const { client, painter, events, started } = await openClient(t);
  const leaving = new AbortController();
  const asked = client.callTool({ name: 'paint', arguments: { prompt: 'wait panda' } }, undefined, {
    signal: leaving.signal,
  });
  asked.catch(() => {});
  while (painter.requests.length === 0) await new Promise(setImmediate);
  await started(events[0]?.job.id ?? '');
  leaving.abort();
  await assert.rejects(asked);
  while (events.at(-1)?.type !== 'cancelled') await new Promise(setImmediate);
});

test('a session belongs to its key, and a wrong key begins none', async (t) => {
  const { transport, create, fetch, secret, connect } = await openClient(t);
  const ask = (key: string, session: string) =>
    fetch('http://localhost/mcp', {
      method: 'POST',
      headers: {
        ...{ Authorization: `Bearer ${key}`, 'Mcp-Session-Id': session, 'Content-Type': 'application/json' },
        Accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
    });
  const own = transport.sessionId ?? '';
  assert.equal((await ask(secret, own)).status, 200);
  assert.equal((await ask(create('other'), own)).status, 404);
  assert.equal((await ask(secret, 'made-up')).status, 404);
  assert.equal((await ask(`${secret.slice(0, -1)}!`, own)).status, 401);
  await assert.rejects(connect('wrong'));
  await transport.terminateSession();
  assert.equal((await ask(secret, own)).status, 404);
});
