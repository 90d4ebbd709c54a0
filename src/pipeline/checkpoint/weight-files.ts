import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { OperatorError } from '../../system/errors.ts';
import { readJson, reason } from './config-file.ts';
import { z } from './zod-mini.ts';

const shardIndex = z.object({ weight_map: z.record(z.string(), z.string()) });

/** Real paths of the weight files of a component, preferring full precision over `.fp16`. */
export async function weightFiles(dir: string): Promise<string[]> {
  const names = await readdir(dir);
  for (const stem of ['diffusion_pytorch_model', 'model']) {
    for (const variant of ['', '.fp16', '.bf16']) {
      const index = `${stem}.safetensors.index${variant}.json`;
      if (names.includes(index)) return shards(dir, index);
      const single = `${stem}${variant}.safetensors`;
      if (names.includes(single)) return [await realFile(join(dir, single))];
    }
  }
  const others = names.filter((name) => name.endsWith('.safetensors'));
  if (others.length === 1) return [await realFile(join(dir, others[0] ?? ''))];
  const partial = names.find((name) => /\.(part|incomplete)$/.test(name));
  throw new OperatorError(
    'checkpoint_incomplete',
    `The folder ${dir} should hold diffusion_pytorch_model.safetensors or model.safetensors, found ${names.join(', ') || 'nothing'}.`,
    { hint: partial ? 'The download is not finished: run "wuerst models pull".' : 'Run "wuerst models pull".' },
  );
}

async function shards(dir: string, index: string): Promise<string[]> {
  const parsed = shardIndex.safeParse(await readJson(join(dir, index)));
  if (!parsed.success)
    throw new OperatorError('checkpoint_corrupt', `The file ${join(dir, index)} should have a weight_map.`);
  const names = [...new Set(Object.values(parsed.data.weight_map))];
  const outside = names.find((name) => name !== basename(name));
  if (outside)
    throw new OperatorError(
      'checkpoint_corrupt',
      `The file ${join(dir, index)} names "${outside}" outside its folder.`,
    );
  return Promise.all(names.map((name) => realFile(join(dir, name))));
}

async function realFile(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (cause) {
    throw new OperatorError('checkpoint_incomplete', `The file ${file} is missing: ${reason(cause)}.`, {
      hint: 'Run "wuerst models pull" to finish the download.',
      cause,
    });
  }
}

/** The deepest folder that holds all files, as an absolute path. */
export function commonFolder(files: readonly string[]): string {
  const paths = files.map((file) => resolve(file));
  let folder = dirname(paths[0] ?? resolve('.'));
  const holds = (path: string) => path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
  while (!paths.every(holds)) folder = dirname(folder);
  return folder;
}
