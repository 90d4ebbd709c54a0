import { copyFile, cp, mkdir, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { EMBEDDED_MODELS } from '../../src/models/model-folder.ts';

export const COCKTAIL = join(EMBEDDED_MODELS, 'cocktail');
export const HALVES = ['wuerstchen-prior', 'wuerstchen'];

/** The repositories of cocktail as Python's hub client keeps them: snapshots of links into blobs. @returns the cache */
export async function hubCache(cache: string, repositories: readonly string[] = HALVES): Promise<string> {
  for (const name of repositories) {
    const folder = join(cache, `models--warp-ai--${name}`);
    await mkdir(join(folder, 'blobs'), { recursive: true });
    await mkdir(join(folder, 'refs'));
    await writeFile(join(folder, 'refs/main'), 'abc123');
    let blob = 0;
    for (const path of await filesOf(join(COCKTAIL, name))) {
      const [link, target] = [join(folder, 'snapshots/abc123', path), join(folder, 'blobs', `hash${blob++}`)];
      await mkdir(dirname(link), { recursive: true });
      await copyFile(join(COCKTAIL, name, path), target);
      await symlink(relative(dirname(link), target), link);
    }
  }
  return cache;
}

export const snapshot = (cache: string, name: string): string =>
  join(cache, `models--warp-ai--${name}`, 'snapshots/abc123');

/** Cocktail as diffusers' WuerstchenCombinedPipeline.save_pretrained writes it. */
export async function combinedFolder(folder: string): Promise<string> {
  await cp(join(COCKTAIL, 'wuerstchen'), folder, { recursive: true });
  for (const part of ['prior', 'text_encoder', 'tokenizer', 'scheduler']) {
    await cp(join(COCKTAIL, 'wuerstchen-prior', part), join(folder, `prior_${part}`), { recursive: true });
  }
  const [prior, decoder] = await Promise.all(
    HALVES.map(async (half) => JSON.parse(await readFile(join(COCKTAIL, half, 'model_index.json'), 'utf8')) as object),
  );
  const index = { ...prior, ...decoder, _class_name: 'WuerstchenCombinedPipeline' };
  await writeFile(join(folder, 'model_index.json'), JSON.stringify(index));
  return folder;
}

/** Splits the one weight file of a component into two shards with an index, in the names of a precision. */
export async function shard(component: string, variant = ''): Promise<void> {
  const [file = ''] = (await readdir(component)).filter((name) => name.endsWith('.safetensors'));
  const [stem = ''] = file.split('.');
  const bytes = await readFile(join(component, file));
  const length = Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  const names = Object.keys(header).filter((name) => name !== '__metadata__');
  const half = Math.ceil(names.length / 2);
  const map: Record<string, string> = {};
  for (const [i, part] of [names.slice(0, half), names.slice(half)].entries()) {
    const shardName = `${stem}${variant && `.${variant}`}-0000${i + 1}-of-00002.safetensors`;
    const entries: Record<string, unknown> = {};
    const bodies: Buffer[] = [];
    let at = 0;
    for (const name of part) {
      const entry = header[name];
      if (!entry) continue;
      const [from, to] = entry.data_offsets;
      entries[name] = { ...entry, data_offsets: [at, at + to - from] };
      bodies.push(bytes.subarray(8 + length + from, 8 + length + to));
      at += to - from;
      map[name] = shardName;
    }
    const json = Buffer.from(JSON.stringify(entries));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(json.length));
    await writeFile(join(component, shardName), Buffer.concat([size, json, ...bodies]));
  }
  const index = `${stem}.safetensors.index${variant && `.${variant}`}.json`;
  await writeFile(join(component, index), JSON.stringify({ weight_map: map }));
  await rename(join(component, file), join(component, '..', 'moved-away'));
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('prepared'))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}
