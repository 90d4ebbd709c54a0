import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createSlackAdapter } from '../../../src/adapters/slack/adapter.ts';
import { readable } from '../../../src/adapters/slack/web-api/answers.ts';
import { createClient, SlackApi } from '../../../src/adapters/slack/web-api/api.ts';
import { RateLimited } from '../../../src/adapters/slack/web-api/errors.ts';
import { boltLogger } from '../../../src/adapters/slack/web-api/logger.ts';
import { closedPort, distrustedServer, firewall } from '../../system/closed-networks.ts';
import { FakeCore } from '../fake-core.ts';
import { memoryLogger } from './setting.ts';
import { APP_TOKEN, BOT_TOKEN, StandIn } from './stand-in.ts';

async function start(address: string): Promise<void> {
  const adapter = createSlackAdapter({
    apiUrl: `${address}/api/`,
    port: 0,
    logger: memoryLogger([]),
    botToken: BOT_TOKEN,
    transport: { kind: 'socket', appToken: APP_TOKEN },
  });
  await adapter.start(new FakeCore());
}

for (const [status, expected] of [
  [
    403,
    /in its place, status 403\..*let wuerst reach 127\.0\.0\.1:\d+: it connects directly, not through HTTPS_PROXY\./,
  ],
  [401, /in its place, status 401\./],
  [407, /status 407\./],
  [511, /sign in first, status 511\./],
  [502, /HTTP 502\./],
  [200, /what answered is not Slack\..*sign-in/],
] as const) {
  test(`a firewall that answers ${status} in Slack's place ends the start at once, and no token is blamed`, async (t) => {
    const blocked = await firewall(t, status);
    await assert.rejects(start(`http://${blocked.host}`), (error: Error) => {
      const { code, hint } = error as Error & { code: string; hint: string };
      assert.equal(code, 'slack_unreachable');
      assert.match(`${error.message} ${hint}`, expected);
      assert.ok(error.message.includes(blocked.host));
      assert.doesNotMatch(`${error.message} ${hint}`, /TOKEN|html/);
      return true;
    });
    assert.equal(blocked.requests(), 1);
  });
}

test('a certificate that is not trusted ends the start at once, with the setting that helps', async (t) => {
  const server = await distrustedServer(t);
  await assert.rejects(start(`https://${server.host}`), {
    code: 'slack_unreachable',
    message: /certificate is not trusted here, DEPTH_ZERO_SELF_SIGNED_CERT\.$/,
    hint: /NODE_EXTRA_CA_CERTS=\//,
  });
  assert.equal(server.connections(), 1);
});

test('a port where nothing listens is named', async () => {
  const host = await closedPort();
  await assert.rejects(start(`http://${host}`), {
    message: `Slack at ${host} can't be reached: nothing listens at ${host}, ECONNREFUSED.`,
  });
});

for (const [what, elsewhere, expected] of [
  [
    'a firewall',
    async (t) => `ws://${(await firewall(t, 403)).host}`,
    /127\.0\.0\.1:\d+ can't be reached: .*status 403\.$/,
  ],
  ['a certificate', async (t) => `wss://${(await distrustedServer(t)).host}`, /not trusted here, DEPTH_ZERO/],
  ['a closed port', async () => `ws://${await closedPort()}`, /nothing listens at 127\.0\.0\.1:\d+, ECONNREFUSED\.$/],
] satisfies [string, (t: TestContext) => Promise<string>, RegExp][]) {
  test(`a Socket Mode that ${what} keeps from us ends the start before its time is over`, async (t) => {
    const standIn = await StandIn.start();
    t.after(() => standIn.close());
    standIn.socketElsewhere = await elsewhere(t);
    await assert.rejects(start(new URL(standIn.apiUrl).origin), {
      code: 'slack_unreachable',
      message: expected,
      hint: /directly|NODE_EXTRA_CA_CERTS/,
    });
  });
}

/** Calls the Web API and uploads a file at a server that limits everything. */
async function limited(t: TestContext, headers: Readonly<Record<string, string>>): Promise<unknown[]> {
  const server = createServer(({ url, headers: { host } }, response) => {
    const ticket = { ok: true, upload_url: `http://${host}/upload`, file_id: 'F1' };
    if (url?.endsWith('getUploadURLExternal')) response.end(JSON.stringify(ticket));
    else response.writeHead(429, headers).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const options = { apiUrl: address, fetch: readable(fetch), logger: boltLogger(memoryLogger([])) };
  const api = new SlackApi(options, createClient(options), { tokenOf: async () => BOT_TOKEN, tokenLost: () => {} });
  const caught = (error: unknown) => (error instanceof RateLimited ? error.retryAfterMs : error);
  return [
    await api.openDm('U1').catch(caught),
    await api.upload({ fileName: 'a.png', data: new Uint8Array(3), alt: '' }, {}).catch(caught),
  ];
}

for (const [asked, ms] of [
  ['7', 7000],
  ['1.2', 2000],
  ['-5', 30_000],
  ['soon', 30_000],
  ['', 30_000],
  [undefined, 30_000],
  ['1e9', 30_000],
  ['99999999999999', 86_400_000],
] as const) {
  test(`a limit with Retry-After: ${asked ?? '(none)'} holds for ${ms} ms, for calls and uploads`, async (t) => {
    assert.deepEqual(await limited(t, asked === undefined ? {} : { 'retry-after': asked }), [ms, ms]);
  });
}

test('a limit until a date holds until then', async (t) => {
  const date = new Date(Date.now() - 3_600_000);
  const until = new Date(date.getTime() + 45_000);
  const headers = { date: date.toUTCString(), 'retry-after': until.toUTCString() };
  assert.deepEqual(await limited(t, headers), [45_000, 45_000]);
});
