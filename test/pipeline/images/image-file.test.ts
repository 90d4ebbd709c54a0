import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import sharp from 'sharp';
import { IMAGE_FORMATS } from '../../../src/pipeline/images/image-file.ts';
import { encodeImage, metadataOf, readMetadata } from '../../../src/pipeline/index.ts';

const IMAGE = { width: 16, height: 8, data: Uint8Array.from({ length: 16 * 8 * 3 }, (_, i) => (i * 37) % 256) };

const PARAMETERS = {
  prompt: 'ein roter Fuchs 🦊, "im Schnee"\nund \\ mehr',
  negative: 'Text: nein, --x',
  width: 16,
  height: 8,
  seed: 2n ** 64n - 1n,
  style: 'aesthetic',
  steps: null,
  guidance: 4,
  decoderSteps: 12,
  decoderGuidance: 0,
  model: 'cocktail',
  checkpoint: 'abcdef0123456789',
  provider: 'cpu-fp32',
  version: '1.2.3',
};

for (const format of IMAGE_FORMATS) {
  test(`${format} files carry their parameters, whatever the prompt`, async () => {
    const metadata = metadataOf(PARAMETERS);
    const file = await encodeImage(IMAGE, { format, metadata });
    assert.deepEqual(await readMetadata(file), metadata);
    const { width, height } = await sharp(file).metadata();
    assert.deepEqual([width, height], [16, 8]);
  });

  test(`${format} files round-trip any text`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 80 }), async (text) => {
        const clean = text.replaceAll('\0', '');
        const file = await encodeImage(IMAGE, { format, metadata: { parameters: `x${clean}` } });
        assert.deepEqual(await readMetadata(file), { parameters: `x${clean}` });
      }),
      { numRuns: 25 },
    );
  });
}

test('the longest prompts of the grammar fit into every format', async () => {
  const long = metadataOf({ ...PARAMETERS, prompt: '🦊'.repeat(2000), negative: '🐺'.repeat(2000) });
  for (const format of IMAGE_FORMATS) {
    assert.deepEqual(await readMetadata(await encodeImage(IMAGE, { format, metadata: long })), long, format);
  }
  const longer = { parameters: 'x'.repeat(70_000) };
  await assert.rejects(encodeImage(IMAGE, { format: 'jpeg', metadata: longer }), { code: 'metadata_too_long' });
  assert.deepEqual(await readMetadata(await encodeImage(IMAGE, { metadata: longer })), longer);
});

test('other programs find the parameters where they look: tEXt, or the user comment of EXIF', async () => {
  const { parameters = '', ...rest } = metadataOf({ ...PARAMETERS, prompt: 'a red fox' });
  const png = await encodeImage(IMAGE, { metadata: { parameters, ...rest } });
  const head = 8 + 25;
  assert.equal(png.toString('latin1', head + 4, head + 8 + 11), 'tEXtparameters\0');
  assert.equal(png.toString('latin1', head + 8 + 11, head + 8 + png.readUInt32BE(head)), parameters);
  for (const format of ['webp', 'jpeg'] as const) {
    const { parameters: german = '' } = metadataOf(PARAMETERS);
    const file = await encodeImage(IMAGE, { format, metadata: { parameters: german } });
    const comment = Buffer.concat([Buffer.from('UNICODE\0'), Buffer.from(german, 'utf16le').swap16()]);
    const { exif } = await sharp(file).metadata();
    assert.ok(exif?.includes(comment), format);
  }
});

test('PNG pixels are exactly the picture', async () => {
  const file = await encodeImage(IMAGE, { metadata: metadataOf(PARAMETERS) });
  assert.deepEqual(new Uint8Array(await sharp(file).raw().toBuffer()), IMAGE.data);
});

test('parameters are in the form that image browsers read, and the JSON has every number', () => {
  const { parameters = '', wuerst = '' } = metadataOf(PARAMETERS);
  assert.match(
    parameters,
    /\nNegative prompt: Text: nein, --x\nSteps: 29, Sampler: .*, CFG scale: 4, Seed: 18446744073709551615, Size: 16x8, /,
  );
  assert.deepEqual(JSON.parse(wuerst), { ...PARAMETERS, seed: '18446744073709551615' });
});

test('a file that is no picture is refused, and one without parameters gives none', async () => {
  await assert.rejects(readMetadata(Buffer.from('hello')), { code: 'not_an_image' });
  assert.deepEqual(await readMetadata(await encodeImage(IMAGE)), {});
  assert.deepEqual(await readMetadata(await encodeImage(IMAGE, { format: 'jpeg' })), {});
});
