import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closedPort, distrustedServer, firewall, refusingProxy } from '../system/closed-networks.ts';
import { LARGE } from './checkpoints.ts';
import { assertOnlyRightFiles, DEFAULT_FILES } from './pulled.ts';
import { scene } from './scene.ts';

/** Any pause fails the test: what is permanent must end at once. */
const sleep = () => assert.fail('it waited');
/** No test goes there: the proxies on the way refuse. */
const HUB = 'https://hub.example';

for (const [status, advice] of [
  [407, /HTTPS_PROXY=http:\/\/user:password@127\.0\.0\.1:\d+ /],
  [403, /allow hub\.example:?.* NO_PROXY/],
  [405, /allow hub\.example:?.* NO_PROXY/],
  [502, /allow hub\.example:?.* NO_PROXY/],
] as const) {
  test(`a proxy that refuses with ${status} is asked once, and is named with what helps`, async (t) => {
    const proxy = await refusingProxy(t, status);
    const place = await scene(t, { HF_ENDPOINT: HUB, HTTPS_PROXY: `http://me:pass%40word@${proxy.host}` }, { sleep });
    const { error = '', err } = await place.models('pull');
    const refusal = `the proxy ${proxy.host} refuses to connect to hub.example, status ${status}.`;
    assert.ok(error.startsWith(`hub_unreachable: ${HUB} cannot be reached for `), error);
    assert.ok(error.includes(refusal), error);
    assert.match(error, advice);
    assert.deepEqual(proxy.asked, [`Basic ${Buffer.from('me:pass@word').toString('base64')}`]);
    assert.doesNotMatch(error + err, /pass%40word|pass@word|secret|terms|Trying again/);
  });
}

test('a proxy that is busy is asked again', async (t) => {
  const proxy = await refusingProxy(t, 503);
  const place = await scene(t, { HF_ENDPOINT: HUB, HTTPS_PROXY: `http://${proxy.host}` });
  const { error = '' } = await place.models('pull');
  assert.match(error, /^hub_unreachable: .*status 503\. .*Run the command again later/);
  assert.equal(proxy.asked.length, 6);
});

for (const [what, certificate, advice] of [
  ['a certificate of its own', {}, /not trusted here, DEPTH_ZERO_SELF_SIGNED_CERT\. .*NODE_EXTRA_CA_CERTS=\//],
] as const) {
  test(`a server with ${what} is asked once`, async (t) => {
    const server = await distrustedServer(t, certificate);
    const place = await scene(t, { HF_ENDPOINT: `https://${server.host}` }, { sleep });
    const { error = '' } = await place.models('pull');
    assert.match(error, advice);
    assert.doesNotMatch(error, /HTTPS_PROXY/);
    assert.equal(server.connections(), 1);
  });
}

test('a server that speaks no TLS is asked once', async (t) => {
  const server = await firewall(t, 200);
  const place = await scene(t, { HF_ENDPOINT: `https://${server.host}` }, { sleep });
  const { error = '' } = await place.models('pull');
  assert.match(error, /does not speak the expected protocol, ERR_SSL_WRONG_VERSION_NUMBER\. .*http:\/\/ or https:\/\//);
});

for (const [status, code] of [
  [403, 'hub_forbidden'],
  [401, 'hub_refused'],
  [451, 'hub_refused'],
] as const) {
  test(`${status} with a page of a firewall is no advice about terms or tokens`, async (t) => {
    const blocked = await firewall(t, status);
    const place = await scene(t, { HF_ENDPOINT: `http://${blocked.host}`, HF_TOKEN: 'hf_secret' }, { sleep });
    const { error = '' } = await place.models('pull');
    assert.match(
      error,
      new RegExp(`^${code}: .*firewall or proxy seems to have answered in its place, status ${status}\\.`),
    );
    assert.ok(error.includes(`let wuerst reach ${blocked.host}`), error);
    assert.doesNotMatch(error, /terms|HF_TOKEN/);
    assert.equal(blocked.requests(), 1);
  });
}

test('407 as an answer, without a tunnel, is told as a refusal of a proxy', async (t) => {
  const blocked = await firewall(t, 407);
  const place = await scene(t, { HF_ENDPOINT: `http://${blocked.host}` }, { sleep });
  const { error = '' } = await place.models('pull');
  assert.match(error, /^hub_unreachable: .* refuses to connect to 127\.0\.0\.1:\d+, status 407\. .*user:password@/);
  assert.equal(blocked.requests(), 1);
});

test('a network that wants a sign-in says so', async (t) => {
  const portal = await firewall(t, 511);
  const place = await scene(t, { HF_ENDPOINT: `http://${portal.host}` }, { sleep });
  const { error = '' } = await place.models('pull');
  assert.match(error, /^hub_refused: .*sign in first, status 511\. .*browser/);
  assert.equal(portal.requests(), 1);
});

test('terms to accept are told where the hub itself refuses', async (t) => {
  const place = await scene(t, {}, { sleep });
  place.hub.fault = () => ({ status: 403, headers: { 'x-error-code': 'GatedRepo' } });
  const { error = '' } = await place.models('pull');
  assert.match(error, /^hub_forbidden: .* answered 403 .*\(GatedRepo\)\. \(Accept the terms at http:\S+, then .*\)$/);
  assert.doesNotMatch(error, /firewall/);
});

test('a host of files that is blocked is named, not the hub', async (t) => {
  const place = await scene(t, {}, { sleep });
  const port = await closedPort();
  place.hub.fault = ({ path }) =>
    path.includes('/resolve/') ? { status: 302, headers: { location: `http://${port}/x` } } : undefined;
  const { error = '' } = await place.models('pull');
  assert.ok(error.startsWith(`hub_unreachable: ${port} (where http://`), error);
  assert.match(error, /nothing listens at 127\.0\.0\.1:\d+, ECONNREFUSED\./);
});

test('a name that the DNS does not know is asked for once', async (t) => {
  const place = await scene(t, { HF_ENDPOINT: 'https://no-such-hub.invalid' }, { sleep });
  const { error = '' } = await place.models('pull');
  assert.match(
    error,
    /^hub_unreachable: .*(the DNS does not know this name, ENOTFOUND|EAI_AGAIN)\. .*HTTPS_PROXY=http:/,
  );
});

test('a range that the server does not have is asked for as a whole', async (t) => {
  const place = await scene(t);
  place.hub.fault = ({ path, range }) => {
    if (path !== `/${LARGE}`) return undefined;
    return range === undefined && place.hub.sent(LARGE).length === 1
      ? { cutAfter: 700_000 }
      : range === undefined
        ? undefined
        : { status: 416 };
  };
  assert.equal((await place.models('pull')).error, undefined);
  assert.deepEqual(assertOnlyRightFiles(place.hub, place.modelsDir), DEFAULT_FILES);
  assert.deepEqual(
    place.hub.sent(LARGE).map(({ range }) => range === undefined),
    [true, false, true],
  );
});

test('416 for a whole file is an error at once', async (t) => {
  const place = await scene(t, {}, { sleep });
  place.hub.fault = ({ path }) => (path === `/${LARGE}` ? { status: 416 } : undefined);
  assert.match((await place.models('pull')).error ?? '', /^hub_refused: .* 416 /);
  assert.equal(place.hub.sent(LARGE).length, 1);
});

test('a file that changes at the hub between two parts is fetched from its first byte', async (t) => {
  const place = await scene(t);
  let sent = 0;
  place.hub.fault = ({ path }) => {
    if (path !== `/${LARGE}`) return undefined;
    sent++;
    return { headers: { etag: sent === 1 ? '"old"' : '"new"' }, ...(sent === 1 && { cutAfter: 700_000 }) };
  };
  const { err, error } = await place.models('pull');
  assert.equal(error, undefined);
  assert.match(err, /has changed at the hub: it is fetched from its first byte\./);
  assert.deepEqual(assertOnlyRightFiles(place.hub, place.modelsDir), DEFAULT_FILES);
  assert.deepEqual(
    place.hub.sent(LARGE).map(({ range }) => range === undefined),
    [true, false, true],
  );
});

test('a page in the place of a file is refused at once', async (t) => {
  const place = await scene(t, {}, { sleep });
  place.hub.fault = ({ path }) => (path === `/${LARGE}` ? { body: '<html>Please sign in</html>' } : undefined);
  assert.match((await place.models('pull')).error ?? '', /^hub_wrong_bytes: .*is shorter than the 12\d+ bytes/);
  assert.equal(place.hub.sent(LARGE).length, 1);
});

for (const [asked, waits] of [
  ['2.5', [2500]],
  ['-5', []],
  ['soon', []],
] as const) {
  test(`429 with Retry-After: ${asked} waits ${waits.length > 0 ? 'as long' : 'as without it'}`, async (t) => {
    const slept: number[] = [];
    const place = await scene(t, {}, { sleep: async (ms) => void slept.push(ms) });
    let refused = false;
    place.hub.fault = ({ path }) => {
      if (refused || path !== `/${LARGE}`) return undefined;
      refused = true;
      return { status: 429, headers: { 'retry-after': asked } };
    };
    assert.equal((await place.models('pull')).error, undefined);
    assert.deepEqual(slept, waits);
  });
}
