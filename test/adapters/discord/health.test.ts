import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createDiscordAdapter } from '../../../src/adapters/discord/adapter.ts';
import { ManualClock } from '../../manual-clock.ts';
import { FakeCore } from '../fake-core.ts';
import { sendCommand } from './payloads.ts';
import { memoryLogger } from './setting.ts';
import { StandIn, TOKEN } from './stand-in.ts';

async function world(t: TestContext) {
  const clock = new ManualClock();
  const standIn = await StandIn.start(() => clock.now());
  const core = new FakeCore({ now: () => clock.now() });
  const log: string[] = [];
  const logger = memoryLogger(log);
  const adapter = createDiscordAdapter({ token: TOKEN, apiBase: standIn.apiBase, logger, clock });
  const told: (string | undefined)[] = [];
  await adapter.start(core, () => told.push(adapter.trouble?.error.code));
  t.after(async () => {
    const stopped = adapter.stop(1000);
    clock.advance(2000);
    await stopped;
    await standIn.close();
  });
  const pass = async (condition: () => boolean) => {
    for (let steps = 0; !condition(); steps++) {
      if (steps > 2000) throw new Error(`never happened: ${condition}\n${log.slice(-8).join('\n')}`);
      clock.advance(250);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  return { standIn, core, adapter, clock, told, log, pass };
}

for (const [close, code] of [
  [4004, 'discord_bad_token'],
  [4014, 'discord_intents'],
  [4011, 'discord_sharding'],
  [4012, 'discord_gateway_closed'],
] as const) {
  test(`a gateway that closes a connection with ${close} is named, and connected to again`, async (t) => {
    const { standIn, core, adapter, told, pass } = await world(t);
    standIn.gateway.end(close);
    await standIn.until(() => adapter.trouble !== undefined);
    assert.equal(adapter.trouble?.error.code, code);
    assert.equal(adapter.trouble?.isLasting, false);
    await pass(() => adapter.trouble === undefined);
    assert.deepEqual(told, [code, undefined]);
    sendCommand(standIn, 'wuerst', { prompt: 'a fox' }, { channel: standIn.channel().id });
    await standIn.until(() => core.calls.length === 1);
  });
}

test('a revoked token is known to last after one more try, and a token that is accepted again works again', async (t) => {
  const { standIn, core, adapter, pass, log } = await world(t);
  standIn.botToken = 'another token';
  standIn.gateway.end(4004);
  await pass(() => adapter.trouble?.isLasting === true);
  assert.match(adapter.trouble?.error.message ?? '', /does not accept the bot token in DISCORD_TOKEN\./);
  standIn.botToken = TOKEN;
  await pass(() => adapter.trouble === undefined);
  sendCommand(standIn, 'wuerst', { prompt: 'a fox' }, { channel: standIn.channel().id });
  await standIn.until(() => core.messages.size === 1);
  assert.ok(!log.join('\n').includes(TOKEN));
});

test('a token that is refused by calls alone is tried again, and what waited for it is shown', async (t) => {
  const { standIn, core, adapter, clock, pass } = await world(t);
  const channel = standIn.channel().id;
  sendCommand(standIn, 'wuerst', { prompt: 'a fox' }, { channel });
  await standIn.until(() => core.messages.size === 1);
  const [job = ''] = core.jobsById.keys();
  // From now on only the bot's own token reaches the message.
  clock.advance(20 * 60_000);
  standIn.botToken = 'another token';
  core.finish(job);
  await pass(() => adapter.trouble?.isLasting === true);
  assert.equal(adapter.trouble?.error.code, 'discord_bad_token');
  standIn.botToken = TOKEN;
  await pass(() => adapter.trouble === undefined);
  await pass(() => core.delivered.has(job));
  assert.equal(standIn.visible(channel)[0]?.attachments.length, 1);
});

test('while the connection is lost Discord is not ready, and when it is back it is', async (t) => {
  const { standIn, adapter, pass } = await world(t);
  standIn.gateway.disconnect();
  await standIn.until(() => adapter.trouble !== undefined);
  assert.equal(adapter.trouble?.error.code, 'discord_gateway_lost');
  await pass(() => adapter.trouble === undefined);
});
