import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { LARGE } from './checkpoints.ts';
import type { Fault, SeenRequest } from './fake-hub.ts';
import { assertOnlyRightFiles, DEFAULT_FILES, partsOf, publishedFolder } from './pulled.ts';
import { type Scene, scene } from './scene.ts';

const isLarge = ({ path }: SeenRequest) => path === `/${LARGE}`;

/** Gives the n-th request for the largest file the n-th fault. */
function faultsOfLarge(...faults: readonly (Fault | undefined)[]): (request: SeenRequest) => Fault | undefined {
  let n = 0;
  return (request) => (isLarge(request) ? faults[n++] : undefined);
}

/** First bytes that were asked for of the largest file. Bytes right before a cut may be lost on the way. */
function startsOf({ hub }: Scene): number[] {
  return hub.sent(LARGE).map(({ range }) => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0));
}

async function assertComplete({ hub, modelsDir, models }: Scene): Promise<string> {
  const { err, error } = await models('pull');
  assert.equal(error, undefined);
  assert.deepEqual(assertOnlyRightFiles(hub, modelsDir), DEFAULT_FILES);
  return err;
}

/** What did not arrive is not there under its final name. */
async function assertRefused({ hub, modelsDir, models }: Scene, error: RegExp): Promise<void> {
  const answer = await models('pull');
  assert.match(answer.error ?? '', error);
  assert.equal(answer.out, '');
  assert.ok(!assertOnlyRightFiles(hub, modelsDir).includes(`wuerstchen/${LARGE}`));
}

test('after every cut of the connection the next byte is asked for', async (t) => {
  const place = await scene(t);
  place.hub.fault = faultsOfLarge({ cutAfter: 400_000 }, { cutAfter: 400_000 }, { cutAfter: 100_000 });
  const err = await assertComplete(place);
  const [first, ...later] = startsOf(place);
  assert.equal(first, 0);
  assert.equal(later.length, 3);
  for (const [index, start] of later.entries()) {
    assert.ok(start > (later[index - 1] ?? 0), `${later} grows`);
    assert.match(err, new RegExp(`broke off at ${start} of 12\\d+ bytes: \\w+\\. Trying again\\.`));
  }
});

test('cuts without a new byte end the pull after six attempts; the next pull goes on', async (t) => {
  const place = await scene(t);
  place.hub.fault = (request) => (isLarge(request) ? { cutAfter: request.range ? 0 : 300_000 } : undefined);
  await assertRefused(
    place,
    /^hub_unreachable: The download of warp-ai\/wuerstchen\/decoder\S+ broke off at \d+ of .*goes on where/,
  );
  assert.equal(place.hub.sent(LARGE).length, 7);
  const [there = 0] = partsOf(place.modelsDir).values();
  assert.ok(there > 0 && there <= 300_000);
  place.hub.fault = () => undefined;
  place.hub.seen.length = 0;
  await assertComplete(place);
  assert.deepEqual(startsOf(place), [there]);
});

test('a server that ignores ranges sends the whole file again, and its bytes are right', async (t) => {
  const place = await scene(t);
  place.hub.fault = faultsOfLarge({ cutAfter: 700_000 }, { ignoreRange: true });
  await assertComplete(place);
  assert.equal(place.hub.sent(LARGE).length, 2);
});

test('another range than the one asked for is refused', async (t) => {
  const place = await scene(t);
  const headers = { 'content-range': 'bytes 5-99/100' };
  place.hub.fault = faultsOfLarge({ cutAfter: 700_000 }, { status: 206, headers });
  await assertRefused(
    place,
    /^hub_wrong_answer: Expected bytes \d+- of 12\d+ of .*, but the hub sent "bytes 5-99\/100"/,
  );
});

test('wrong bytes are thrown away and fetched once more', async (t) => {
  const place = await scene(t);
  const size = place.hub.repositories.get('warp-ai/wuerstchen')?.get(LARGE)?.bytes.length ?? 0;
  place.hub.fault = faultsOfLarge({ body: Buffer.alloc(size, 'x') });
  const err = await assertComplete(place);
  assert.match(err, /wuerstchen\/decoder\S+ arrived damaged: expected sha256 \w{64}, got \w{64}/);
});

test('bytes that stay wrong are an error and leave nothing', async (t) => {
  const place = await scene(t);
  const size = place.hub.repositories.get('warp-ai/wuerstchen')?.get(LARGE)?.bytes.length ?? 0;
  place.hub.fault = (request) => (isLarge(request) ? { body: Buffer.alloc(size, 'x') } : undefined);
  await assertRefused(place, /^hub_wrong_bytes: .*fetched twice and deleted again/);
  assert.deepEqual([...partsOf(place.modelsDir)], []);
});

test('a small file, which the hub lists by its git blob, is checked too', async (t) => {
  const place = await scene(t);
  const size = place.hub.repositories.get('warp-ai/wuerstchen')?.get('vqgan/config.json')?.bytes.length ?? 0;
  place.hub.fault = ({ path }) =>
    path.includes('/resolve/') && path.endsWith('/vqgan/config.json') ? { body: 'x'.repeat(size) } : undefined;
  await assertRefused(place, /^hub_wrong_bytes: The file wuerstchen\/vqgan\/config\.json .*expected git blob \w{40}/);
});

test('more bytes than the hub lists are refused', async (t) => {
  const place = await scene(t);
  place.hub.fault = faultsOfLarge({ body: Buffer.alloc(1_300_000) });
  await assertRefused(place, /^hub_wrong_bytes: .*is longer than the 12\d+ bytes that the hub lists\./);
});

test('bytes of an earlier pull that have rotted are found by the hash and fetched again', async (t) => {
  const place = await scene(t);
  const right = place.hub.repositories.get('warp-ai/wuerstchen')?.get(LARGE)?.bytes ?? Buffer.alloc(0);
  const rotten = Buffer.from(right);
  rotten.writeUInt8(rotten.readUInt8(1000) ^ 1, 1000);
  place.hub.fault = faultsOfLarge({ body: rotten, cutAfter: 500_000 });
  await assertComplete(place);
  const starts = startsOf(place);
  assert.deepEqual([starts[0], starts[2], starts.length], [0, 0, 3]);
});

for (const [status, token, expected] of [
  [401, '', /^hub_unauthorized: .* 401 .*Set HF_TOKEN to a token that may read/],
  [401, 'hf_secret', /^hub_unauthorized: .* 401 .*It refuses the token in HF_TOKEN/],
  [403, 'hf_secret', /^hub_forbidden: .* 403 .*Accept the terms at http:\S+\/warp-ai\/wuerstchen,/],
  [404, '', /^hub_not_found: .* 404 .*check the name, --revision and HF_ENDPOINT/],
  [410, '', /^hub_refused: .* 410 /],
] as const) {
  const withToken = token ? ' with a token' : '';
  test(`${status} of a file${withToken} ends the pull at once and says what to do`, async (t) => {
    const place = await scene(t, { HF_TOKEN: token });
    place.hub.fault = faultsOfLarge({ status }, { status: 500 });
    await assertRefused(place, expected);
    assert.equal(place.hub.sent(LARGE).length, 1);
  });

  test(`${status} of a repository${withToken} ends the pull before anything is written`, async (t) => {
    const place = await scene(t, { HF_TOKEN: token });
    place.hub.fault = () => ({ status, body: '<html>secret words of a proxy</html>' });
    const { error } = await place.models('pull');
    assert.match(error ?? '', new RegExp(expected.source.replace('wuerstchen,', 'wuerstchen-prior,')));
    assert.doesNotMatch(error ?? '', /secret/);
    assert.equal(existsSync(publishedFolder(place.modelsDir)), false);
    assert.equal(place.hub.seen.length, 1);
  });
}

test('429 waits as long as Retry-After asks, in seconds or until a date', async (t) => {
  const waits: number[] = [];
  const sleep = async (ms: number) => void waits.push(ms);
  const place = await scene(t, {}, { sleep });
  const date = new Date(Date.now() + 90_000).toUTCString();
  place.hub.fault = faultsOfLarge(
    { status: 429, headers: { 'retry-after': '7' } },
    { status: 429, headers: { 'retry-after': date } },
  );
  const err = await assertComplete(place);
  assert.equal(waits[0], 7000);
  assert.ok(waits[1] !== undefined && waits[1] > 30_000 && waits[1] <= 90_000, `waited ${waits[1]}`);
  assert.equal(waits.length, 2);
  assert.match(err, /\S+ \(where http\S+ sends\) answered 429 for warp-ai\/wuerstchen\/decoder\S+\. Trying again\./);
});

test('429 that asks for an hour is an error that says so', async (t) => {
  const place = await scene(t);
  place.hub.fault = faultsOfLarge({ status: 429, headers: { 'retry-after': '3600' } });
  await assertRefused(place, /^hub_busy: .*429.*asks to wait 60 minutes\. .*A token in HF_TOKEN raises the limit/);
});

test('a hub that recovers from 500 and 503 is asked again', async (t) => {
  const place = await scene(t);
  place.hub.fault = faultsOfLarge({ status: 500 }, { status: 503 }, { status: 502 });
  await assertComplete(place);
});

test('a hub that stays at 500 is given up after six attempts', async (t) => {
  const place = await scene(t);
  place.hub.fault = (request) => (isLarge(request) ? { status: 500 } : undefined);
  await assertRefused(
    place,
    /^hub_unreachable: \S+ \(where http\S+ sends\) answered 500 for warp-ai\/wuerstchen\/decoder/,
  );
  assert.equal(place.hub.sent(LARGE).length, 6);
});

test('a connection that goes silent counts as cut', async (t) => {
  const place = await scene(t, {}, { timeoutMs: 100 });
  place.hub.fault = faultsOfLarge({ cutAfter: 600_000, hang: () => {} });
  await assertComplete(place);
  assert.ok(startsOf(place).some((start) => start > 0));
});

test('a listing that is cut in the middle is asked for again', async (t) => {
  const place = await scene(t);
  let cut = false;
  place.hub.fault = ({ path }) => {
    if (cut || !path.includes('/tree/')) return undefined;
    cut = true;
    return { cutAfter: 20 };
  };
  await assertComplete(place);
  assert.ok(cut);
});

for (const [what, body] of [
  ['a web page', '<html>Please sign in to this network</html>'],
  ['JSON of another kind', '{"message":"hello"}'],
  ['a list of something else', '[{"type":"file","path":"config.json"}]'],
  ['a hash that is none', '[{"type":"file","path":"config.json","size":3,"oid":"../../x"}]'],
] as const) {
  test(`${what} instead of a listing is refused as no answer of a hub`, async (t) => {
    const place = await scene(t);
    place.hub.fault = ({ path }) => (path.includes('/tree/') ? { body } : undefined);
    const { error } = await place.models('pull');
    assert.match(
      error ?? '',
      /^hub_wrong_answer: The hub's answer for warp-ai\/wuerstchen-prior makes no sense: .*HF_ENDPOINT/,
    );
    assert.equal(existsSync(publishedFolder(place.modelsDir)), false);
  });
}

test('a commit that is none is refused', async (t) => {
  const place = await scene(t);
  place.hub.fault = ({ path }) => (path.includes('/revision/') ? { body: '{"sha":"../../etc"}' } : undefined);
  assert.match((await place.models('pull')).error ?? '', /^hub_wrong_answer: .*it names no commit for main/);
});

test('a hub that is not there is named, with what may help', async (t) => {
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  closed.close();
  await once(closed, 'close');
  const place = await scene(t, { HF_ENDPOINT: `http://127.0.0.1:${port}` });
  const { error } = await place.models('pull');
  assert.match(
    error ?? '',
    /^hub_unreachable: http:\/\/127\.0\.0\.1:\d+ cannot be reached .*ECONNREFUSED\. .*HTTPS_PROXY/,
  );
});
