import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { EMBEDDED_MODELS } from '../../../src/models/model-folder.ts';
import { availableStyles, stageCFolder } from '../../../src/pipeline/derived-weights/styles.ts';
import { WuerstchenCombinedPipeline, WuerstchenPrior } from '../../../src/pipeline/index.ts';
import { STAGE_C, tensorsIn } from '../../models/checkpoints.ts';
import { callModels } from '../../models/models-cli.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const [BASE, AESTHETIC, PRIOR] = [
  'wuerstchen-prior-model-base',
  'wuerstchen-prior-model-finetuned',
  'wuerstchen-prior',
];

/** A model folder with some repositories of cocktail. */
async function modelWith(t: TestContext, ...repositories: string[]): Promise<string> {
  const folder = join(await temporaryFolder(t), 'mine');
  for (const repository of repositories) {
    cpSync(join(EMBEDDED_MODELS, 'cocktail', repository), join(folder, repository), { recursive: true });
  }
  return folder;
}

test('a style that is on disk is its own checkpoint, whatever names it', async (t) => {
  const folder = await modelWith(t, BASE, AESTHETIC, PRIOR);
  for (const [wanted, ...styles] of [
    [BASE, 'base', 0, '0', '0.0'],
    [AESTHETIC, 'aesthetic', 1, '1', '1.00'],
    [join(PRIOR, 'prior'), 'interpolated', 0.5, '0.5', '.5'],
  ] as const) {
    for (const style of styles) assert.equal(await stageCFolder(folder, style), join(folder, wanted), String(style));
  }
  assert.deepEqual(readdirSync(folder).sort(), [PRIOR, BASE, AESTHETIC].sort());
});

test('interpolated that is not on disk is mixed, and is what would have been shipped', async (t) => {
  const folder = await modelWith(t, BASE, AESTHETIC);
  const mixed = await stageCFolder(folder, 'interpolated');
  assert.equal(await stageCFolder(folder, 0.5), mixed);
  const shipped = join(EMBEDDED_MODELS, 'cocktail', PRIOR, 'prior', STAGE_C);
  assert.deepEqual(await tensorsIn(join(mixed, STAGE_C)), await tensorsIn(shipped));
  assert.ok(readFileSync(join(mixed, 'config.json')).equals(readFileSync(join(folder, BASE, 'config.json'))));
});

test('any other share is mixed once, where it is asked to be kept, and can be opened', async (t) => {
  const folder = await modelWith(t, BASE, AESTHETIC);
  const mixedDir = await temporaryFolder(t);
  let steps = 0;
  const onProgress = () => {
    steps += 1;
  };
  const mixed = await stageCFolder(folder, '0.3', { mixedDir, onProgress });
  assert.equal(mixed, join(mixedDir, '0.3'));
  assert.ok(steps > 0);
  steps = 0;
  assert.equal(await stageCFolder(folder, 0.3, { mixedDir, onProgress }), mixed);
  assert.equal(steps, 0);
  assert.deepEqual(readdirSync(folder).sort(), [BASE, AESTHETIC].sort());
  const prior = await WuerstchenPrior.load(mixed, { provider: 'cpu' });
  assert.deepEqual(prior.component.files, [join(mixed, STAGE_C)]);
  await prior.release();
});

test('the mixes that were used last stay on disk, four of them', async (t) => {
  const folder = await modelWith(t, BASE, AESTHETIC);
  for (const share of [0.1, 0.2, 0.3, 0.4]) {
    const config = join(await stageCFolder(folder, share), 'config.json');
    await utimes(config, new Date(2020, 0, 1), new Date(2020, 0, share * 10));
  }
  await stageCFolder(folder, 0.1);
  await stageCFolder(folder, 0.6);
  assert.deepEqual(
    readdirSync(join(folder, 'mixed'))
      .filter((name) => !name.startsWith('.'))
      .sort(),
    ['0.1', '0.3', '0.4', '0.6'],
  );
});

test('a model can paint in the styles that are there, in interpolated with both parents, and mix with both', async (t) => {
  const styles = async (...repositories: string[]) => availableStyles(await modelWith(t, ...repositories));
  assert.deepEqual(await styles(), { styles: [], mixesStyles: false });
  assert.deepEqual(await styles(PRIOR), { styles: ['interpolated'], mixesStyles: false });
  assert.deepEqual(await styles(BASE), { styles: ['base'], mixesStyles: false });
  const all = { styles: ['interpolated', 'base', 'aesthetic'], mixesStyles: true };
  assert.deepEqual(await styles(BASE, AESTHETIC), all);
});

test('a style whose pull was cut is no reason to mix: opening it says what it lacks', async (t) => {
  const folder = await modelWith(t, PRIOR);
  await rm(join(folder, PRIOR, 'prior', STAGE_C));
  assert.equal(await stageCFolder(folder, 'interpolated'), join(folder, PRIOR, 'prior'));
  assert.deepEqual(availableStyles(folder).styles, []);
});

test('a mixed folder that lost its config gets it back', async (t) => {
  const folder = await modelWith(t, BASE, AESTHETIC);
  const mixed = await stageCFolder(folder, 0.25);
  await rm(join(mixed, 'config.json'));
  assert.equal(await stageCFolder(folder, 0.25), mixed);
  assert.ok(readdirSync(mixed).includes('config.json'));
});

test('a style that cannot be made says which pull brings it', async (t) => {
  const folder = await modelWith(t, BASE);
  const missing = (style: string, message: RegExp) =>
    assert.rejects(stageCFolder(folder, style), {
      name: 'UserError',
      code: 'style_missing',
      message,
      hint: 'The operator gets it with: wuerst models pull wuerstchen-v2 --style aesthetic',
    });
  await missing('aesthetic', /^The style aesthetic is not on this disk\.$/);
  await missing('0.3', /^A mix of 0\.3 needs the style aesthetic, which is not on this disk\.$/);
  await missing('interpolated', /^The style interpolated needs the style aesthetic, which is not on this disk\.$/);
  assert.deepEqual(readdirSync(folder), [BASE]);
});

for (const style of [
  'anime',
  '',
  '1.1',
  '-0.1',
  '0.3x',
  ' 0.3',
  '0x1',
  'NaN',
  'Infinity',
  '__proto__',
  'toString',
  Number.NaN,
  2,
]) {
  test(`${JSON.stringify(style)} is no style, and the answer has an example`, async (t) => {
    const folder = await modelWith(t);
    await assert.rejects(stageCFolder(folder, style), { code: 'style_unknown', hint: /for example: style:0\.3/ });
  });
}

test('base and aesthetic in different precisions cannot be mixed, and the error says how to mend it', async (t) => {
  const folder = await modelWith(t, BASE, AESTHETIC);
  const plain = join(folder, AESTHETIC, STAGE_C);
  cpSync(plain, plain.replace('.safetensors', '.fp16.safetensors'));
  rmSync(plain);
  await assert.rejects(stageCFolder(folder, 0.3), { code: 'mix_mismatch', hint: /--style base aesthetic/ });
});

test('verify reads mixed checkpoints too', async (t) => {
  const folder = await modelWith(t, BASE, AESTHETIC, PRIOR, 'wuerstchen');
  const mixed = await stageCFolder(folder, 0.3);
  const env = { WUERST_MODELS: join(folder, '..') };
  assert.match(
    (await callModels(['verify', 'mine'], { env })).out,
    /^ok +mixed\/0\.3\/diffusion_pytorch_model\.safetensors$/m,
  );
  const file = await open(join(mixed, STAGE_C), 'r+');
  await file.write(Buffer.from([7]), 0, 1, 5_000_000);
  await file.close();
  const { out, exitCode } = await callModels(['verify', 'mine'], { env });
  assert.match(
    out,
    /^wrong hash +mixed\/0\.3\/diffusion_pytorch_model\.safetensors: .*; delete it, and it is made again$/m,
  );
  assert.equal(exitCode, 1);
});

test('where the model folder cannot be written, mixes are kept in the cache folder, a place for each model', async (t) => {
  const folder = await modelWith(t, BASE, AESTHETIC, PRIOR, 'wuerstchen');
  const other = await modelWith(t, BASE, AESTHETIC);
  const cacheDir = await temporaryFolder(t);
  // A file in the place of the folder refuses root, too.
  for (const model of [folder, other]) writeFileSync(join(model, 'mixed'), '');
  const pipeline = await WuerstchenCombinedPipeline.fromPretrained(folder, { provider: 'cpu', cacheDir });
  const { component } = await pipeline.use('0.3');
  assert.ok(component.dir.startsWith(join(cacheDir, 'mixed')));
  assert.equal(await stageCFolder(folder, 0.3, { cacheDir }), component.dir);
  assert.notEqual(await stageCFolder(other, 0.3, { cacheDir }), component.dir);
});
