import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { open, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileSizes } from '../../src/models/model-files.ts';
import { EMBEDDED_MODELS } from '../../src/models/model-folder.ts';
import { readHeader } from '../../src/pipeline/checkpoint/safetensors.ts';
import { TorchGenerator, WuerstchenCombinedPipeline } from '../../src/pipeline/index.ts';
import { temporaryFolder } from '../pipeline/temporary-folder.ts';
import { callModels } from './models-cli.ts';

const WEIGHTS = [
  'wuerstchen-prior/text_encoder/model.safetensors',
  'wuerstchen-prior/prior/diffusion_pytorch_model.safetensors',
  'wuerstchen/text_encoder/model.safetensors',
  'wuerstchen/decoder/diffusion_pytorch_model.safetensors',
  'wuerstchen/vqgan/diffusion_pytorch_model.safetensors',
];

/** A copy of what a picture of the embedded model needs; what was prepared from it on this machine is no part of that. */
async function copied(t: TestContext): Promise<string> {
  const model = join(await temporaryFolder(t), 'mine');
  for (const name of ['wuerstchen', 'wuerstchen-prior']) {
    cpSync(join(EMBEDDED_MODELS, 'cocktail', name), join(model, name), {
      recursive: true,
      filter: (path) => basename(path) !== 'prepared',
    });
  }
  return model;
}

const opened = (model: string) => WuerstchenCombinedPipeline.fromPretrained(model, { provider: 'cpu' });

async function verified(model: string) {
  return callModels(['verify', 'mine'], { env: { WUERST_MODELS: dirname(model) } });
}

test('whichever file of a model is missing, opening it fails with a message that names it', async (t) => {
  const model = await copied(t);
  const optional = ['scheduler_config.json', 'special_tokens_map.json', 'tokenizer_config.json'];
  const needed = [...(await fileSizes(model)).keys()].filter((path) => !optional.some((name) => path.endsWith(name)));
  assert.equal(needed.length, 16);
  for (const path of needed) {
    const away = join(dirname(model), 'away');
    await rename(join(model, path), away);
    const folder = join(model, dirname(path));
    await assert.rejects(opened(model), (error: Error & { code?: string; hint?: string }) => {
      assert.match(error.name, /^(Operator|User)Error$/, path);
      assert.ok(`${error.message}`.includes(folder) || `${error.message}`.includes(path), `${path}: ${error.message}`);
      return true;
    });
    await rename(away, join(model, path));
  }
});

test('whichever weights are cut by one byte, opening and verifying say so and name the file', async (t) => {
  const model = await copied(t);
  for (const path of WEIGHTS) {
    const file = join(model, path);
    const bytes = await readFile(file);
    await truncate(file, bytes.length - 1);
    const cut = {
      code: 'checkpoint_truncated',
      message: new RegExp(`${path} .*${bytes.length} bytes, found ${bytes.length - 1}`),
    };
    await assert.rejects(opened(model), cut);
    const { out, exitCode } = await verified(model);
    assert.match(out, new RegExp(`^damaged +${path}: .*found ${bytes.length - 1} bytes\\.$`, 'm'));
    assert.equal(exitCode, 1);
    await writeFile(file, bytes);
  }
});

test('a config that contradicts its weights is refused before anything is painted', async (t) => {
  const model = await copied(t);
  for (const [path, key, value] of [
    ['wuerstchen-prior/prior/config.json', 'depth', 7],
    ['wuerstchen-prior/prior/config.json', 'c', 128],
    ['wuerstchen-prior/text_encoder/config.json', 'num_hidden_layers', 2],
    ['wuerstchen/decoder/config.json', 'c_cond', 64],
    ['wuerstchen/vqgan/config.json', 'bottleneck_blocks', 3],
  ] as const) {
    const text = await readFile(join(model, path), 'utf8');
    await writeFile(join(model, path), JSON.stringify({ ...JSON.parse(text), [key]: value }));
    await assert.rejects(opened(model), (error: Error & { code?: string; hint?: string }) => {
      assert.match(error.code ?? '', /^tensor_(missing|misshapen|unexpected)$/, `${path} ${key}`);
      assert.match(error.hint ?? '', /config\.json belongs to these weights/);
      return true;
    });
    await writeFile(join(model, path), text);
  }
});

test('a weight that is no number is found by verify, and a picture of it is an error that names the network', async (t) => {
  const model = await copied(t);
  for (const path of WEIGHTS) {
    const file = join(model, path);
    // A bias at the end of every network: nothing downstream is needed to notice it.
    const [, tensor] =
      [...(await readHeader(file))].find(([name]) =>
        /^(text_model\.)?(final_layer_norm\.bias|out\.1\.bias|clf\.1\.bias|out_block\.0\.bias)$/.test(name),
      ) ?? [];
    assert.ok(tensor, path);
    const handle = await open(file, 'r+');
    const whole = Buffer.alloc(2);
    const width = tensor.length / tensor.shape.reduce((product, dim) => product * dim, 1);
    const at = tensor.offset + width * 3 + width - 2;
    await handle.read(whole, 0, 2, at);
    await handle.write(Buffer.from([0xff, 0x7f]), 0, 2, at);
    const { out, exitCode } = await verified(model);
    assert.match(
      out,
      new RegExp(`^damaged +${path}: tensor "${tensor.name}" has a weight that is not finite, its number 3$`, 'm'),
    );
    assert.equal(exitCode, 1);
    const pipeline = await opened(model);
    await assert.rejects(
      pipeline.generate({
        prompt: 'a moon',
        width: 128,
        height: 128,
        priorNumInferenceSteps: 1,
        numInferenceSteps: 1,
        generator: new TorchGenerator(1),
      }),
      {
        code: 'numbers_not_finite',
        message: new RegExp(`with the weights in .*${dirname(path)}\\)\\.$`),
        hint: /wuerst models verify/,
      },
    );
    await pipeline.release();
    await handle.write(whole, 0, 2, at);
    await handle.close();
  }
  assert.equal((await verified(model)).exitCode, undefined);
});

test('numbers that no picture could be made with are refused, with the key and what is allowed', async (t) => {
  const model = await copied(t);
  for (const [repository, key, value] of [
    ['wuerstchen', 'latent_dim_scale', 1e-9],
    ['wuerstchen', 'latent_dim_scale', 1000],
    ['wuerstchen-prior', 'resolution_multiple', 0.01],
    ['wuerstchen-prior', 'resolution_multiple', 1e9],
  ] as const) {
    const file = join(model, repository, 'model_index.json');
    const text = await readFile(file, 'utf8');
    await writeFile(file, JSON.stringify({ ...(JSON.parse(text) as object), [key]: value }));
    await assert.rejects(opened(model), {
      code: 'config_invalid',
      message: new RegExp(`Expected ${key} .* got ${value}`),
    });
    await writeFile(file, text);
  }
});

test('a level with attention needs heads', async (t) => {
  const model = await copied(t);
  const file = join(model, 'wuerstchen/decoder/config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as { nhead: number[] };
  await writeFile(file, JSON.stringify({ ...config, nhead: config.nhead.map(() => -1) }));
  await assert.rejects(opened(model), { code: 'config_invalid', message: /nhead should be above 0/ });
});
