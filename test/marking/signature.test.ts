import assert from 'node:assert/strict';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { prepareFiles } from '../../src/adapters/discord/messages/files.ts';
import { openCredential, readCredential, signerName } from '../../src/marking/credential.ts';
import { CREDENTIAL_FILE } from '../../src/marking/credential-file.ts';
import { MADE_BY_A_MODEL } from '../../src/marking/digital-source.ts';
import { makeCredential } from '../../src/marking/make-credential.ts';
import { type Encoding, OwnMarker } from '../../src/marking/marker.ts';
import { readManifests } from '../../src/marking/read-manifests.ts';
import { decodeImage, encodeImage, readMetadata } from '../../src/pipeline/images/image-file.ts';
import { temporaryFolder } from '../pipeline/temporary-folder.ts';
import { readAgain } from './second-reader.ts';

const TEXTS = { parameters: 'ein Bär im Schnee\nSteps: 3, Seed: 7', wuerst: '{"seed":"7"}' };
const ENCODINGS: readonly (Encoding | undefined)[] = [
  undefined,
  { format: 'jpeg', quality: 85 },
  { format: 'webp', lossless: true },
  { format: 'webp', quality: 86, within: { width: 40 } },
];

/** A PNG as the bot stores it. */
function storedPng(side = 96): Promise<Buffer> {
  const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => Math.imul(i ^ (i >> 7), 2654435761) >>> 24);
  return encodeImage({ width: side, height: side, data }, { metadata: TEXTS });
}

async function ownMarker(t: TestContext, folder?: string) {
  const credential = await openCredential(join(folder ?? (await temporaryFolder(t)), CREDENTIAL_FILE), new Date());
  const problems: unknown[] = [];
  const marker = new OwnMarker({
    signature: true,
    watermark: false,
    credential,
    onProblem: (error) => problems.push(error),
  });
  t.after(() => marker.stop());
  return { marker, credential, problems };
}

test('every encoding of a picture is signed as made by a model, and keeps its texts', async (t) => {
  const { marker, credential, problems } = await ownMarker(t);
  const png = await storedPng();
  for (const encoding of ENCODINGS) {
    const format = encoding?.format ?? 'png';
    const file = await marker.open(png).file(encoding);
    assert.equal((await sharp(file).metadata()).format, format);
    assert.deepEqual(await readMetadata(file), TEXTS);
    assert.ok((await sharp(file).metadata()).xmpAsString?.includes(`DigitalSourceType="${MADE_BY_A_MODEL}"`));
    const found = await readManifests(file, `image/${format}`, undefined);
    assert.equal(found?.validation_state, 'Valid');
    assert.deepEqual(
      found.validation_status.map(({ code }) => code),
      ['signingCredential.untrusted'],
    );
    const manifest = found.manifests[found.active_manifest ?? ''];
    assert.equal(manifest?.signature_info?.common_name, signerName(credential));
    if (format !== 'webp') {
      const again = await readAgain(file);
      assert.equal(again?.isValid, true, again?.codes.join(' '));
      assert.deepEqual(again.actions, [{ action: 'c2pa.created', source: MADE_BY_A_MODEL }]);
    }
  }
  assert.deepEqual(problems, []);
});

test('a signed PNG has the very pixels that were stored', async (t) => {
  const { marker } = await ownMarker(t);
  const png = await storedPng();
  assert.deepEqual(await decodeImage(await marker.open(png).file()), await decodeImage(png));
});

test('the same picture is the same file again, after a restart too, and another picture has other ids', async (t) => {
  const folder = await temporaryFolder(t);
  const [one, other] = [await ownMarker(t, folder), await ownMarker(t, folder)];
  const [png, larger] = [await storedPng(), await storedPng(112)];
  const [a, b, c] = await Promise.all([
    one.marker.open(png).file(),
    other.marker.open(png).file(),
    one.marker.open(larger).file(),
  ]);
  assert.ok(a.equals(b));
  const idOf = async (file: Buffer) => (await readManifests(file, 'image/png', undefined))?.active_manifest;
  assert.notEqual(await idOf(a), await idOf(c));
});

test('one changed bit shows to both readers, and a file without the signature has none', async (t) => {
  const { marker } = await ownMarker(t);
  for (const [i, encoding] of ENCODINGS.slice(0, 2).entries()) {
    const type = ['image/png', 'image/jpeg'][i] ?? '';
    const file = await marker.open(await storedPng()).file(encoding);
    const pixels = Buffer.from(file);
    pixels[file.length - 40] = (file[file.length - 40] ?? 0) ^ 1;
    const statement = Buffer.from(file);
    const at = file.indexOf('trainedAlgorithmicMedia');
    statement[at] = (file[at] ?? 0) ^ 1;
    for (const changed of [pixels, statement]) {
      const found = await readManifests(changed, type, undefined);
      assert.equal(found?.validation_state, 'Invalid');
    }
    assert.equal((await readAgain(pixels))?.isValid, false);
    const stripped = await sharp(file).toBuffer();
    assert.equal(await readManifests(stripped, type, undefined), undefined);
    assert.equal(await readAgain(stripped), undefined);
  }
});

test('who trusts the certificate finds the signer trusted', async (t) => {
  const { marker, credential } = await ownMarker(t);
  const file = await marker.open(await storedPng()).file();
  const root = credential.chain.at(-1)?.toString();
  assert.equal((await readManifests(file, 'image/png', root))?.validation_state, 'Trusted');
});

test("files on Discord's ladder are signed after they were re-encoded, within the limit", async (t) => {
  const { marker } = await ownMarker(t);
  const path = join(await temporaryFolder(t), 'picture.png');
  await writeFile(path, await storedPng(160));
  const whole = (await prepareFiles([{ name: 'bear.png', path }], 10e6, marker))[0];
  assert.equal(whole?.name, 'bear.png');
  const limit = Math.round((whole?.data.length ?? 0) / 2);
  const smaller = (await prepareFiles([{ name: 'bear.png', path }], limit, marker))[0];
  assert.ok(smaller && smaller.data.length <= limit && smaller.name !== 'bear.png');
  const type = smaller.name.endsWith('.jpg') ? 'image/jpeg' : 'image/webp';
  assert.equal((await readManifests(smaller.data, type, undefined))?.validation_state, 'Valid');
  assert.deepEqual(await readMetadata(smaller.data), TEXTS);
});

test('a picture that cannot be signed goes out all the same, and that is told once', async (t) => {
  const { credential } = await ownMarker(t);
  const problems: unknown[] = [];
  const broken = { ...credential, pem: 'no key' };
  const marker = new OwnMarker({
    signature: true,
    watermark: false,
    credential: broken,
    onProblem: (error) => problems.push(error),
  });
  t.after(() => marker.stop());
  const png = await storedPng();
  for (let i = 0; i < 2; i += 1) {
    const file = await marker.open(png).file();
    assert.deepEqual(await decodeImage(file), await decodeImage(png));
    assert.ok((await sharp(file).metadata()).xmpAsString?.includes(MADE_BY_A_MODEL));
  }
  assert.equal(problems.length, 1);
});

test('nothing is signed once the certificate has expired, which is told in a sentence', async (t) => {
  const problems: Error[] = [];
  const marker = new OwnMarker({
    signature: true,
    watermark: false,
    credential: readCredential(await makeCredential(new Date('2001-01-01'), 'Some authority')),
    onProblem: (error) => problems.push(error as Error),
  });
  t.after(() => marker.stop());
  const file = await marker.open(await storedPng()).file();
  assert.equal(await readManifests(file, 'image/png', undefined), undefined);
  assert.match(problems[0]?.message ?? '', /^The certificate has expired on 20\d\d-\d\d-\d\d\.$/);
  assert.equal(marker.note, undefined);
});

test('the key is made once, for its owner alone, also when two begin at the same time', async (t) => {
  const path = join(await temporaryFolder(t), 'new', CREDENTIAL_FILE);
  const [a, b] = await Promise.all([openCredential(path, new Date()), openCredential(path, new Date())]);
  assert.equal(a.pem, b.pem);
  assert.equal((await openCredential(path, new Date())).pem, a.pem);
  assert.equal(await readFile(path, 'utf8'), a.pem);
  if (process.platform !== 'win32') assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test("the program's own certificate is replaced when it has expired", async (t) => {
  const path = join(await temporaryFolder(t), CREDENTIAL_FILE);
  const old = await openCredential(path, new Date('2001-01-01'));
  const renewed = await openCredential(path, new Date());
  assert.notEqual(renewed.pem, old.pem);
  assert.ok(Date.parse(renewed.leaf.validTo) > Date.now());
});

test('a key file that cannot be used is told to the operator', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, CREDENTIAL_FILE), 'nothing of use');
  await mkdir(join(folder, 'folder.pem'));
  for (const name of [CREDENTIAL_FILE, 'folder.pem']) {
    await assert.rejects(openCredential(join(folder, name), new Date()), {
      name: 'OperatorError',
      code: 'credential_unusable',
    });
  }
});
