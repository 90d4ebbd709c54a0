import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FakeHub } from './fake-hub.ts';

/** Folder of `wuerstchen-v2` in a models folder. */
export function publishedFolder(modelsDir: string): string {
  return join(modelsDir, 'wuerstchen-v2');
}

/** Asserts that every file under its final name has exactly the hub's bytes. @returns their paths, sorted */
export function assertOnlyRightFiles(hub: FakeHub, modelsDir: string): string[] {
  const folder = publishedFolder(modelsDir);
  if (!existsSync(folder)) return [];
  const paths = filesUnder(folder).filter((path) => !path.startsWith('.pull/') && path !== 'wuerst.lock.json');
  for (const path of paths) {
    const [repository = '', ...rest] = path.split('/');
    const right = hub.repositories.get(`warp-ai/${repository}`)?.get(rest.join('/'));
    assert.ok(right, `${path} is no file of the hub`);
    assert.ok(right.bytes.equals(readFileSync(join(folder, path))), `${path} has other bytes than the hub`);
  }
  return paths.sort();
}

/** Bytes that wait in the model's `.pull` folder, by name. */
export function partsOf(modelsDir: string): Map<string, number> {
  const parts = join(publishedFolder(modelsDir), '.pull');
  const names = existsSync(parts) ? readdirSync(parts) : [];
  return new Map(names.map((name) => [name, readFileSync(join(parts, name)).length]));
}

function filesUnder(folder: string, prefix = ''): string[] {
  return readdirSync(join(folder, prefix), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesUnder(folder, `${prefix}${entry.name}/`) : [prefix + entry.name],
  );
}

/** What a default pull brings. */
export const DEFAULT_FILES = [
  'wuerstchen-prior/model_index.json',
  'wuerstchen-prior/prior/config.json',
  'wuerstchen-prior/prior/diffusion_pytorch_model.safetensors',
  'wuerstchen-prior/scheduler/scheduler_config.json',
  'wuerstchen-prior/text_encoder/config.json',
  'wuerstchen-prior/text_encoder/model.safetensors',
  'wuerstchen-prior/tokenizer/merges.txt',
  'wuerstchen-prior/tokenizer/special_tokens_map.json',
  'wuerstchen-prior/tokenizer/vocab.json',
  'wuerstchen/decoder/config.json',
  'wuerstchen/decoder/diffusion_pytorch_model.safetensors',
  'wuerstchen/model_index.json',
  'wuerstchen/scheduler/scheduler_config.json',
  'wuerstchen/text_encoder/config.json',
  'wuerstchen/text_encoder/model.safetensors',
  'wuerstchen/tokenizer/merges.txt',
  'wuerstchen/tokenizer/special_tokens_map.json',
  'wuerstchen/tokenizer/vocab.json',
  'wuerstchen/vqgan/config.json',
  'wuerstchen/vqgan/diffusion_pytorch_model.safetensors',
].sort();
