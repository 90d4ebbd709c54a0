import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createSlackAdapter } from '../../../src/adapters/slack/adapter.ts';
import { ManualClock } from '../../manual-clock.ts';
import { FakeCore } from '../fake-core.ts';
import { memoryLogger, passTime } from './setting.ts';
import { APP_TOKEN, BOT_TOKEN, StandIn, TEAM } from './stand-in.ts';

async function world(t: TestContext) {
  const clock = new ManualClock();
  const standIn = await StandIn.start(() => clock.now());
  const log: string[] = [];
  const adapter = createSlackAdapter({
    botToken: BOT_TOKEN,
    transport: { kind: 'socket', appToken: APP_TOKEN },
    port: 0,
    apiUrl: standIn.apiUrl,
    logger: memoryLogger(log),
    clock,
  });
  await adapter.start(new FakeCore({ now: () => clock.now() }));
  t.after(async () => {
    const stopped = adapter.stop(1000);
    const ticks = setInterval(() => clock.advance(500), 5);
    await stopped;
    clearInterval(ticks);
    await standIn.close();
  });
  const pass = (condition: () => boolean, stepMs?: number) =>
    passTime(clock, condition, { log, ...(stepMs === undefined ? {} : { stepMs }) });
  return { standIn, adapter, log, clock, pass };
}

for (const [reason, code] of [
  ['too_many_websockets', 'slack_too_many_sockets'],
  ['link_disabled', 'slack_socket_off'],
] as const) {
  test(`connections that Slack greets and ends with "${reason}" are made less and less often, and the reason is logged`, async (t) => {
    const { standIn, adapter, log, clock, pass } = await world(t);
    const { socket } = standIn;
    socket.refusal = reason;
    socket.cut();
    await standIn.until(() => adapter.trouble !== undefined);
    const from = clock.monotonic();
    const before = socket.connections;
    await pass(() => clock.monotonic() - from >= 3000, 100);
    assert.ok(socket.connections - before <= 6, `${socket.connections - before} connections in 3 s`);
    await pass(() => clock.monotonic() - from >= 600_000, 1000);
    assert.ok(socket.connections - before <= 40, `${socket.connections - before} connections in 10 min`);
    assert.equal(adapter.trouble?.error.code, code);
    assert.equal(adapter.trouble?.isLasting, reason === 'link_disabled');
    assert.ok(log.some((line) => line.includes(`"reason":"${reason}"`)));
    socket.refusal = null;
    await pass(() => adapter.trouble === undefined && socket.open.length === 2, 1000);
  });
}

test('a revoked bot token is noticed while nobody uses the bot, and a new try finds it accepted again', async (t) => {
  const { standIn, adapter, pass } = await world(t);
  standIn.tokens.delete(BOT_TOKEN);
  await pass(() => adapter.trouble !== undefined, 5000);
  assert.equal(adapter.trouble?.error.code, 'slack_bot_token');
  assert.match(adapter.trouble?.error.message ?? '', /does not accept the token in SLACK_BOT_TOKEN/);
  await pass(() => adapter.trouble?.isLasting === true);
  standIn.tokens.set(BOT_TOKEN, TEAM);
  await pass(() => adapter.trouble === undefined, 5000);
});

test('a revoked app token ends being heard, and is named', async (t) => {
  const { standIn, adapter, pass } = await world(t);
  const fault = { method: 'apps.connections.open', how: { error: 'invalid_auth' }, times: Number.POSITIVE_INFINITY };
  standIn.faults.push(fault);
  standIn.socket.cut();
  await pass(() => adapter.trouble?.isLasting === true);
  assert.match(adapter.trouble?.error.message ?? '', /SLACK_APP_TOKEN \(invalid_auth\)/);
  standIn.faults.length = 0;
  await pass(() => adapter.trouble === undefined, 1000);
});
