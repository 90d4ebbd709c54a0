import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createSlackAdapter } from '../../../src/adapters/slack/adapter.ts';
import type { SlackAdapterOptions } from '../../../src/adapters/slack/options.ts';
import { UserError } from '../../../src/system/errors.ts';
import { FakeCore } from '../fake-core.ts';
import { clickBody, commandBody, eventBody } from './payloads.ts';
import { memoryLogger } from './setting.ts';
import { BOT_TOKEN, SIGNING_SECRET, StandIn, TEAM } from './stand-in.ts';
import { isRecord, type Json } from './strict.ts';

const FORM_TYPE = 'application/x-www-form-urlencoded';

/** The adapter behind its HTTP address. */
export async function served(t: TestContext, options: Partial<SlackAdapterOptions> = {}) {
  const standIn = await StandIn.start();
  const core = new FakeCore();
  const log: string[] = [];
  const adapter = createSlackAdapter({
    botToken: BOT_TOKEN,
    transport: { kind: 'http', signingSecret: SIGNING_SECRET },
    apiUrl: standIn.apiUrl,
    port: 0,
    logger: memoryLogger(log),
    ...options,
  });
  await adapter.start(core);
  t.after(async () => {
    await adapter.stop(1000);
    await standIn.close();
  });
  const port = log.map((line) => /"port":(\d+)/.exec(line)?.[1]).find((found) => found !== undefined);
  const url = `http://127.0.0.1:${port}/slack/events`;
  const channel = standIn.channel().id;
  const form = (fields: Json) => {
    const pairs = Object.entries(fields).map(([name, value]): [string, string] => [name, String(value)]);
    return new URLSearchParams(pairs).toString();
  };
  return { standIn, core, log, url, channel, form };
}

test('signed commands are answered in the response itself, unsigned ones are not even read', async (t) => {
  const { standIn, core, url, channel, form } = await served(t);
  const body = form(commandBody(standIn, 'a red fox', { channel }));
  const forged = standIn.signed(body, FORM_TYPE);
  const wrong = await fetch(url, { ...forged, body: body.replace('red', 'bad') });
  assert.equal(wrong.status, 401);
  const unsigned = await fetch(url, { method: 'POST', body, headers: { 'content-type': FORM_TYPE } });
  assert.equal(unsigned.status, 401);
  assert.equal(core.calls.length, 0);

  const response = await fetch(url, standIn.signed(body, FORM_TYPE));
  assert.deepEqual([response.status, await response.text()], [200, '']);
  await standIn.until(() => standIn.visible(channel).length === 1);

  core.onCommand = () => {
    throw new UserError('bad', 'width:9 is too small', { hint: 'Try width:512' });
  };
  const other = form(commandBody(standIn, 'width:9', { channel }));
  const answer: unknown = await (await fetch(url, standIn.signed(other, FORM_TYPE))).json();
  assert.ok(isRecord(answer));
  assert.deepEqual([answer.response_type, answer.text], ['ephemeral', 'width:9 is too small\nTry width:512']);
});

test('requests that Slack repeats make no second job', async (t) => {
  const { standIn, core, url, channel, form } = await served(t);
  const body = form(commandBody(standIn, 'a red fox', { channel }));
  for (let retry = 0; retry < 3; retry++) await fetch(url, standIn.signed(body, FORM_TYPE, retry));
  const event = { type: 'app_mention', text: 'a hen', channel, user: 'U0ANN', ts: '1.1' };
  const said = JSON.stringify(eventBody(event, TEAM, 'Ev1'));
  for (let retry = 0; retry < 3; retry++) await fetch(url, standIn.signed(said, 'application/json', retry));
  await standIn.until(() => standIn.visible(channel).length === 2);
  assert.equal(core.jobsById.size, 2);
});

test('clicks come in over HTTP too', async (t) => {
  const { standIn, core, url, channel } = await served(t);
  const message = {
    ts: '1.2',
    channel,
    thread: null,
    only: null,
    job: null,
    createdAt: 0,
    text: '',
    blocks: [],
    deleted: false,
    updates: [],
  };
  const body = clickBody(standIn, { action_id: 'wuerst-act:reroll:j1', value: 'reroll:j1' }, message, { channel });
  const payload = new URLSearchParams({ payload: JSON.stringify(body) }).toString();
  const response = await fetch(url, standIn.signed(payload, FORM_TYPE));
  assert.equal(response.status, 200);
  await standIn.until(() => standIn.visible(channel).length === 1);
  assert.equal(core.acts[0]?.action, 'reroll:j1');
});

test("Slack's check of the address is answered", async (t) => {
  const { standIn, url } = await served(t);
  const body = JSON.stringify({ type: 'url_verification', challenge: 'abc', token: 'x' });
  const answer: unknown = await (await fetch(url, standIn.signed(body, 'application/json'))).json();
  assert.deepEqual(answer, { challenge: 'abc' });
});
