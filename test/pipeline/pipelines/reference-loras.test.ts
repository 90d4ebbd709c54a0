import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ALL_FOLDS, NO_FOLDS } from '../../../src/pipeline/graph/blocks.ts';
import { type Tensor, UserError, WuerstchenPriorPipeline } from '../../../src/pipeline/index.ts';
import { readSafetensors } from '../read-safetensors.ts';
import { REFERENCE } from '../reference.ts';

interface Call {
  readonly name: string;
  readonly tolerance_abs: number;
  readonly moved: number;
  readonly file?: string;
  readonly weight?: number;
  readonly files?: readonly (readonly [string, number])[];
}
interface Case {
  readonly pipeline: string;
  readonly calls: readonly Call[];
  readonly text: { readonly file: string; readonly weight: number; readonly tolerance_abs: number };
  readonly refused: readonly string[];
}

const dir = join(REFERENCE, 'lora');
const given = existsSync(dir) ? (JSON.parse(readFileSync(join(dir, 'case.json'), 'utf8')) as Case) : undefined;
const FOLDS = { folded: ALL_FOLDS, plain: NO_FOLDS };
const filesOf = ({ file = '', weight = 1, files = [[file, weight]] }: Call) => files;

function open({ pipeline }: Case, folds = ALL_FOLDS): Promise<WuerstchenPriorPipeline> {
  return WuerstchenPriorPipeline.fromPretrained(join(REFERENCE, pipeline), { provider: 'cpu', folds });
}

async function input(name: string) {
  const found = (await readSafetensors(join(dir, 'io.safetensors'))).get(name);
  assert.ok(found, `lora/io.safetensors lacks ${name}`);
  return { data: found.data as Float32Array, dims: found.shape };
}

/** Largest difference. */
function off(a: Tensor, b: Tensor): number {
  assert.deepEqual([...a.dims], [...b.dims]);
  return a.data.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (b.data[i] ?? Number.NaN))), 0);
}

for (const [kind, folds] of Object.entries(given ? FOLDS : {})) {
  for (const call of given?.calls ?? []) {
    test(`lora/${call.name}: the ${kind} graph of Stage C gives the reference's numbers`, async () => {
      if (!given) return;
      const pipeline = await open(given, folds);
      const weights: Record<string, number> = {};
      for (const [i, [file, weight]] of filesOf(call).entries()) {
        weights[await pipeline.loadLora(join(dir, file), { name: `lora ${i}` })] = weight;
      }
      const [x, r, c] = [await input('in.x'), await input('in.r'), await input('in.c')];
      pipeline.setAdapters({});
      const base = await pipeline.prior.run(x, r, c);
      pipeline.setAdapters(weights);
      const found = await pipeline.prior.run(x, r, c);
      const worst = off(found, await input(`out.${call.name}`));
      assert.ok(worst <= call.tolerance_abs, `off by ${worst}, allowed ${call.tolerance_abs}`);
      const moved = off(found, base);
      assert.ok(Math.abs(moved - call.moved) <= 2 * call.tolerance_abs, `moved by ${moved}, wanted ${call.moved}`);
      await pipeline.release();
    });
  }

  test(`lora/text: the ${kind} graph of the text encoder gives the reference's numbers`, async () => {
    if (!given) return;
    const pipeline = await open(given, folds);
    const name = await pipeline.loadLora(join(dir, given.text.file));
    pipeline.setAdapters({ [name]: given.text.weight });
    const io = await readSafetensors(join(dir, 'io.safetensors'));
    const rows = (key: string) => {
      const { data, shape = [] } = io.get(`text.in.${key}`) ?? {};
      assert.ok(data instanceof BigInt64Array);
      return { data, dims: shape };
    };
    const found = await pipeline.text.model.run(rows('input_ids'), rows('attention_mask'));
    const worst = off(found, await input('text.out'));
    assert.ok(worst <= given.text.tolerance_abs, `off by ${worst}, allowed ${given.text.tolerance_abs}`);
    await pipeline.release();
  });
}

/** What the sentence about each kind of file has to say; a set may name more files. */
const SAID: Readonly<Record<string, RegExp>> = {
  cascade: /Stable Cascade/,
  stability: /Stable Cascade/,
  sdxl: /SDXL/,
  dora: /DoRA/,
  loha: /LoHa/,
  other_size: /another size/,
  half_a_pair: /incomplete.*layer blocks\./,
  nan: /not finite/,
};

for (const file of given?.refused ?? []) {
  test(`lora/refused/${file}: the one sentence says what it is`, async () => {
    if (!given) return;
    const pipeline = await open(given);
    const loading = pipeline.loadLora(join(dir, 'refused', file));
    await assert.rejects(loading, (error: unknown) => {
      assert.ok(error instanceof UserError);
      assert.equal(error.code, 'lora_refused');
      assert.match(error.message, new RegExp(`^The file ${file} [^\n]+\\.$`));
      assert.match(error.message, SAID[file.replace('.safetensors', '')] ?? /./);
      return true;
    });
    assert.deepEqual(pipeline.loras, []);
  });
}

test('every LoRA of the set is used or refused', () => {
  if (!given) return;
  const all = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.safetensors'));
  const used = [...given.calls.flatMap(filesOf).map(([file]) => file), given.text.file, 'io.safetensors'];
  const refused = given.refused.map((file) => join('refused', file));
  assert.deepEqual(all.sort(), [...new Set([...used, ...refused])].sort());
});
