import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { ServedPictures } from '../../src/adapters/web/server/served-pictures.ts';
import { signerName } from '../../src/marking/credential.ts';
import { OwnMarker } from '../../src/marking/marker.ts';
import { sentencesOf, verdictOf } from '../../src/marking/verdict.ts';
import { encodeImage } from '../../src/pipeline/images/image-file.ts';
import { appOverFake } from '../adapters/web/serve-fake.ts';
import { WUERST } from '../program.ts';
import { signingMarker } from './own-marker.ts';

const ROOT = join(import.meta.dirname, '../..');
const PARAMETERS = 'a lighthouse\nSteps: 3, Seed: 9';

async function signed(t: TestContext) {
  const { folder, credential, marker } = await signingMarker(t);
  const data = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => Math.imul(i, 2654435761) >>> 24);
  const image = { width: 64, height: 64, data };
  const encode = (format: 'png' | 'jpeg' | 'webp') =>
    marker.encode(image, { format, metadata: { parameters: PARAMETERS } });
  return { folder, credential, marker, image, encode };
}

/** Inverts the last bit of a byte. */
function tampered(file: Buffer, at: number): Buffer {
  const changed = Buffer.from(file);
  changed[at] = (file[at] ?? 0) ^ 1;
  return changed;
}

for (const format of ['png', 'jpeg', 'webp'] as const) {
  test(`a ${format} file is unchanged, changed or stripped, and its parameters are told`, async (t) => {
    const { encode, credential } = await signed(t);
    const file = await encode(format);
    const whole = await verdictOf(file);
    assert.deepEqual(
      { ...whole, issuer: undefined },
      {
        ...{ signature: 'unchanged', signer: signerName(credential), issuer: undefined, trusted: false },
        ...{ program: whole.program, madeByModel: true, parameters: PARAMETERS, problems: [] },
      },
    );
    assert.match(whole.program ?? '', /^wuerst \d+\.\d+\.\d+$/);
    assert.match(sentencesOf(whole)[0] ?? '', /untrusted/);
    assert.equal((await verdictOf(file, credential.chain.at(-1)?.toString())).trusted, true);
    for (const at of [
      file.length - 30,
      file.indexOf(PARAMETERS.slice(0, 5)),
      file.indexOf('trainedAlgorithmicMedia'),
    ]) {
      if (at < 0) continue;
      const verdict = await verdictOf(tampered(file, at));
      assert.equal(verdict.signature, 'changed', `${at} ${verdict.problems.join(' ')}`);
    }
    const stripped = await verdictOf(await sharp(file).toFormat(format).toBuffer());
    assert.deepEqual([stripped.signature, stripped.madeByModel, stripped.parameters], ['none', false, undefined]);
  });
}

test('a file that was cut off is damaged, one without a signature but with XMP still says what made it', async (t) => {
  const { encode, image } = await signed(t);
  const file = await encode('png');
  assert.equal((await verdictOf(file.subarray(0, file.length / 2))).signature, 'unreadable');
  const marker = new OwnMarker({
    signature: true,
    watermark: false,
    credential: undefined,
    onProblem: () => assert.fail(),
  });
  const verdict = await verdictOf(await marker.encode(image, { format: 'webp' }));
  assert.deepEqual([verdict.signature, verdict.madeByModel], ['none', true]);
});

test('the smallest thumbnails are not signed, and say all the same what made them', async (t) => {
  const { marker, folder, image } = await signed(t);
  const path = join(folder, 'picture.png');
  await writeFile(path, await encodeImage(image));
  const small = await new ServedPictures(marker).thumbnail(path, 160);
  const { signature, madeByModel } = await verdictOf(Buffer.from(small));
  assert.deepEqual([signature, madeByModel], ['none', true]);
});

test('wuerst verify tells of each file, and its exit code of the gravest', async (t) => {
  const { encode, folder, credential } = await signed(t);
  const paths = Object.fromEntries(
    ['good.png', 'changed.png', 'plain.png', 'text.png'].map((name) => [name, join(folder, name)]),
  );
  const at = (name: string) => paths[name] ?? '';
  const file = await encode('png');
  await writeFile(at('good.png'), file);
  await writeFile(at('changed.png'), tampered(file, file.length - 30));
  await writeFile(at('plain.png'), await encodeImage({ width: 8, height: 8, data: new Uint8Array(192) }));
  await writeFile(at('text.png'), 'no picture');
  const verify = (data: string, ...args: string[]) =>
    spawnSync(process.execPath, [...WUERST, 'verify', ...args], {
      ...{ encoding: 'utf8', input: file },
      cwd: ROOT,
      env: { ...process.env, WUERST_DATA: data },
    });
  const own = verify(folder, '-');
  assert.equal(own.status, 0, own.stderr);
  assert.match(own.stdout, /It has not been changed since it was signed by wuerst [0-9a-f]{8}\.\n/);
  assert.match(own.stdout, /\| a lighthouse\n/);
  const elsewhere = join(folder, 'elsewhere');
  const rootFile = join(folder, 'root.pem');
  await writeFile(rootFile, String(credential.chain.at(-1)));
  assert.match(verify(elsewhere, at('good.png')).stdout, /untrusted/);
  assert.doesNotMatch(verify(elsewhere, '--trust', rootFile, at('good.png')).stdout, /untrusted/);
  assert.equal(verify(folder, at('good.png'), at('plain.png')).status, 3);
  assert.equal(verify(folder, at('plain.png'), at('changed.png')).status, 1);
  const all = verify(folder, '--json', ...Object.values(paths), join(folder, 'none.png'), folder);
  assert.equal(all.status, 2);
  assert.deepEqual(
    all.stdout
      .trim()
      .split('\n')
      .map((line) => {
        const { signature, error } = JSON.parse(line);
        return signature ?? error.code;
      }),
    ['unchanged', 'changed', 'none', 'not_an_image', 'file_unreadable', 'file_unreadable'],
  );
  const bad = verify(folder, '--trust', at('text.png'), at('good.png'));
  assert.equal(bad.status, 2);
  assert.match(bad.stderr, /Expected certificates in PEM form/);
});

test('the web chat looks at a picture, and says what is none', async (t) => {
  const { encode } = await signed(t);
  const { app } = await appOverFake(t);
  const send = (body: Buffer) => app.request('/api/marks', { method: 'POST', body: new Uint8Array(body) });
  const answer = await send(await encode('jpeg'));
  assert.equal(answer.status, 200);
  const { signature, madeByModel, sentences } = (await answer.json()) as Record<string, unknown>;
  assert.deepEqual([signature, madeByModel, (sentences as string[]).length], ['unchanged', true, 2]);
  const refused = await send(Buffer.from('no picture'));
  assert.equal(refused.status, 400);
  assert.match(JSON.stringify(await refused.json()), /not_an_image/);
});
