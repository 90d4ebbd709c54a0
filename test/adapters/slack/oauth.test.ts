import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { createSlackAdapter } from '../../../src/adapters/slack/adapter.ts';
import { Installations } from '../../../src/adapters/slack/connection/installations.ts';
import { readConfig } from '../../../src/config.ts';
import { startBot } from '../../../src/main.ts';
import { temporaryFolder } from '../../bot-process.ts';
import { FakeCore } from '../fake-core.ts';
import { commandBody, deliverCommand, sendCommand, sendEvent } from './payloads.ts';
import { memoryLogger } from './setting.ts';
import { APP_TOKEN, SIGNING_SECRET, StandIn } from './stand-in.ts';

async function world(t: TestContext, transport: 'socket' | 'http') {
  const standIn = await StandIn.start();
  const core = new FakeCore();
  const log: string[] = [];
  const file = join(mkdtempSync(join(tmpdir(), 'installations-')), 'slack.sqlite');
  const make = () =>
    createSlackAdapter({
      transport:
        transport === 'socket'
          ? { kind: transport, appToken: APP_TOKEN }
          : { kind: transport, signingSecret: SIGNING_SECRET },
      apiUrl: standIn.apiUrl,
      port: 0,
      logger: memoryLogger(log),
      oauth: { clientId: '1.2', clientSecret: 'client-secret', stateSecret: 'state-secret' },
      installations: file,
    });
  let adapter = make();
  await adapter.start(core);
  t.after(async () => {
    await adapter.stop(1000);
    await standIn.close();
  });
  const site = () => {
    const port = log.map((line) => /"port":(\d+)/.exec(line)?.[1]).findLast((found) => found !== undefined);
    return `http://127.0.0.1:${port}`;
  };
  const restart = async () => {
    await adapter.stop(1000);
    adapter = make();
    await adapter.start(core);
  };
  return { standIn, core, log, file, site, restart };
}

/** What a browser does: the page, its link to Slack, and the way back. */
async function install(site: string, team: string, state = (given: string) => given): Promise<Response> {
  const page = await fetch(`${site}/slack/install`);
  const link = new URL(/<a href="([^"]+)"/.exec((await page.text()).replaceAll('&amp;', '&'))?.[1] ?? '');
  const cookie = page.headers.get('set-cookie')?.split(';')[0] ?? '';
  const query = new URLSearchParams({ code: `code-${team}`, state: state(link.searchParams.get('state') ?? '') });
  return fetch(`${site}/slack/oauth_redirect?${query}`, { headers: { cookie } });
}

for (const transport of ['socket', 'http'] as const) {
  test(`a workspace installs the app through the browser (${transport})`, async (t) => {
    const { standIn, site, file } = await world(t, transport);
    const page = await (await fetch(`${site()}/slack/install`)).text();
    assert.match(page, /\/oauth\/v2\/authorize\?scope=app_mentions(:|%3A)read/);
    assert.ok(page.includes(new URL(standIn.apiUrl).host));
    assert.equal((await install(site(), 'T0NEW')).status, 200);
    assert.ok(standIn.tokens.has('xoxb-for-T0NEW'));
    assert.equal(statSync(file).mode & 0o077, 0);
    assert.equal((await fetch(`${site()}/elsewhere`)).status, 404);
  });
}

test('two workspaces are told apart, also after a restart', async (t) => {
  const { standIn, core, site, restart } = await world(t, 'socket');
  for (const team of ['T0ONE', 'T0TWO']) await install(site(), team);
  await restart();
  const channel = standIn.channel().id;
  for (const team of ['T0ONE', 'T0TWO']) await sendCommand(standIn, 'a red fox', { channel, team });
  await standIn.until(() => standIn.visible(channel).length === 2);
  const tokens = standIn.calls.filter(({ method }) => method === 'chat.postMessage').map(({ args }) => args.token);
  assert.deepEqual(tokens.sort(), ['xoxb-for-T0ONE', 'xoxb-for-T0TWO']);
  assert.deepEqual(core.calls.map(({ caller }) => caller.payer).sort(), ['slack:team:T0ONE', 'slack:team:T0TWO']);
});

test('the bot serves many workspaces with the settings that the manual names', async (t) => {
  const standIn = await StandIn.start();
  t.after(() => standIn.close());
  const free = createServer().listen(0);
  await once(free, 'listening');
  const { port } = free.address() as AddressInfo;
  await new Promise((resolve) => free.close(resolve));
  const config = readConfig({
    ...{ WUERST_DATA: temporaryFolder(t), WUERST_WEB: 'off', SLACK_APP_TOKEN: APP_TOKEN, SLACK_PORT: String(port) },
    ...{ SLACK_CLIENT_ID: '1.2', SLACK_CLIENT_SECRET: 'client-secret', SLACK_STATE_SECRET: 'a-long-random-text' },
    ...{ SLACK_API_URL: standIn.apiUrl, SLACK_REDIRECT_URI: `http://127.0.0.1:${port}/slack/oauth_redirect` },
  });
  const engine = new URL('../../bot/slow-engine.ts', import.meta.url).href;
  const bot = await startBot(config, { engine, logger: pino({ level: 'silent' }), watchProcess: false });
  t.after(() => bot.stop());
  await install(`http://127.0.0.1:${port}`, 'T0ONE');
  const channel = standIn.channel().id;
  await sendCommand(standIn, 'a red fox', { channel, team: 'T0ONE' });
  await standIn.until(() => standIn.visible(channel).some((message) => standIn.shownPictures(message).length === 1));
});

test('a forged way back installs nothing', async (t) => {
  const { standIn, site, log } = await world(t, 'socket');
  const response = await install(site(), 'T0BAD', (state) => `${state}x`);
  assert.notEqual(response.status, 200);
  assert.ok(!standIn.tokens.has('xoxb-for-T0BAD'));
  assert.ok(!log.join('\n').includes('client-secret'));
});

test('what is finished after the app was removed comes when it is installed again', async (t) => {
  const { standIn, core, site } = await world(t, 'socket');
  await install(site(), 'T0ONE');
  const channel = standIn.channel().id;
  await sendCommand(standIn, 'a red fox', { channel, team: 'T0ONE' });
  await standIn.until(() => standIn.visible(channel).length === 1);
  const [job = ''] = core.jobsById.keys();
  standIn.tokens.delete('xoxb-for-T0ONE');
  await sendEvent(standIn, { type: 'app_uninstalled' }, { team: 'T0ONE' });
  core.finish(job);
  await sendCommand(standIn, 'another', { channel, team: 'T0ONE' });
  assert.equal(core.delivered.size, 0);
  await install(site(), 'T0ONE');
  await standIn.until(() => core.delivered.has(job));
  assert.equal(standIn.visible(channel).flatMap((message) => standIn.shownFiles(message)).length, 1);
});

test('a workspace that leaves takes nothing away from the rest of its organisation', async () => {
  const store = new Installations(join(mkdtempSync(join(tmpdir(), 'installations-')), 'slack.sqlite'));
  const bot = { token: 'xoxb-1', scopes: [], id: 'B1', userId: 'U1' };
  const enterprise = { id: 'E1' };
  const user = { id: 'U2', token: undefined, scopes: undefined };
  await store.storeInstallation({ team: { id: 'T1' }, enterprise, user, bot, isEnterpriseInstall: false });
  await store.storeInstallation({ team: undefined, enterprise, user, bot, isEnterpriseInstall: true });
  const one = { teamId: 'T1', enterpriseId: 'E1', isEnterpriseInstall: false };
  await store.deleteInstallation(one);
  assert.ok((await store.fetchInstallation({ ...one, teamId: 'T2' })).isEnterpriseInstall);
  await store.deleteInstallation({ teamId: undefined, enterpriseId: 'E1', isEnterpriseInstall: true });
  await assert.rejects(store.fetchInstallation(one), /not installed/);
  store.close();
});

test('organisations that installed the app as a whole are told apart where no workspace is named', async (t) => {
  const { standIn, core, file } = await world(t, 'socket');
  const store = new Installations(file);
  t.after(() => store.close());
  const channel = standIn.channel().id;
  for (const enterprise of ['E1', 'E2']) {
    const bot = { token: `xoxb-for-${enterprise}`, scopes: [], id: 'B1', userId: 'U1' };
    const user = { id: 'U2', token: undefined, scopes: undefined };
    const team = undefined;
    await store.storeInstallation({ team, enterprise: { id: enterprise }, user, bot, isEnterpriseInstall: true });
    standIn.tokens.set(bot.token, enterprise);
    const { team_id: _, ...body } = commandBody(standIn, 'a panda', { channel });
    const organisation = { enterprise_id: enterprise, is_enterprise_install: 'true' };
    await deliverCommand(standIn, { ...body, ...organisation }, { channel });
  }
  await standIn.until(() => core.calls.length === 2);
  assert.deepEqual(core.calls.map(({ caller }) => caller.guild).sort(), ['E1', 'E2']);
  assert.deepEqual(core.calls.map(({ caller }) => caller.payer).sort(), ['slack:team:E1', 'slack:team:E2']);
  assert.equal(new Set(core.calls.map(({ caller }) => caller.user)).size, 2);
});
