import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createSlackAdapter } from '../../../src/adapters/slack/adapter.ts';
import { slackManifest } from '../../../src/adapters/slack/connection/manifest.ts';
import { type SlackAdapterOptions, slackOptions } from '../../../src/adapters/slack/options.ts';
import {
  BOT_SCOPES,
  COMMAND,
  EVENT_SCOPES,
  METHOD_SCOPES,
  SHORTCUT,
} from '../../../src/adapters/slack/web-api/methods.ts';
import { systemClock } from '../../../src/system/clock.ts';
import { FakeCore } from '../fake-core.ts';
import { memoryLogger } from './setting.ts';
import { APP_TOKEN, BOT_TOKEN, manifestScopes, SIGNING_SECRET, StandIn } from './stand-in.ts';

async function world(t: TestContext) {
  const standIn = await StandIn.start();
  t.after(() => standIn.close());
  const log: string[] = [];
  const { apiUrl } = standIn;
  const start = async (options: Pick<SlackAdapterOptions, 'transport'> & Partial<SlackAdapterOptions>) => {
    const adapter = createSlackAdapter({ apiUrl, port: 0, logger: memoryLogger(log), ...options });
    await adapter.start(new FakeCore());
    await adapter.stop(1000);
  };
  return { standIn, log, start };
}

const both = { botToken: BOT_TOKEN, transport: { kind: 'socket', appToken: APP_TOKEN } } as const;

test('it starts with good tokens, and starts and stops again', async (t) => {
  const { start, standIn } = await world(t);
  await start(both);
  await start(both);
  assert.equal(standIn.socket.connections, 4);
  await standIn.until(() => standIn.socket.sockets.length === 0);
});

for (const [why, options, expected] of [
  [
    'an unknown bot token',
    { ...both, botToken: 'xoxb-secret' },
    { code: 'slack_bot_token', message: /SLACK_BOT_TOKEN/ },
  ],
  [
    'an unknown app token',
    { ...both, transport: { kind: 'socket', appToken: 'xapp-secret' } },
    { code: 'slack_app_token', message: /SLACK_APP_TOKEN/ },
  ],
] as const) {
  test(`${why} is explained in a sentence, without the token`, async (t) => {
    const { start, log } = await world(t);
    await assert.rejects(start(options), expected);
    const said = await start(options).catch((error: Error) => error.message);
    assert.ok(!`${said}${log.join()}`.includes('secret'));
  });
}

const tokens = { botToken: BOT_TOKEN, appToken: APP_TOKEN };

for (const [why, typed, expected] of [
  ['no bot token', { appToken: APP_TOKEN }, /of no use without SLACK_BOT_TOKEN or SLACK_CLIENT_ID/],
  ['an app token in its place', { ...tokens, botToken: APP_TOKEN }, /starts with "xoxb-".*"Bot User OAuth Token"/],
  ['a bot token as app token', { ...tokens, appToken: BOT_TOKEN }, /starts with "xapp-".*connections:write/],
  ['neither way to be reached', { botToken: BOT_TOKEN }, /SLACK_BOT_TOKEN needs SLACK_APP_TOKEN.*SLACK_SIGNING_SECRET/],
  ['an address that is none', { ...tokens, apiUrl: 'slack.com' }, /expected an http\(s\) address/],
] as const) {
  test(`${why} is explained before anything is connected, without the token`, () => {
    const said = String(slackOptions.safeParse(typed).error?.issues.map(({ message }) => message));
    assert.match(said, expected);
    assert.ok(!said.includes(APP_TOKEN) && !said.includes(BOT_TOKEN));
  });
}

test('missing scopes are named, with where to add them', async (t) => {
  const { start, standIn } = await world(t);
  standIn.scopes = standIn.scopes.filter((scope) => !['files:write', 'users:read'].includes(scope));
  await assert.rejects(start(both), {
    code: 'slack_missing_scope',
    message: /scopes: files:write, users:read/,
    hint: /OAuth & Permissions/,
  });
});

test('a start that Slack asks to wait with waits', async (t) => {
  const { start, standIn } = await world(t);
  for (const method of ['auth.test', 'apps.connections.open']) {
    standIn.faults.push({ method, how: { retryAfter: 1 }, times: 1 });
  }
  await start({ ...both, clock: { ...systemClock, after: (_ms, run) => systemClock.after(1, run) } });
  assert.equal(standIn.tooMany, 2);
});

test('an app token without its scope is explained', async (t) => {
  const { start, standIn } = await world(t);
  standIn.faults.push({ method: 'apps.connections.open', how: { error: 'missing_scope' }, times: 1 });
  await assert.rejects(start(both), { code: 'slack_app_token', message: /connections:write/ });
});

test('a server that is not there is explained', async (t) => {
  const { start, standIn } = await world(t);
  await standIn.close();
  await assert.rejects(start(both), { code: 'slack_unreachable', hint: /SLACK_API_URL/ });
});

test('a port that is taken is explained', async (t) => {
  const { start } = await world(t);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, resolve));
  t.after(() => other.close());
  const { port } = other.address() as AddressInfo;
  await assert.rejects(
    start({ botToken: BOT_TOKEN, transport: { kind: 'http', signingSecret: SIGNING_SECRET }, port }),
    { code: 'slack_port' },
  );
});

test('the manifest asks for exactly the scopes and events that are used', () => {
  assert.deepEqual(manifestScopes().sort(), [...BOT_SCOPES]);
  const manifest = slackManifest();
  const events = /bot_events:\n((?: {6}- .*\n)+)/.exec(manifest)?.[1] ?? '';
  assert.deepEqual([...events.matchAll(/- (\S+)/g)].map((match) => match[1]).sort(), Object.keys(EVENT_SCOPES).sort());
  assert.ok(manifest.includes(`command: ${COMMAND}\n`) && manifest.includes(`callback_id: ${SHORTCUT}\n`));
  assert.match(manifest, /should_escape: true/);
  assert.match(manifest, /socket_mode_enabled: true/);
});

test('every method that is used has a scope in the manifest', () => {
  const granted = manifestScopes();
  for (const [method, scopes] of Object.entries(METHOD_SCOPES)) {
    assert.ok(
      scopes.every((scope) => granted.includes(scope)),
      method,
    );
  }
});
