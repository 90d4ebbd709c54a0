import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import sharp from 'sharp';
import { pictureTexts } from '../../src/pipeline/images/picture-texts.ts';
import { temporaryFolder } from '../bot-process.ts';
import { WUERST } from '../program.ts';
import { writeLora } from '../surfaces/surface.ts';

const ROOT = join(import.meta.dirname, '../..');
const QUICK = ['--size', '256x256', '--steps', '3', '--decoder-steps', '1', '--seed', '7'];
const PANDA = 'a panda on a green background';
const folder = temporaryFolder({ after });
let pictures = 0;

function wuerst(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...WUERST, ...args], {
    encoding: 'utf8',
    cwd: ROOT,
    env: {
      ...process.env,
      ...{ WUERST_PROVIDER: 'cpu', WUERST_DATA: folder, WUERST_LORAS: join(folder, 'loras') },
      // What is promised of pixels holds before files are marked.
      WUERST_WATERMARK: 'off',
    },
  });
  return { status, said: `${stdout}${stderr}` };
}

/** The picture of a command, and what its file says. */
async function paint(...words: string[]) {
  pictures += 1;
  const out = join(folder, `out-${pictures}`);
  const { status, said } = wuerst('imagine', ...words, ...QUICK, '-o', out, '--quiet');
  assert.equal(status, 0, said);
  const [name = ''] = readdirSync(out);
  const path = join(out, name);
  const file = readFileSync(path);
  const pixels = await sharp(file).raw().toBuffer();
  return { path, pixels, said, parameters: pictureTexts(file).texts.get('parameters') ?? '' };
}

before(async () => {
  for (const name of ['loras', 'presets', 'wildcards']) mkdirSync(join(folder, name));
  await writeLora(join(folder, 'loras'), 'old film', 1);
  writeFileSync(join(folder, 'wildcards/animal.txt'), 'lion\npanda <lora:old film:0.6>\n');
  writeFileSync(
    join(folder, 'presets/styles.csv'),
    'name,prompt,negative_prompt\nnight,"{prompt} at night, dark",sun\n',
  );
});

test('a LoRA is named in the words or by an option, stands in the file, and a wrong name is corrected', async () => {
  const plain = await paint(PANDA);
  const option = await paint(PANDA, '--lora', 'old film:0.8');
  assert.ok(!option.pixels.equals(plain.pixels));
  assert.ok((await paint(`${PANDA} <lora:old film:0.8>`)).pixels.equals(option.pixels));
  assert.match(option.parameters, /^a panda on a green background <lora:old film:0\.8>\n.*Lora hashes: "old film: /s);
  const wrong = wuerst('imagine', PANDA, '--lora', 'old flim:0.8');
  assert.notEqual(wrong.status, 0);
  assert.match(wrong.said, /Expected lora to be up to 4 LoRAs of those here \(old film\)/);
  assert.match(wrong.said, /Try: wuerst imagine 'a panda on a green background' --lora '?"?old film:0\.8/);
});

test('a picture is started from, whole and in part, with words and without', async () => {
  const first = await paint(PANDA);
  const words = 'a cat on a purple background';
  const alone = await paint(words);
  assert.ok((await paint(words, '--image', first.path, '--strength', '1')).pixels.equals(alone.pixels));
  const started = await paint(words, '--image', first.path, '--strength', '0.4');
  assert.ok(!started.pixels.equals(alone.pixels) && !started.pixels.equals(first.pixels));
  await paint('--image', first.path);
  const mask = join(folder, 'mask.png');
  const white = await sharp({ create: { width: 128, height: 256, channels: 3, background: '#fff' } })
    .png()
    .toBuffer();
  await sharp({ create: { width: 256, height: 256, channels: 3, background: '#000' } })
    .composite([{ input: white, left: 128, top: 0 }])
    .png()
    .toFile(mask);
  const part = await paint(words, '--image', first.path, '--mask', mask, '--strength', '0.9');
  const left = (pixels: Buffer) =>
    Buffer.concat(Array.from({ length: 256 }, (_, y) => pixels.subarray(y * 768, y * 768 + 288)));
  assert.ok(left(part.pixels).equals(left(first.pixels)), 'what is not painted anew');
  assert.ok(!part.pixels.equals(first.pixels));
  const svg = join(folder, 'drawing.svg');
  writeFileSync(svg, '<svg xmlns="http://www.w3.org/2000/svg"/>');
  const refused = wuerst('imagine', words, '--image', svg);
  assert.match(refused.said, /Expected a picture, got an SVG drawing\./);
});

test('weights, presets and wildcards of the data folder count, and what there is none of is said', async () => {
  const weighted = await paint('a (rocket:1.4) and a [[cloud]]', '--negative', '(red:1.2)');
  assert.match(weighted.parameters, /^a \(rocket:1\.4\) and a \[\[cloud\]\]\nNegative prompt: \(red:1\.2\)\n/);
  const night = await paint('a castle', '--preset', 'night');
  assert.match(night.parameters, /^a castle at night, dark\nNegative prompt: sun\n/);
  const drawn = await paint('a __animal__ on a {red|blue} background');
  assert.match(drawn.parameters, /^a (?:lion|panda) on a (?:red|blue) background(?: <lora:old film:0\.6>)?\n/);
  assert.equal(/^a panda/.test(drawn.parameters), /<lora:/.test(drawn.parameters), 'the LoRA goes with its line');
  assert.match(wuerst('imagine', 'a castle', '--preset', 'nigth').said, /Did you mean preset:night\?/);
  assert.match(wuerst('imagine', 'a __anmal__').said, /There is no wildcard "anmal" here; did you mean "animal"\?/);
  const styles = join(folder, 'more.csv');
  writeFileSync(styles, '\uFEFFname;prompt\r\ndusk;"{prompt} at ""dusk"""\r\n', 'utf16le');
  assert.match(wuerst('presets', 'import', styles).said, /1 preset: dusk/);
  assert.match((await paint('a castle', '--preset', 'dusk')).parameters, /^a castle at "dusk"\n/);
});
