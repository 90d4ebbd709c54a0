import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { installCuda } from '../../src/cli/install-cuda.ts';
import { temporaryFolder } from '../pipeline/temporary-folder.ts';
import { refusingProxy } from '../system/closed-networks.ts';

const LINUX = { platform: 'linux-x64' } as const;

test('the script of the library is told to fetch CUDA, whatever npm was told', async (t) => {
  const folder = await temporaryFolder(t);
  const script = join(folder, 'install.cjs');
  writeFileSync(
    script,
    `const { writeFileSync } = require('node:fs');
const { ONNXRUNTIME_NODE_INSTALL, GLOBAL_AGENT_HTTPS_PROXY } = process.env;
writeFileSync(${JSON.stringify(join(folder, 'heard.json'))}, JSON.stringify({ ONNXRUNTIME_NODE_INSTALL, GLOBAL_AGENT_HTTPS_PROXY }));
writeFileSync(${JSON.stringify(join(folder, 'libonnxruntime_providers_cuda.so'))}, '');
console.log('Downloading');`,
  );
  let said = '';
  const env = { npm_config_onnxruntime_node_install: 'skip', HTTPS_PROXY: 'http://127.0.0.1:3128' };
  const say = (text: string) => {
    said += text;
  };
  assert.equal(await installCuda({ ...LINUX, script, folder, env, say }), folder);
  assert.equal(said, 'Downloading\n');
  assert.deepEqual(JSON.parse(readFileSync(join(folder, 'heard.json'), 'utf8')), {
    ONNXRUNTIME_NODE_INSTALL: 'cuda12',
    GLOBAL_AGENT_HTTPS_PROXY: 'http://127.0.0.1:3128',
  });
});

test('the script gets what it needs of the environment, and no secret', async (t) => {
  const folder = await temporaryFolder(t);
  const script = join(folder, 'install.cjs');
  const library = JSON.stringify(join(folder, 'libonnxruntime_providers_cuda.so'));
  writeFileSync(
    script,
    `require('node:fs').writeFileSync(${library}, ''); console.log(JSON.stringify(process.env) + '\\u001b[2J');`,
  );
  const secrets = { DISCORD_TOKEN: 'd', SLACK_BOT_TOKEN: 's', WUERST_WEB_TOKEN: 'w', HF_TOKEN: 'h', AWS_SESSION: 'a' };
  const needed = { PATH: '/bin', HOME: '/root', NODE_EXTRA_CA_CERTS: '', GLOBAL_AGENT_NO_PROXY: 'x' };
  let said = '';
  const say = (text: string) => {
    said += text;
  };
  await installCuda({ ...LINUX, script, folder, env: { ...secrets, ...needed }, say });
  assert.deepEqual(JSON.parse(said), { ...needed, ONNXRUNTIME_NODE_INSTALL: 'cuda12' });
});

test('a network that is not there is told in one sentence', {
  skip: process.platform !== 'linux' || process.arch !== 'x64',
}, async (t) => {
  // The library's own script; nobody listens at the discard port.
  const folder = await temporaryFolder(t);
  await assert.rejects(installCuda({ folder, env: { PATH: process.env.PATH, HTTPS_PROXY: 'http://127.0.0.1:9' } }), {
    name: 'OperatorError',
    code: 'cuda_install_failed',
    message: 'The CUDA files of onnxruntime could not be fetched: connect ECONNREFUSED 127.0.0.1:9.',
    hint: /api\.nuget\.org, through HTTPS_PROXY/,
  });
});

for (const [status, advice] of [
  [407, /^The proxy wants .*HTTPS_PROXY=http:\/\/user:password@127\.0\.0\.1:\d+ /],
  [403, /^Have the proxy allow api\.nuget\.org, /],
] as const) {
  test(`a proxy that refuses with ${status} is named with what helps`, {
    skip: process.platform !== 'linux' || process.arch !== 'x64',
  }, async (t) => {
    const proxy = await refusingProxy(t, status);
    const env = { PATH: process.env.PATH, https_proxy: `http://me:password@${proxy.host}` };
    await assert.rejects(installCuda({ folder: await temporaryFolder(t), env }), {
      code: 'cuda_install_failed',
      message: new RegExp(`'api\\.nuget\\.org:443' \\(HTTP/1\\.1 ${status} Refused\\)\\.$`),
      hint: advice,
    });
    assert.equal(proxy.asked.length, 1);
  });
}

for (const [what, ending, advice] of [
  ['a certificate', "Error: self-signed certificate\n  code: 'SELF_SIGNED_CERT_IN_CHAIN'\n", /NODE_EXTRA_CA_CERTS=/],
  [
    'a firewall',
    'Error: Failed to download Nuget index from https://api.nuget.org/v3/index.json',
    /let wuerst reach api/,
  ],
  ['a portal', 'Error: Failed to download build list. HTTP status code = 511', /sign in to the network/],
] as const) {
  test(`the script's report of ${what} is read`, async (t) => {
    const folder = await temporaryFolder(t);
    const script = join(folder, 'install.cjs');
    writeFileSync(script, `process.stderr.write(${JSON.stringify(ending)}); process.exitCode = 1;`);
    await assert.rejects(installCuda({ ...LINUX, script, folder, env: {} }), {
      code: 'cuda_install_failed',
      hint: advice,
    });
  });
}

test('a script that does nothing is not taken for success', async (t) => {
  const folder = await temporaryFolder(t);
  const script = join(folder, 'install.cjs');
  writeFileSync(script, '');
  await assert.rejects(installCuda({ ...LINUX, script, folder }), {
    code: 'cuda_install_failed',
    message: new RegExp(`libonnxruntime_providers_cuda\\.so is not in ${folder}\\.$`),
  });
});

test('a platform that has no CUDA files says which one has', async () => {
  await assert.rejects(installCuda({ platform: 'darwin-arm64' }), {
    name: 'UserError',
    code: 'cuda_platform',
    message: /for linux-x64 only, and this is darwin-arm64\.$/,
  });
});
