import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openCredential, readCredential } from '../../src/marking/credential.ts';
import { CREDENTIAL_FILE } from '../../src/marking/credential-file.ts';
import { readManifests } from '../../src/marking/read-manifests.ts';
import { encodeImage } from '../../src/pipeline/images/image-file.ts';
import { temporaryFolder } from '../pipeline/temporary-folder.ts';
import { WUERST } from '../program.ts';
import { markerWith } from './own-marker.ts';

const ROOT = join(import.meta.dirname, '../..');

function certificate(folder: string, ...args: string[]) {
  const all = [...WUERST, 'certificate', ...args];
  const env = { ...process.env, WUERST_DATA: folder };
  return spawnSync(process.execPath, all, { encoding: 'utf8', cwd: ROOT, env });
}

interface Issue {
  /** As `openssl genpkey` has it. */
  readonly key: readonly string[];
  /** Lines of an extension file. */
  readonly extensions?: readonly string[];
  readonly days?: number;
}

const DOCUMENTS = [
  'basicConstraints=critical,CA:false',
  'keyUsage=critical,digitalSignature',
  'extendedKeyUsage=emailProtection',
];
const P384 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'];

/** What an authority issues: files of a key, and of a chain that begins with its certificate. */
async function issued(folder: string, { key, extensions = DOCUMENTS, days = 300 }: Issue) {
  const at = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  openssl('genpkey', ...P384, '-out', at('ca.key'));
  openssl(
    'req',
    '-x509',
    '-key',
    at('ca.key'),
    '-subj',
    '/O=Test Authority/CN=root',
    '-days',
    '900',
    '-out',
    at('ca.pem'),
  );
  openssl('genpkey', ...key, '-out', at('own.key'));
  openssl(
    'req',
    '-new',
    '-key',
    at('own.key'),
    '-subj',
    '/O=Panda Press/CN=Panda Press Signing',
    '-out',
    at('own.csr'),
  );
  await writeFile(at('extensions'), [...extensions, 'authorityKeyIdentifier=keyid'].join('\n'));
  const ca = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-extfile', at('extensions')];
  openssl('x509', '-req', '-in', at('own.csr'), ...ca, '-days', String(days), '-out', at('own.pem'));
  await writeFile(at('chain.pem'), `${await readFile(at('ca.pem'), 'utf8')}${await readFile(at('own.pem'), 'utf8')}`);
  return { key: at('own.key'), chain: at('chain.pem'), root: at('ca.pem') };
}

test('show makes the first certificate and says that nobody vouches for it', async (t) => {
  const folder = join(await temporaryFolder(t), 'data');
  const { stdout, status } = certificate(folder, 'show');
  assert.equal(status, 0);
  assert.match(stdout, /^Signer {7}wuerst [0-9a-f]{8}\n/);
  assert.match(stdout, /^Trusted {6}no: made by the program itself$/m);
  const { fingerprint, file } = JSON.parse(certificate(folder, 'show', '--json').stdout);
  assert.ok(stdout.includes(fingerprint));
  assert.equal(file, join(folder, CREDENTIAL_FILE));
  assert.doesNotMatch(stdout, /PRIVATE/);
});

for (const [name, key] of Object.entries({
  'P-256': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'P-384': P384,
  'P-521': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-521'],
  RSA: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  Ed25519: ['-algorithm', 'ED25519'],
})) {
  test(`a certificate of an authority for a key of the kind ${name} signs pictures that its trusters accept`, async (t) => {
    const folder = await temporaryFolder(t);
    const files = await issued(folder, { key });
    const credential = readCredential(`${await readFile(files.chain, 'utf8')}${await readFile(files.key, 'utf8')}`);
    const marker = markerWith(t, credential);
    assert.match(marker.note ?? '', /^Signed by Panda Press Signing, whose certificate is from Test Authority\.$/);
    const image = { width: 8, height: 8, data: new Uint8Array(192).fill(90) };
    const file = await marker.open(await encodeImage(image)).file();
    const found = await readManifests(file, 'image/png', await readFile(files.root, 'utf8'));
    assert.equal(found?.validation_state, 'Trusted');
  });
}

test('use stores key and chain for their owner alone, whatever their order', async (t) => {
  const folder = await temporaryFolder(t);
  const files = await issued(folder, { key: P384 });
  const data = join(folder, 'data');
  certificate(data, 'show');
  const used = certificate(data, 'use', files.chain, '--key', files.key);
  assert.equal(used.status, 0, used.stderr);
  assert.match(used.stdout, /^Issued by {4}Test Authority$/m);
  const credential = await openCredential(join(data, CREDENTIAL_FILE), new Date());
  assert.equal(credential.isOwn, false);
  assert.equal(credential.chain.length, 2);
  if (process.platform !== 'win32') assert.equal((await stat(join(data, CREDENTIAL_FILE))).mode & 0o777, 0o600);
});

test('what cannot sign is refused with a sentence, and the certificate in use stays', async (t) => {
  const folder = await temporaryFolder(t);
  const data = join(folder, 'data');
  const before = certificate(data, 'show').stdout;
  const good = await issued(folder, { key: P384 });
  const web = join(folder, 'web.pem');
  const key = await readFile(good.key, 'utf8');
  const foreign = await temporaryFolder(t);
  const other = await issued(foreign, {
    key: P384,
    extensions: [...DOCUMENTS.slice(0, 2), 'extendedKeyUsage=serverAuth'],
  });
  await writeFile(web, `${await readFile(other.chain, 'utf8')}${await readFile(other.key, 'utf8')}`);
  const weak = await temporaryFolder(t);
  const small = await issued(weak, { key: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'] });
  await writeFile(
    join(folder, 'root-with-key.pem'),
    `${await readFile(good.root, 'utf8')}${await readFile(join(folder, 'ca.key'), 'utf8')}`,
  );
  await writeFile(join(folder, 'damaged.pem'), `${key}-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n`);
  for (const [args, problem] of [
    [[join(folder, 'none.pem')], /Cannot read .*none\.pem: there is no such file\./],
    [[folder], /Cannot read/],
    [[good.chain], /Expected a private key in PEM form, got none\./],
    [[good.key], /Expected certificates in PEM form, got none\./],
    [[good.chain, '--key', other.key], /None of the certificates belongs to the key\./],
    [[web], /cannot sign pictures: it is for the purposes 1\.3\.6\.1\.5\.5\.7\.3\.1\./],
    [[join(folder, 'root-with-key.pem')], /cannot sign pictures: it is the certificate of an authority\./],
    [[small.chain, '--key', small.key], /Expected a key that pictures can be signed with, got rsa 1024\./],
    [[join(folder, 'damaged.pem')], /Expected certificates in PEM form, got a damaged one\./],
  ] as const) {
    const { status, stderr } = certificate(data, 'use', ...args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, problem);
  }
  assert.equal(certificate(data, 'show').stdout, before);
});
