import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BUILT_IN_MANIFEST } from '../../src/models/manifest.ts';
import { readHeader } from '../../src/pipeline/checkpoint/safetensors.ts';
import type { Style } from '../../src/pipeline/derived-weights/styles.ts';
import type { FakeFile, FakeRepositories } from './fake-hub.ts';

export type Dtype = 'F32' | 'F16' | 'BF16';

/** A safetensors file of one dtype. Each tensor is given by its raw bytes, or floats for F32. */
export function safetensors(dtype: Dtype, tensors: Readonly<Record<string, Float32Array | Uint16Array>>): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  const bodies: Buffer[] = [];
  let at = 0;
  for (const [name, numbers] of Object.entries(tensors)) {
    const body = Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    header[name] = { dtype, shape: [numbers.length], data_offsets: [at, at + body.length] };
    bodies.push(body);
    at += body.length;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...bodies]);
}

/** Every tensor as it lies in a file, sorted by name: `name dtype shape` and a hash of its bytes. */
export async function tensorsIn(path: string): Promise<string[]> {
  const bytes = readFileSync(path);
  const entries = [...(await readHeader(path)).values()];
  return entries
    .map(({ name, dtype, shape, offset, length }) => {
      const hash = createHash('sha256').update(bytes.subarray(offset, offset + length));
      return `${name} ${dtype} [${shape}] ${hash.digest('hex')}`;
    })
    .sort();
}

/** Numbers between -1 and 1 that depend on nothing but the name. */
export function someFloats(name: string, count: number): Float32Array {
  const floats = new Float32Array(count);
  let state = createHash('sha256').update(name).digest().readUInt32LE();
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    floats[i] = state / 2 ** 31 - 1;
  }
  return floats;
}

export const STAGE_C = 'diffusion_pytorch_model.safetensors';
/** The largest file of {@link publishedRepositories}: many chunks of a connection. */
export const LARGE = 'decoder/diffusion_pytorch_model.safetensors';

/**
 * The repositories of `wuerstchen-v2` in the hub's layout, with small weights. Both tokenizers have the same bytes, and
 * so have the interpolated Stage C and `wuerstchen-prior/prior`.
 */
export function publishedRepositories(release = 'first'): FakeRepositories {
  const model = BUILT_IN_MANIFEST.models.find(({ name }) => name === 'wuerstchen-v2');
  const repositories: FakeRepositories = new Map();
  for (const { repo, style, files, weights, tokenizers } of model?.repositories ?? []) {
    const contents = new Map<string, FakeFile>();
    const text = (path: string, value: unknown) =>
      contents.set(path, { bytes: Buffer.from(JSON.stringify(value)), large: false });
    text('README.md', `not part of what is needed of ${repo}`);
    for (const path of files) text(path, style || path.startsWith('prior/') ? { c: 4 } : { repo, path, release });
    for (const stem of weights) {
      const what = style ?? (stem.startsWith('prior/') ? 'interpolated' : `${repo}/${stem}`);
      contents.set(`${stem}.safetensors`, { bytes: weightsOf(what, release, stem), large: true });
    }
    for (const folder of tokenizers) {
      contents.set(`${folder}/vocab.json`, { bytes: Buffer.from('{"a</w>":0}'.padEnd(20_000)), large: true });
      contents.set(`${folder}/merges.txt`, { bytes: Buffer.from('#version: 0.2\n'), large: false });
      text(`${folder}/special_tokens_map.json`, {});
    }
    repositories.set(repo, contents);
  }
  return repositories;
}

/** Made once for all tests of a file: nobody writes into them. */
const made = new Map<string, Buffer>();

function weightsOf(what: Style | string, release: string, stem: string): Buffer {
  const key = `${what} ${release} ${stem}`;
  const known = made.get(key);
  if (known) return known;
  const count = `${stem}.safetensors` === LARGE ? 300_000 : 5_000;
  const floats = (name: string) => someFloats(`${name} ${release}`, count);
  const aesthetic = floats('aesthetic');
  const w = what === 'interpolated' ? floats('base').map((x, i) => 0.5 * x + 0.5 * (aesthetic[i] ?? 0)) : floats(what);
  const bytes = safetensors('F32', { w });
  made.set(key, bytes);
  return bytes;
}
