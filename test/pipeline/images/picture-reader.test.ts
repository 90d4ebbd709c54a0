import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { MAX_PICTURE_BYTES } from '../../../src/pipeline/images/picture-kind.ts';
import { PictureReader } from '../../../src/pipeline/images/picture-reader.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const reader = new PictureReader();

async function fileOf(t: TestContext, bytes: Uint8Array | string, name = 'picture'): Promise<string> {
  const path = join(await temporaryFolder(t), name);
  await writeFile(path, bytes);
  return path;
}

/** A picture with something to see in it: a gradient. */
function gradient(width: number, height: number, channels: 3 | 4 = 3) {
  const data = new Uint8Array(width * height * channels).map((_, i) =>
    i % channels === 3 ? 255 : ((Math.floor(i / channels) % width) * 5 + (i % channels) * 40) % 256,
  );
  return sharp(data, { raw: { width, height, channels } });
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const bytes = Buffer.alloc(body.length + 8);
  bytes.writeUInt32BE(data.length);
  body.copy(bytes, 4);
  bytes.writeUInt32BE(crc32(body), body.length + 4);
  return bytes;
}

/** A PNG of a few bytes that says it is huge. */
function bomb(side: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([1, 0, 0, 0, 0], 8);
  const rows = deflateSync(Buffer.alloc(200_000));
  const signature = Buffer.from('\u0089PNG\r\n\u001a\n', 'latin1');
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
}

const noise = (bytes: number) => new Uint8Array(bytes).map((_, i) => (Math.imul(i + 1, 2654435761) >>> 13) & 255);

const REFUSED: Readonly<Record<string, { readonly make: () => Promise<Uint8Array | string>; readonly code: string }>> =
  {
    'not a picture': { make: async () => noise(3000), code: 'picture_kind_unknown' },
    'an empty file': { make: async () => '', code: 'picture_kind_unknown' },
    'an SVG': {
      make: async () => '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
      code: 'picture_kind_unknown',
    },
    'an SVG behind a mark of UTF-16': {
      make: async () => Buffer.from('\ufeff<svg xmlns="http://www.w3.org/2000/svg"/>', 'utf16le'),
      code: 'picture_kind_unknown',
    },
    'a web page': { make: async () => '<!DOCTYPE html><html></html>', code: 'picture_kind_unknown' },
    'a PNG of 60,000 × 60,000 in 4 KB': { make: async () => bomb(60_000), code: 'picture_too_large' },
    'a truncated PNG': {
      make: async () => (await gradient(300, 300).png().toBuffer()).subarray(0, -300),
      code: 'picture_damaged',
    },
    'a truncated JPEG': {
      make: async () => {
        const whole = await gradient(300, 300).jpeg().toBuffer();
        return whole.subarray(0, whole.length / 2);
      },
      code: 'picture_damaged',
    },
    'a truncated WebP': {
      make: async () => {
        const whole = await gradient(300, 300).webp({ lossless: true }).toBuffer();
        return whole.subarray(0, whole.length / 2);
      },
      code: 'picture_damaged',
    },
    'a PNG with half a header': { make: async () => bomb(100).subarray(0, 20), code: 'picture_damaged' },
    'a single pixel': { make: () => gradient(1, 1).png().toBuffer(), code: 'picture_too_small' },
    'a file of 30 MB': {
      make: async () => Buffer.concat([bomb(100), Buffer.alloc(MAX_PICTURE_BYTES)]),
      code: 'picture_too_many_bytes',
    },
  };

for (const [what, { make, code }] of Object.entries(REFUSED)) {
  test(`${what} is refused with a sentence`, async (t) => {
    const file = await fileOf(t, await make());
    await assert.rejects(reader.inspect(file), { name: 'UserError', code, message: /^[A-Z].*\.$/ });
  });
}

test('a picture is read as it is shown: turned by EXIF, over white, in 8 bits and three channels', async (t) => {
  const turned = await fileOf(t, await gradient(40, 20).withMetadata({ orientation: 6 }).jpeg().toBuffer());
  const facts = { hasAlpha: false, animated: false };
  assert.deepEqual(await reader.inspect(turned), { width: 20, height: 40, ...facts });
  const clear = { create: { width: 16, height: 16, channels: 4, background: '#00000000' } } as const;
  const deep = await sharp(clear).toColourspace('rgb16').png().toBuffer();
  const file = await fileOf(t, deep);
  assert.deepEqual(await reader.inspect(file), { width: 16, height: 16, hasAlpha: true, animated: false });
  const frame = { width: 8, height: 8 };
  const [colours, alpha] = await reader.frames(file, [
    { ...frame, of: 'colours' },
    { ...frame, of: 'alpha' },
  ]);
  assert.deepEqual(colours, new Uint8Array(8 * 8 * 3).fill(255));
  assert.deepEqual(alpha, new Uint8Array(8 * 8));
});

test('CMYK, grey, 16-bit, indexed and animated pictures give RGB of the size asked for', async (t) => {
  const grey = await gradient(30, 20).greyscale().png().toBuffer();
  const frames = [gradient(30, 20), gradient(30, 20).negate()].map((one) => one.png().toBuffer());
  const files = {
    cmyk: await gradient(30, 20).toColourspace('cmyk').jpeg().toBuffer(),
    grey,
    grey16: await sharp(grey).toColourspace('grey16').png().toBuffer(),
    indexed: await gradient(30, 20).png({ palette: true }).toBuffer(),
    tiff16: await gradient(30, 20).toColourspace('rgb16').tiff().toBuffer(),
    avif: await gradient(30, 20).avif().toBuffer(),
    gif: await sharp(await Promise.all(frames), { join: { animated: true } })
      .gif()
      .toBuffer(),
  };
  for (const [name, bytes] of Object.entries(files)) {
    const file = await fileOf(t, bytes);
    assert.equal((await reader.inspect(file)).animated, name === 'gif', name);
    const [colours] = await reader.frames(file, [{ width: 24, height: 24, of: 'colours' }]);
    assert.equal(colours?.length, 24 * 24 * 3, name);
  }
  const [first] = await reader.frames(await fileOf(t, files.gif), [{ width: 30, height: 20, of: 'colours' }]);
  const [, red = 255] = [0, first?.[0]];
  assert.ok(red < 20, `the first frame begins dark, got ${red}`);
});

test('a picture of the very size asked for keeps every pixel', async (t) => {
  const file = await fileOf(t, await gradient(64, 48).png().toBuffer());
  const [colours] = await reader.frames(file, [{ width: 64, height: 48, of: 'colours' }]);
  assert.deepEqual(colours, new Uint8Array(await gradient(64, 48).raw().toBuffer()));
});

test('a picture is cut at its centre', async (t) => {
  const width = 90;
  const stripes = new Uint8Array(width * 30 * 3).map((_, i) =>
    Math.floor((Math.floor(i / 3) % width) / 30) === 1 ? 255 : 0,
  );
  const file = await fileOf(
    t,
    await sharp(stripes, { raw: { width, height: 30, channels: 3 } })
      .png()
      .toBuffer(),
  );
  const [middle] = await reader.frames(file, [{ width: 30, height: 30, of: 'brightness' }]);
  assert.deepEqual(middle, new Uint8Array(30 * 30).fill(255));
});

test('what a picture says of itself is not believed before its bytes', async (t) => {
  const file = await fileOf(t, await readFile(import.meta.filename), 'photo.png');
  await assert.rejects(reader.inspect(file), { code: 'picture_kind_unknown' });
});
