import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../pipeline/temporary-folder.ts';
import { WUERST } from '../program.ts';
import { exif, exifSegment, iTXt, jpeg, png, tEXt, webp, xmpSegment, zTXt } from './foreign-files.ts';

const ROOT = join(import.meta.dirname, '../..');

function info(...args: string[]) {
  const all = [...WUERST, 'info', ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: 'utf8', cwd: ROOT });
  return { status, stdout, stderr };
}

/** Writes the files and reads them all with --json, in their order. */
async function read(t: Parameters<typeof temporaryFolder>[0], files: readonly Buffer[]) {
  const folder = await temporaryFolder(t);
  const paths = files.map((_, i) => join(folder, `${i}.bin`));
  for (const [i, file] of files.entries()) await writeFile(paths[i] ?? '', file);
  const { stdout, stderr } = info('--json', ...paths);
  return {
    found: stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
    stderr,
  };
}

const SETTINGS = 'Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 965285932, Size: 512x768, Version: v1.9.3';
const german = `größer als ein Fuchs\nNegative prompt: Text\n${SETTINGS}`;
const japanese = `赤い狐\nNegative prompt: 文字\n${SETTINGS}`;
const prefixed = (prefix: string, text: Buffer) => Buffer.concat([Buffer.from(prefix.padEnd(8, '\0')), text]);
const utf16 = (text: string, big: boolean) => {
  const little = Buffer.from(text, 'utf16le');
  return big ? little.swap16() : little;
};

test('parameters are read in every encoding that PNG allows, or that programs use all the same', async (t) => {
  const pixels = ['IDAT', Buffer.alloc(100)] as const;
  const { found } = await read(t, [
    png(tEXt('parameters', german, 'latin1'), pixels),
    png(tEXt('parameters', german, 'utf8'), pixels),
    png(zTXt('parameters', Buffer.from(german, 'latin1')), pixels),
    png(iTXt('parameters', german, false), pixels),
    png(iTXt('parameters', german, true), pixels),
    png(pixels, iTXt('parameters', german, true)),
    png(pixels, ['eXIf', exif('MM', prefixed('UNICODE', utf16(german, true)))]),
  ]);
  assert.equal(found.length, 7);
  for (const one of found) {
    assert.deepEqual(
      [one.prompt, one.negative, one.seed, one.steps, one.size, one.program],
      ['größer als ein Fuchs', 'Text', '965285932', 20, '512x768', "A1111's web UI"],
    );
  }
});

test('user comments are read with every prefix, in either byte order, in JPEG and WebP', async (t) => {
  const comments = (['II', 'MM'] as const).flatMap((order) => [
    exif(order, prefixed('UNICODE', utf16(japanese, true))),
    exif(order, prefixed('UNICODE', utf16(japanese, false))),
    exif(order, prefixed('UNICODE', Buffer.from(japanese))),
    exif(order, prefixed('', Buffer.from(japanese))),
    exif(order, prefixed('ASCII', Buffer.from(japanese))),
  ]);
  const { found } = await read(t, [
    ...comments.map((block) => jpeg(exifSegment(block))),
    ...comments.map((block) => webp(['EXIF', block])),
  ]);
  assert.equal(found.length, 20);
  for (const { prompt, negative } of found) assert.deepEqual([prompt, negative], ['赤い狐', '文字']);
  const shifted = Buffer.concat([Buffer.from('1b244240561b2842', 'hex'), Buffer.from(`\n${SETTINGS}`)]);
  const [jis] = (await read(t, [jpeg(exifSegment(exif('II', prefixed('JIS', shifted))))])).found;
  assert.equal(jis.prompt, '赤');
});

const GRAPH = {
  3: {
    class_type: 'KSampler',
    inputs: { seed: 1, steps: 20, cfg: 8, positive: ['9', 0], negative: ['7', 0], latent_image: ['5', 0] },
  },
  5: { class_type: 'EmptyLatentImage', inputs: { width: 512, height: 640, batch_size: 1 } },
  6: { class_type: 'CLIPTextEncode', inputs: { text: 'scenery in a bottle', clip: ['4', 1] } },
  7: { class_type: 'CLIPTextEncode', inputs: { text: 'watermark', clip: ['4', 1] } },
  9: { class_type: 'ConditioningSetTimestepRange', inputs: { conditioning: ['6', 0], start: 0 } },
};

test('ComfyUI, InvokeAI and XMP are read, and the program is named', async (t) => {
  const graph = JSON.stringify(GRAPH).replace('"seed":1', '"seed": 18446744073709551557, "cached": [NaN]');
  const comfy = ['ComfyUI', 'scenery in a bottle', 'watermark', '18446744073709551557'];
  const invoke = {
    ...{ positive_prompt: 'a fox', negative_prompt: 'blur', width: 512, height: 512 },
    ...{ seed: 123, cfg_scale: 7.5, steps: 30 },
  };
  const image = { prompt: [{ prompt: 'a fox [blur]', weight: 1 }], steps: 50, seed: 123, width: 512, height: 512 };
  const xmp = `<rdf:Description><exif:UserComment><rdf:Alt><rdf:li xml:lang="x-default">{&quot;c&quot;:&quot;a fox &amp; owl&quot;,&quot;uc&quot;:&quot;blur&quot;,&quot;seed&quot;:123}</rdf:li></rdf:Alt></exif:UserComment></rdf:Description>`;
  const { found } = await read(t, [
    png(tEXt('prompt', graph), tEXt('workflow', '{"nodes":[]}')),
    webp(['EXIF', exif('II', Buffer.alloc(8), { 271: 'workflow:{"nodes":[]}', 272: `prompt:${graph}` })]),
    png(tEXt('invokeai_metadata', JSON.stringify(invoke))),
    png(tEXt('sd-metadata', JSON.stringify({ app_id: 'invoke-ai/InvokeAI', image }))),
    png(tEXt('Dream', '"a fox [blur]" -s 50 -S 123 -W 512 -H 512 -C 7.5 -A k_lms')),
    jpeg(xmpSegment(xmp)),
    png(tEXt('workflow', '{"nodes":[]}')),
  ]);
  assert.deepEqual(
    found.map(({ program, prompt, negative, seed }) => [program, prompt, negative, seed]),
    [
      ...[comfy, comfy],
      ...[1, 2, 3].map(() => ['InvokeAI', 'a fox', 'blur', '123']),
      ['another program', 'a fox & owl', 'blur', '123'],
      ['ComfyUI', '', undefined, undefined],
    ],
  );
  assert.equal(found.at(-1)?.command, null);
});

test('a cut file gives what it has, a bomb is not unpacked, and a file without parameters does not stop the others', async (t) => {
  const folder = await temporaryFolder(t);
  const whole = png(tEXt('parameters', german), ['IDAT', Buffer.alloc(100)]);
  const files = {
    'cut.png': whole.subarray(0, -40),
    'bomb.png': png(zTXt('parameters', Buffer.alloc(64 * 2 ** 20, 'x')), iTXt('comment', 'x', true)),
    'none.jpg': jpeg(),
    'whole.png': whole,
  };
  for (const [name, file] of Object.entries(files)) await writeFile(join(folder, name), file);
  const { status, stdout, stderr } = info(...Object.keys(files).map((name) => join(folder, name)));
  assert.equal(status, 2);
  assert.match(stderr, /cut\.png: The file is cut off: what it says may not be all\./);
  assert.match(
    stderr,
    /bomb\.png: The compressed text "parameters" would unpack to more than 32 MiB and was left out\./,
  );
  assert.match(stderr, /none\.jpg has no parameters in it\./);
  assert.match(stdout, /cut\.png:\ngrößer als ein Fuchs\n[\s\S]*whole\.png:\ngrößer als ein Fuchs\n/);
});

test('escape sequences of a foreign file do not reach the terminal', async (t) => {
  const folder = await temporaryFolder(t);
  const evil = '\u001b[31mred\u001b]0;title\u0007 \u009b2Jfox\u202e\r';
  const path = join(folder, 'evil.png');
  await writeFile(path, png(iTXt('parameters', `${evil}\n${SETTINGS}`, false)));
  for (const args of [[path], ['--json', path], [path, path]]) {
    const { stdout } = info(...args);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that there is none
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    assert.match(stdout, /fox/);
  }
});

test('the command that info prints is one word of prompt for the shell, whatever the prompt', async (t) => {
  const prompt = `it's "a {red, blue} fox" $(touch x) \`y\` --no z`;
  const [found] = (await read(t, [png(tEXt('parameters', `${prompt}\n${SETTINGS}`))])).found;
  const show = found.command.replace(/^wuerst imagine/, 'printf "%s\\n"');
  const { stdout } = spawnSync('sh', ['-c', show], { encoding: 'utf8' });
  const [first, ...rest] = stdout.trim().split('\n');
  assert.equal(first, `"${prompt.replace(/"/g, '\\"')}"`);
  assert.deepEqual(rest, ['--size', '512x768', '--seed', '965285932', '--steps', '20', '--guidance', '7']);
});
