import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { LARGE } from './checkpoints.ts';
import { assertOnlyRightFiles, DEFAULT_FILES } from './pulled.ts';
import { scene } from './scene.ts';

const TOKEN = 'hf_onlyForTheHub';

test('the token goes to the hub and never to the host that it redirects to', async (t) => {
  const { hub, models } = await scene(t, { HF_TOKEN: TOKEN });
  hub.fault = ({ path, range }) => (path === `/${LARGE}` && !range ? { cutAfter: 1000 } : undefined);
  assert.equal((await models('pull')).error, undefined);
  const atHub = hub.seen.filter(({ host }) => host === 'hub').map(({ authorization }) => authorization);
  const atCdn = hub.seen.filter(({ host }) => host === 'cdn').map(({ authorization }) => authorization);
  assert.deepEqual(new Set(atHub), new Set([`Bearer ${TOKEN}`]));
  assert.ok(atCdn.length > 4);
  assert.deepEqual(new Set(atCdn), new Set([undefined]));
});

test('the token does not follow a listing to another host', async (t) => {
  const { hub, models } = await scene(t, { HF_TOKEN: TOKEN });
  const other = await scene(t);
  hub.fault = ({ path }) =>
    path.includes('/tree/')
      ? { headers: { link: `<${other.hub.endpoint}${path}?recursive=true>; rel="next"` } }
      : undefined;
  await models('pull');
  assert.ok(other.hub.seen.length > 0);
  assert.deepEqual(new Set(other.hub.seen.map(({ authorization }) => authorization)), new Set([undefined]));
});

for (const status of [200, 401, 403, 404, 429, 500]) {
  test(`the token is printed nowhere when the hub answers ${status}`, async (t) => {
    const { hub, models } = await scene(t, { HF_TOKEN: TOKEN });
    hub.fault = () =>
      status === 200 ? undefined : { status, body: `{"error":"${TOKEN}"}`, headers: { 'x-error-code': `${TOKEN} no` } };
    const { out, err, error = '' } = await models('pull');
    assert.ok(!(out + err + error).includes(TOKEN));
    assert.equal(error === '', status === 200);
  });
}

test('a token with a line break is refused without being printed', async (t) => {
  const { models } = await scene(t, { HF_TOKEN: `${TOKEN}\nx` });
  const { error = '' } = await models('pull');
  assert.match(error, /^hf_token_invalid/);
  assert.ok(!error.includes(TOKEN));
});

test('a plain http:// endpoint on another machine is warned of where a token would go there', async (t) => {
  // Nobody listens at the discard port.
  const env = { HF_TOKEN: TOKEN, HF_ENDPOINT: 'http://hub.example', HTTP_PROXY: 'http://127.0.0.1:9' };
  const { models } = await scene(t, env, { retries: 0 });
  assert.match((await models('pull')).err, /HF_ENDPOINT is a plain http:\/\/ address, .* HF_TOKEN/);
  const loopback = await scene(t, { HF_TOKEN: TOKEN });
  assert.doesNotMatch((await loopback.models('list')).err, /plain/);
});

for (const endpoint of ['huggingface.co', 'ftp://huggingface.co', 'https://me:pass@huggingface.co', 'file:///etc']) {
  test(`HF_ENDPOINT ${endpoint} is refused with an example`, async (t) => {
    const { models } = await scene(t, { HF_ENDPOINT: endpoint });
    const { error = '' } = await models('pull');
    assert.match(error, /^hf_endpoint_invalid: .*HF_ENDPOINT=https:\/\/huggingface\.co/);
    assert.ok(!error.includes('pass@'));
  });
}

test('HTTP_PROXY carries every request, and NO_PROXY goes around it', async (t) => {
  const { proxy, carried } = await startProxy(t);
  const { hub, modelsDir, models, env } = await scene(t, { HTTP_PROXY: proxy });
  assert.equal((await models('pull')).error, undefined);
  assert.deepEqual(assertOnlyRightFiles(hub, modelsDir), DEFAULT_FILES);
  const hosts = new Set(carried);
  assert.ok(hosts.has(new URL(hub.endpoint).host), [...hosts].join());
  assert.equal(hosts.size, 2);

  const count = carried.length;
  env.NO_PROXY = '127.0.0.1';
  assert.equal((await models('pull')).error, undefined);
  assert.equal(carried.length, count);
});

test('a proxy that is no address is refused without printing its password', async (t) => {
  const { models } = await scene(t, { HTTPS_PROXY: 'me:password' });
  const { error = '' } = await models('pull');
  assert.match(error, /^proxy_invalid: HTTPS_PROXY is not an http or https address\. .*HTTPS_PROXY=http:/);
  assert.ok(!error.includes('password'));
});

test('a proxy that is not there is an error that names no password', async (t) => {
  const { models } = await scene(t, { HTTP_PROXY: 'http://me:password@127.0.0.1:1' });
  const { error = '', err } = await models('pull');
  assert.match(error, /^hub_unreachable: /);
  assert.ok(!(error + err).includes('password'));
});

/** Passes tunnels and plain requests on. `carried` are the hosts that were asked for. */
async function startProxy(t: TestContext): Promise<{ proxy: string; carried: string[] }> {
  const carried: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const url = new URL(incoming.url ?? '');
    carried.push(url.host);
    request(url, { headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    }).end();
  });
  server.on('connect', ({ url = '' }, socket) => {
    carried.push(url);
    const { hostname, port } = new URL(`http://${url}`);
    const onward = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [socket, onward]) end.on('error', () => [socket, onward].map((other) => other.destroy()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { proxy: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, carried };
}
