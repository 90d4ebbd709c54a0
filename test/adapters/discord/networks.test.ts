import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DefaultRestOptions, RateLimitError, REST } from 'discord.js';
import { createDiscordAdapter, fetchApplication } from '../../../src/adapters/discord/adapter.ts';
import { readable } from '../../../src/adapters/discord/rest/answers.ts';
import { closedPort, distrustedServer, firewall } from '../../system/closed-networks.ts';
import { FakeCore } from '../fake-core.ts';
import { sendCommand } from './payloads.ts';
import { memoryLogger, setting } from './setting.ts';
import { StandIn, TOKEN } from './stand-in.ts';

for (const [status, advice] of [
  [403, /status 403\..*let wuerst reach 127\.0\.0\.1:\d+: it connects directly, not through HTTPS_PROXY\./],
  [401, /status 401\..*let wuerst reach 127\.0\.0\.1:\d+/],
  [407, /status 407\./],
  [511, /sign in first, status 511\./],
  [200, /status 200\..*let wuerst reach/],
] as const) {
  test(`a firewall that answers ${status} in Discord's place ends the start at once, and the token is not blamed`, async (t) => {
    const blocked = await firewall(t, status);
    await assert.rejects(fetchApplication({ token: TOKEN, apiBase: `http://${blocked.host}/api` }), (error: Error) => {
      const { code, hint } = error as Error & { code: string; hint: string };
      assert.equal(code, 'discord_unreachable');
      assert.ok(error.message.includes(blocked.host));
      assert.match(`${error.message} ${hint}`, advice);
      assert.doesNotMatch(hint, /DISCORD_TOKEN/);
      return true;
    });
    assert.equal(blocked.requests(), 1);
  });
}

test('a certificate that is not trusted ends the start at once, with the setting that helps', async (t) => {
  const server = await distrustedServer(t);
  await assert.rejects(fetchApplication({ token: TOKEN, apiBase: `https://${server.host}/api` }), {
    code: 'discord_unreachable',
    message: /certificate is not trusted here, DEPTH_ZERO_SELF_SIGNED_CERT\.$/,
    hint: /NODE_EXTRA_CA_CERTS=\//,
  });
  assert.equal(server.connections(), 1);
});

test('a port where nothing listens is named', async () => {
  const host = await closedPort();
  await assert.rejects(fetchApplication({ token: TOKEN, apiBase: `http://${host}/api` }), {
    code: 'discord_unreachable',
    message: `Discord at ${host} can't be reached: nothing listens at ${host}, ECONNREFUSED.`,
  });
});

for (const [what, refuse, expected] of [
  ['a firewall', async (t) => `ws://${(await firewall(t, 403)).host}`, /status 403\.$/],
  ['a certificate', async (t) => `wss://${(await distrustedServer(t)).host}`, /not trusted here, DEPTH_ZERO/],
] satisfies [string, (t: Parameters<typeof firewall>[0]) => Promise<string>, RegExp][]) {
  test(`a gateway that ${what} keeps from us ends the start before its time is over`, async (t) => {
    const standIn = await StandIn.start();
    t.after(() => standIn.close());
    standIn.gatewayElsewhere = await refuse(t);
    const adapter = createDiscordAdapter({
      token: TOKEN,
      apiBase: standIn.apiBase,
      logger: memoryLogger([]),
      connectWithin: 60_000,
    });
    await assert.rejects(adapter.start(new FakeCore()), { code: 'discord_unreachable', message: expected });
  });
}

test('a result waits while a firewall refuses, and the bot keeps its token', async (t) => {
  const s = await setting(t);
  sendCommand(s.standIn, 'wuerst', { prompt: 'a red fox' }, { channel: s.channel });
  await s.standIn.until(() => s.core.messages.size === 1);
  const how = { status: 401, code: 0, headers: { 'content-type': 'text/html' } };
  s.standIn.faults.push({ method: 'PATCH', path: /./, how, times: 3 });
  s.core.finish(s.job());
  await s.pass(() => s.core.delivered.has(s.job()));
  assert.equal(s.shown().attachments.length, 1);
});

for (const [asked, ms] of [
  ['0.25', 250],
  ['soon', 5000],
  ['-1', 5000],
  ['', 5000],
  [undefined, 5000],
  ['1e9', 5000],
  ['99999999999999', 86_400_000],
] as const) {
  test(`a limit with Retry-After: ${asked ?? '(none)'} holds for ${ms} ms`, async (t) => {
    const limiting = await firewall(t, 429, {
      'content-type': 'application/json',
      ...(asked !== undefined && { 'retry-after': asked }),
    });
    const rest = new REST({
      api: `http://${limiting.host}/api`,
      offset: 0,
      rejectOnRateLimit: () => true,
      makeRequest: readable(DefaultRestOptions.makeRequest),
    });
    await assert.rejects(rest.get('/gateway', { auth: false }), (error: unknown) => {
      assert.ok(error instanceof RateLimitError);
      assert.equal(error.retryAfter, ms);
      return true;
    });
  });
}

for (const [remaining, reset, ms] of [
  ['0', '0.75', 750],
  ['0', 'later', 5000],
  ['0', '-3', 5000],
  ['none', '2', 2000],
  ['0', '1e99', 5000],
  ['0', '9'.repeat(30), 86_400_000],
] as const) {
  test(`X-RateLimit-Remaining: ${remaining} with Reset-After: ${reset} holds the next request back`, async (t) => {
    const limiting = await firewall(t, 200, {
      'content-type': 'application/json',
      'x-ratelimit-limit': '5',
      'x-ratelimit-remaining': remaining,
      'x-ratelimit-reset-after': reset,
    });
    const makeRequest = readable(DefaultRestOptions.makeRequest);
    const { headers } = await makeRequest(`http://${limiting.host}`, {});
    assert.equal(headers.get('x-ratelimit-remaining'), '0');
    assert.equal(headers.get('x-ratelimit-reset-after'), String(ms / 1000));
  });
}
