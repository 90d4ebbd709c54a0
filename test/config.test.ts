import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { readConfig, VARIABLES } from '../src/config.ts';
import { loadDotEnv } from '../src/system/dot-env.ts';
import { OperatorError } from '../src/system/errors.ts';
import { createLogger } from '../src/system/logging.ts';

function mistakesOf(env: Record<string, string>): string {
  try {
    readConfig(env);
  } catch (error) {
    assert.ok(error instanceof OperatorError);
    return error.message;
  }
  return '';
}

test('without any setting it is the whole product on this machine alone', () => {
  const { web, discord, slack, provider, model, keepMs, keepBytes, residency, warmUp, data } = readConfig({});
  assert.deepEqual(web, {
    ...{ host: '127.0.0.1', port: 3210, ageRestrictedRooms: [], webhookPrivate: false },
    hostnames: new Set(['localhost', '127.0.0.1', '::1']),
  });
  assert.deepEqual([discord, slack, provider, residency, warmUp], [undefined, undefined, 'auto', 'auto', 'auto']);
  assert.match(model, /cocktail$/);
  assert.equal(data, resolve('wuerst-data'));
  assert.deepEqual([keepMs, keepBytes], [undefined, undefined]);
});

test('settings are read, tokens say which platforms are served', () => {
  const config = readConfig({
    ...{ WUERST_DATA: '/srv/w', WUERST_WEB_PORT: '0', WUERST_KEEP_BYTES: '1.5 GB', WUERST_KEEP_DAYS: '30' },
    ...{ WUERST_WEB_HOST: '0.0.0.0', WUERST_WEB_TOKEN: 'correct horse battery', WUERST_WEB_ADULT_ROOMS: 'a, b' },
    ...{ DISCORD_TOKEN: 'd-token', DISCORD_GUILD_ID: '123456', DISCORD_API_BASE: 'http://127.0.0.1:3100/api' },
    ...{ SLACK_BOT_TOKEN: 'xoxb-1', SLACK_APP_TOKEN: 'xapp-1', SLACK_SIGNING_SECRET: '' },
    ...{ WUERST_RESIDENCY: 'stage', WUERST_WARM_UP: '1024x1024, 1024X1536' },
  });
  assert.equal(config.residency, 'stage');
  assert.deepEqual(config.warmUp, [
    { width: 1024, height: 1024 },
    { width: 1024, height: 1536 },
  ]);
  assert.deepEqual(readConfig({ WUERST_WARM_UP: 'off' }).warmUp, []);
  assert.equal(readConfig({ WUERST_THREADS: '3' }).threads, 3);
  assert.match(mistakesOf({ WUERST_THREADS: '0' }), /WUERST_THREADS: expected 1 to 256, got "0"/);
  assert.deepEqual(
    [undefined, 'off', 'Auto', '4'].map((typed) => readConfig({ WUERST_BATCH: typed }).batch),
    ['auto', 'off', 'auto', 4],
  );
  for (const typed of ['0', 'many', '65', '1.5'])
    assert.match(mistakesOf({ WUERST_BATCH: typed }), /from 1 to 64, off, or auto/);
  assert.match(mistakesOf({ WUERST_WARM_UP: '1024' }), /WUERST_WARM_UP: expected sizes such as 1024x1024/);
  assert.deepEqual([config.keepMs, config.keepBytes], [30 * 86_400_000, 1.5e9]);
  assert.deepEqual(config.web?.ageRestrictedRooms, ['a', 'b']);
  assert.equal(config.discord?.guildId, '123456');
  assert.deepEqual(config.slack, {
    ...{ botToken: 'xoxb-1', transport: { kind: 'socket', appToken: 'xapp-1' } },
    ...{ apiUrl: 'https://slack.com/api/', port: 3000 },
  });
  assert.deepEqual(config.secrets.toSorted(), ['correct horse battery', 'd-token', 'xapp-1', 'xoxb-1']);
  assert.equal(readConfig({ WUERST_WEB: 'off', DISCORD_TOKEN: 'd-token' }).web, undefined);
});

test('one GPU, several or all of them may be named, and several processes', () => {
  const named = (text: string) => readConfig({ WUERST_DEVICE: text }).devices;
  assert.deepEqual(named(''), undefined);
  assert.deepEqual(named('3'), [3]);
  assert.deepEqual(named('0, 2,1'), [0, 2, 1]);
  assert.equal(named('Auto'), 'auto');
  for (const wrong of ['0,,1', '-1', '256', '1.5', 'gpu0', '0;1']) {
    assert.match(
      mistakesOf({ WUERST_DEVICE: wrong }),
      /WUERST_DEVICE: expected numbers of GPUs from 0 to 255 such as 0,1,2/,
    );
  }
  assert.match(mistakesOf({ WUERST_DEVICE: '1,1' }), /WUERST_DEVICE: expected each GPU once/);
  assert.equal(readConfig({}).processes, 1);
  assert.equal(readConfig({ WUERST_PROCESSES: '4' }).processes, 4);
  assert.match(mistakesOf({ WUERST_PROCESSES: '65' }), /WUERST_PROCESSES: expected 0 to 64, got "65"/);
  assert.match(mistakesOf({ WUERST_PROCESSES: '0' }), /WUERST_PROCESSES is 0, and WUERST_REDIS is not set/);
  assert.equal(readConfig({ WUERST_PROCESSES: '0', WUERST_REDIS: 'redis://localhost' }).processes, 0);
});

test('all mistakes are listed at once, and none of them shows a secret', () => {
  const message = mistakesOf({
    ...{ WUERST_WEB_PORT: '99999', WUERST_PROVIDER: 'gpu', WUERST_KEEP_BYTES: 'much', WUERST_WEB_HOST: '0.0.0.0' },
    ...{ WUERST_WEB_ADMIN_TOKEN: 'short-secret', DISCORD_GUILD_ID: 'x', SLACK_BOT_TOKEN: 'hunter2', WUERST_DAT: 'x' },
    SLACK_API_URL: 'ftp://x',
  });
  for (const part of [
    'WUERST_WEB_PORT: expected a port from 0 to 65535, got "99999"',
    'WUERST_PROVIDER: expected auto, cpu, webgpu, cuda, got "gpu"',
    'WUERST_KEEP_BYTES: expected a size such as 20GB, got "much"',
    'WUERST_WEB_ADMIN_TOKEN: expected at least 16 characters',
    'DISCORD_GUILD_ID: expected the id of a server: digits, got "x"',
    'SLACK_BOT_TOKEN: expected a bot token, which starts with "xoxb-"',
    'SLACK_API_URL: expected an http(s) address, got "ftp://x"',
    'WUERST_DAT is no setting; did you mean WUERST_DATA?',
    'WUERST_WEB_HOST is 0.0.0.0, which others can reach: set WUERST_WEB_TOKEN',
  ]) {
    assert.ok(message.includes(part), `${part}\nin\n${message}`);
  }
  assert.doesNotMatch(message, /short-secret|hunter2/);
});

test('settings that do not go together are mistakes', () => {
  const token = 'a token of 16 or more';
  assert.match(mistakesOf({ WUERST_WEB_ADMIN_TOKEN: token }), /needs WUERST_WEB_TOKEN/);
  assert.match(mistakesOf({ WUERST_WEB_ADMIN_TOKEN: token, WUERST_WEB_TOKEN: token }), /are the same/);
  assert.match(mistakesOf({ SLACK_BOT_TOKEN: 'xoxb-1' }), /needs SLACK_APP_TOKEN/);
  assert.match(mistakesOf({ SLACK_APP_TOKEN: 'xapp-1' }), /of no use without SLACK_BOT_TOKEN/);
  assert.match(mistakesOf({ SLACK_CLIENT_ID: '1.2', SLACK_APP_TOKEN: 'xapp-1' }), /set SLACK_CLIENT_SECRET and SLACK_/);
  assert.match(mistakesOf({ ...INSTALLED, SLACK_BOT_TOKEN: 'xoxb-1' }), /unset SLACK_BOT_TOKEN/);
  assert.match(mistakesOf({ ...INSTALLED, SLACK_APP_TOKEN: '' }), /SLACK_CLIENT_ID needs SLACK_APP_TOKEN/);
  assert.match(
    mistakesOf({ ...INSTALLED, SLACK_REDIRECT_URI: 'https://a.example' }),
    /ends in \/slack\/oauth_redirect/,
  );
  assert.match(mistakesOf({ WUERST_WEB: 'off' }), /nobody could ask/);
});

const INSTALLED = {
  ...{ SLACK_CLIENT_ID: '1.2', SLACK_CLIENT_SECRET: 'client', SLACK_STATE_SECRET: 'a-long-random-text' },
  ...{ SLACK_APP_TOKEN: 'xapp-1', SLACK_REDIRECT_URI: 'https://a.example/slack/oauth_redirect' },
};

test('many workspaces of Slack are served by what the app is installed with', () => {
  const { slack, secrets } = readConfig(INSTALLED);
  assert.equal(slack?.botToken, undefined);
  assert.deepEqual(slack?.oauth, {
    ...{ clientId: '1.2', clientSecret: 'client', stateSecret: 'a-long-random-text' },
    redirectUri: 'https://a.example/slack/oauth_redirect',
  });
  assert.deepEqual(secrets.toSorted(), ['a-long-random-text', 'client', 'xapp-1']);
});

test('.env adds to the environment and never overrides it; a missing one is fine', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wuerst-env-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  loadDotEnv(folder);
  const [set, unset] = ['WUERST_TEST_ENV_SET', 'WUERST_TEST_ENV_UNSET'];
  process.env[set] = 'kept';
  t.after(() => {
    delete process.env[set];
    delete process.env[unset];
  });
  writeFileSync(join(folder, '.env'), `# comment\n${set}=lost\n${unset}="from file"\n`);
  loadDotEnv(folder);
  assert.deepEqual([process.env[set], process.env[unset]], ['kept', 'from file']);
});

test('the address of Redis is checked, and its password is none of what a log shows', () => {
  const { workers, secrets } = readConfig({ WUERST_REDIS: 'rediss://ann:gro%2Fss@cache.example' });
  assert.equal(workers?.redis.shown, 'cache.example:6379');
  assert.ok(secrets.includes('gro/ss'));
  const mistakes = mistakesOf({ WUERST_REDIS: 'redis://ann:geheim@cache.example' });
  assert.match(mistakes, /WUERST_REDIS is a plain redis:\/\/ address of another machine.*WUERST_PLAIN_HOSTS/);
  assert.doesNotMatch(mistakes, /geheim/);
  assert.equal(
    readConfig({ WUERST_REDIS: 'redis://valkey', WUERST_PLAIN_HOSTS: 'bot, valkey' }).workers?.redis.shown,
    'valkey:6379',
  );
});

test('every setting has a line of help, and secrets are no options', () => {
  assert.ok(VARIABLES.length >= 20);
  for (const { name, option, help, otherwise } of VARIABLES) {
    assert.ok(help.length > 0 && otherwise.length > 0 && !help.includes('\n'), name);
    assert.equal(option === undefined, /TOKEN|SECRET|REDIS/.test(name), name);
  }
});

test('no line of the log shows a secret, wherever it stands in it', () => {
  const lines: string[] = [];
  const secret = 'sec"ret\\value-123';
  const logger = createLogger({
    level: 'info',
    secrets: [secret, ''],
    destination: { write: (line) => void lines.push(line) },
  });
  logger.info({ token: 'other-token', headers: { authorization: 'Bearer zzz' } }, 'hello');
  logger.error({ err: new Error(`failed with ${secret}`), url: `https://x/${secret}/y` }, `oh ${secret}`);
  assert.equal(lines.length, 2);
  assert.doesNotMatch(lines.join(''), /other-token|Bearer zzz|ret\\\\value|sec\\"ret/);
  assert.match(lines[1] ?? '', /failed with …/);
});

test('no line of the log steers the terminal that shows it, and each is the JSON that was meant', () => {
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', secrets: [], destination: { write: (line) => void lines.push(line) } });
  const prompt = 'a \u001b[2J panda \u009b31m on\u202egreen\u0007';
  logger.info({ prompt, err: new Error(prompt) }, prompt);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may come through
  assert.doesNotMatch((lines[0] ?? '').trimEnd(), /[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
  assert.equal(JSON.parse(lines[0] ?? '').prompt, prompt);
});
