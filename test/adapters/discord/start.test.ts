import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createDiscordAdapter, fetchApplication } from '../../../src/adapters/discord/adapter.ts';
import { FakeCore } from '../fake-core.ts';
import { memoryLogger } from './setting.ts';
import { APPLICATION, StandIn, TOKEN } from './stand-in.ts';

async function world(t: TestContext, options: { token?: string; guildId?: string } = {}) {
  const standIn = await StandIn.start();
  t.after(() => standIn.close());
  const log: string[] = [];
  const { apiBase } = standIn;
  const start = async () => {
    const adapter = createDiscordAdapter({
      token: TOKEN,
      apiBase,
      logger: memoryLogger(log),
      connectWithin: 3000,
      ...options,
    });
    await adapter.start(new FakeCore());
    await adapter.stop(1000);
  };
  return { standIn, log, start };
}

for (const guildId of [undefined, '200000000000000001']) {
  test(`commands are registered once ${guildId ? 'for a guild' : 'globally'} and again only when changed`, async (t) => {
    const { standIn, start } = await world(t, guildId === undefined ? {} : { guildId });
    await start();
    await start();
    assert.equal(standIn.commandWrites, 1);
    assert.deepEqual(
      standIn.commands.map(({ name }) => name),
      [
        'wuerst',
        'wuerst-history',
        'wuerst-show',
        'wuerst-queue',
        'wuerst-cancel',
        'wuerst-settings',
        'wuerst-help',
        'Image parameters',
      ],
    );
    standIn.commands = standIn.commands.map((command) =>
      command.name === 'wuerst-help' ? { ...command, description: 'another version' } : command,
    );
    await start();
    assert.equal(standIn.commandWrites, 2);
    standIn.commands = standIn.commands.slice(1);
    await start();
    assert.equal(standIn.commandWrites, 3);
  });
}

test('no intent at all is asked for', async (t) => {
  const { standIn, start } = await world(t);
  await start();
  assert.deepEqual(standIn.gateway.intents, [0]);
});

test('a bad token is explained in a sentence, and is not in the log', async (t) => {
  const { log, start, standIn } = await world(t, { token: 'secret-but-wrong' });
  await assert.rejects(start(), { code: 'discord_bad_token', message: /DISCORD_TOKEN/ });
  await assert.rejects(fetchApplication({ token: 'secret-but-wrong', apiBase: standIn.apiBase }), {
    code: 'discord_bad_token',
  });
  assert.ok(!log.join('\n').includes('secret-but-wrong'));
});

for (const [close, code] of [
  [4004, 'discord_bad_token'],
  [4014, 'discord_intents'],
  [4011, 'discord_sharding'],
] as const) {
  test(`a gateway that closes with ${close} is explained as ${code}`, async (t) => {
    const { standIn, start } = await world(t);
    standIn.gateway.refuse.push(close);
    await assert.rejects(start(), { code });
  });
}

test('a guild without access names the invitation', async (t) => {
  const { standIn, start } = await world(t, { guildId: '200000000000000001' });
  standIn.guildAccess = false;
  await assert.rejects(start(), { code: 'discord_no_guild_access', hint: new RegExp(`client_id=${APPLICATION}`) });
});

test('a server that is not there is explained', async (t) => {
  const { standIn, start } = await world(t);
  await standIn.close();
  await assert.rejects(start(), { code: 'discord_unreachable', hint: /DISCORD_API_BASE/ });
});

test('who the application is can be asked for with the token alone', async (t) => {
  const { standIn } = await world(t);
  assert.equal((await fetchApplication({ token: TOKEN, apiBase: standIn.apiBase })).id, APPLICATION);
});
