import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { type Destination, isPassing, networkFailure, strangeAnswer } from '../../src/system/network-failure.ts';
import { temporaryFolder } from '../pipeline/temporary-folder.ts';
import { running } from '../program.ts';
import { closedPort, distrustedServer } from './closed-networks.ts';

const CHILD = new URL('./fetch-child.ts', import.meta.url);
const TO: Destination = { host: 'example.org' };

/** Fetches in a process that trusts the server's certificate as an authority. */
async function fetchTrusting(t: TestContext, certificate: Parameters<typeof distrustedServer>[1]): Promise<unknown> {
  const { host, cert } = await distrustedServer(t, certificate);
  const file = join(await temporaryFolder(t), 'authority.pem');
  await writeFile(file, cert);
  const env = { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: file };
  const { stdout } = await promisify(execFile)(process.execPath, [...running(CHILD), `https://${host}`], {
    env,
  });
  return JSON.parse(stdout);
}

test('NODE_EXTRA_CA_CERTS, which is advised for certificates that are not trusted, helps', async (t) => {
  assert.equal(await fetchTrusting(t, {}), 200);
});

for (const [what, certificate, code, advice] of [
  ['has expired', { days: [3, -1] }, 'CERT_HAS_EXPIRED', /clock/],
  ['is not valid yet', { days: [-1, 3] }, 'CERT_NOT_YET_VALID', /clock/],
  ['is for another address', { address: '127.0.0.9' }, 'ERR_TLS_CERT_ALTNAME_INVALID', /sign in/],
] as const) {
  test(`a trusted certificate that ${what} is permanent, and NODE_EXTRA_CA_CERTS is not advised`, async (t) => {
    const failure = (await fetchTrusting(t, certificate)) as ReturnType<typeof networkFailure>;
    assert.equal(failure?.permanent, true);
    assert.match(failure?.reason ?? '', new RegExp(`, ${code}$`));
    assert.match(failure?.hint ?? '', advice);
    assert.doesNotMatch(failure?.hint ?? '', /NODE_EXTRA/);
  });
}

for (const [code, permanent, answered] of [
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', true, true],
  ['SELF_SIGNED_CERT_IN_CHAIN', true, true],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', true, true],
  ['CERT_SIGNATURE_FAILURE', true, true],
  ['CERT_REVOKED', true, true],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', true, false],
  ['ENOTFOUND', true, false],
  ['ECONNREFUSED', true, false],
  ['EAI_AGAIN', false, false],
  ['ETIMEDOUT', false, false],
  ['ECONNRESET', false, false],
  ['UND_ERR_CONNECT_TIMEOUT', false, false],
  ['UND_ERR_SOCKET', false, false],
  ['ENETUNREACH', false, false],
] as const) {
  test(`${code} is ${permanent ? 'permanent' : 'passing'} at first, ${answered ? 'permanent' : 'passing'} later`, () => {
    const error = new TypeError('fetch failed', { cause: Object.assign(new Error('inner'), { code }) });
    const first = networkFailure(error, TO);
    assert.equal(first?.permanent, permanent);
    assert.ok(first.reason.endsWith(`, ${code}`));
    assert.ok(first.hint.length > 0);
    assert.equal(networkFailure(error, { ...TO, answered: true })?.permanent, answered);
  });
}

test('errors of the program and of the disk are no failures of a network', () => {
  for (const code of ['ENOENT', 'ENOSPC', 'EACCES', 'ERR_INVALID_ARG_TYPE']) {
    assert.equal(networkFailure(Object.assign(new Error('x'), { code }), TO), undefined);
  }
  assert.equal(networkFailure(new TypeError('x is not a function'), TO), undefined);
  assert.equal(networkFailure('text', TO), undefined);
});

test('what fetch refuses by itself is permanent', async () => {
  const error: unknown = await fetch('http://127.0.0.1:1').catch((caught: unknown) => caught);
  assert.deepEqual([networkFailure(error, TO)?.permanent, networkFailure(error, TO)?.reason], [true, '"bad port"']);
});

test('no answer in time is passing', async () => {
  const error: unknown = await fetch('http://127.0.0.1:9', { signal: AbortSignal.abort() }).catch((caught) => caught);
  assert.equal(networkFailure(error, TO)?.permanent, false);
});

test('a place that is always reached directly is never told to set a proxy', async () => {
  const error: unknown = await fetch(`http://${await closedPort()}`).catch((caught: unknown) => caught);
  assert.match(networkFailure(error, TO)?.hint ?? '', /set HTTPS_PROXY=/);
  const direct = networkFailure(error, { ...TO, direct: true })?.hint ?? '';
  assert.match(direct, /firewall .* reach example\.org: it connects directly, not through HTTPS_PROXY/);
  assert.doesNotMatch(direct, /set HTTPS_PROXY/);
});

test('an answer is passing or permanent by its status', () => {
  for (const status of [408, 425, 429, 500, 502, 503, 504, 520]) assert.ok(isPassing(status), String(status));
  for (const status of [400, 401, 403, 404, 407, 410, 416, 451, 501, 511])
    assert.ok(!isPassing(status), String(status));
  assert.match(strangeAnswer(407, TO).hint, /HTTPS_PROXY=http:\/\/user:password@proxy\.example:3128/);
});
