import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createDiscordAdapter, fetchApplication } from '../../../src/adapters/discord/adapter.ts';
import { KEYS } from '../../../src/bot/command/keys.ts';
import { DEFAULT_LIMITS } from '../../../src/bot/request-limits.ts';
import { FakeCore } from '../fake-core.ts';
import { memoryLogger } from './setting.ts';
import { APPLICATION, StandIn, TOKEN } from './stand-in.ts';

interface Option {
  readonly name: string;
  readonly min_value?: number;
  readonly max_value?: number;
  readonly name_localizations?: { readonly de?: string };
  readonly description_localizations?: { readonly de?: string };
}

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
        'wuerst-favourites',
        'wuerst-show',
        'wuerst-queue',
        'wuerst-cancel',
        'wuerst-settings',
        'wuerst-presets',
        'wuerst-wildcards',
        'wuerst-defaults',
        'wuerst-help',
        'wuerst-loras',
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

test('numbers have the bounds of the core, and every name and description a German one', async (t) => {
  const { standIn, start } = await world(t);
  await start();
  const [wuerst, ...others] = standIn.commands;
  const options = wuerst?.options as Option[];
  const bounds = options.flatMap(({ name, min_value, max_value }) =>
    max_value === undefined ? [] : [[name, min_value, max_value]],
  );
  const { minSide, maxSide, maxSteps, maxGuidance, maxImages } = DEFAULT_LIMITS;
  assert.deepEqual(bounds, [
    ['width', minSide, maxSide],
    ['height', minSide, maxSide],
    ['images', 1, maxImages],
    ['steps', 1, maxSteps],
    ['decoder-steps', 1, maxSteps],
    ['guidance', 0, maxGuidance],
    ['decoder-guidance', 0, maxGuidance],
    ['strength', 0, 1],
  ]);
  assert.deepEqual(
    options.map(({ name }) => name).sort(),
    [
      ...['prompt', 'images', 'image', 'image-2', 'image-3', 'mask'],
      ...KEYS.map(({ name }) => name).filter((name) => name !== 'n'),
    ].sort(),
  );
  for (const { name, name_localizations, description_localizations } of options) {
    assert.ok(name_localizations?.de && description_localizations?.de, name);
  }
  for (const { name, type, name_localizations, description_localizations } of others) {
    assert.ok(type === 3 ? name_localizations : description_localizations, String(name));
  }
});

test('an app for servers alone registers nothing for accounts, and the other way round', async (t) => {
  const { standIn, start } = await world(t);
  standIn.installations = { 1: {} };
  await start();
  assert.ok(standIn.commands.every(({ integration_types }) => JSON.stringify(integration_types) === '[1]'));
  assert.ok(
    standIn.commands.every(({ name }) => name !== 'wuerst-settings'),
    'a person has no server to rule',
  );
  standIn.installations = { 0: {} };
  await start();
  assert.ok(standIn.commands.every(({ integration_types }) => JSON.stringify(integration_types) === '[0]'));
  assert.equal(standIn.commands.length, 13);
});
