import { rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { checkSpace, explainDiskError } from '../../system/disk.ts';
import { UserError } from '../../system/errors.ts';
import { hashFile } from '../../system/file-hash.ts';
import { type FileLock, lockFolder } from '../../system/file-lock.ts';
import { ifThere } from '../../system/if-there.ts';
import { makeFolder } from '../../system/make-folder.ts';
import { t } from '../../texts/translate.ts';
import type { Hub, HubFile } from './hub.ts';
import { fetchChecked, matches, type PullEvent } from './pull.ts';

export interface PullLoraOptions {
  /** `owner/name` of a repository, or `owner/name/file.safetensors`. */
  readonly from: string;
  /** Where LoRAs are kept; made if it is missing. */
  readonly folder: string;
  readonly hub: Hub;
  /** Branch, tag or commit. @default 'main' */
  readonly revision?: string | undefined;
  readonly signal: AbortSignal;
}

const ENDING = '.safetensors';
/** What training scripts call every file: the repository's name says more. */
const ANONYMOUS = /^(pytorch_lora_weights|lora|adapter_model|model|diffusion_pytorch_model)$/i;
/** What a name cannot hold where it is typed. */
const UNTYPABLE = /[^\p{L}\p{N}._ -]+/gu;

/**
 * Fetches one LoRA file. An unfinished one is continued by the next call, and a file appears under its name only when its bytes are
 * those that the hub lists.
 *
 * @returns the path of the file
 * @throws UserError `lora_source_invalid`, `lora_not_found`, `lora_exists`; OperatorError if the hub or the disk refuses
 */
export async function* pullLora(options: PullLoraOptions): AsyncGenerator<PullEvent, string> {
  const { from, folder, hub, revision = 'main', signal } = options;
  const [, repo = '', asked] = /^([\w][\w.-]*\/[\w][\w.-]*)(?:\/(.+))?$/.exec(from) ?? [];
  if (repo === '') {
    const command = 'wuerst models pull --lora owner/name/sketch.safetensors';
    throw new UserError(
      'lora_source_invalid',
      t('Expected a repository of the hub, owner/name, or a file in it, got {from}.', { from }),
      { hint: t('For example: {command}', { command }) },
    );
  }
  const commit = await hub.resolveRevision(repo, revision, signal);
  const file = chosen(repo, asked, await hub.listFiles(repo, commit, signal));
  const stem = basename(file.path, ENDING);
  const name = `${(ANONYMOUS.test(stem) ? basename(repo) : stem).replace(UNTYPABLE, '-')}${ENDING}`;
  const [target, parts] = [join(folder, name), join(folder, '.pull')];
  let lock: FileLock | undefined;
  try {
    makeFolder(parts);
    lock = await lockFolder(folder, { signal });
    if (await isThere(target, name, file)) {
      yield { type: 'landed', path: name, size: file.size, how: 'kept' };
      return target;
    }
    yield { type: 'plan', files: 1, bytes: file.size, toFetch: file.size };
    await checkSpace(folder, file.size, undefined, 'WUERST_LORAS');
    const part = join(parts, `${file.sha256 ?? file.gitOid}.part`);
    yield* fetchChecked({ hub, signal }, { repository: { repo }, commit, file, path: name }, part);
    await rename(part, target);
    await rm(parts, { recursive: true, force: true });
    yield { type: 'landed', path: name, size: file.size, how: 'fetched' };
    return target;
  } catch (error) {
    throw explainDiskError(error, folder, 'WUERST_LORAS');
  } finally {
    lock?.release();
  }
}

/** The file that was asked for, or the only one there is. */
function chosen(repo: string, asked: string | undefined, listing: ReadonlyMap<string, HubFile>): HubFile {
  const all = [...listing.values()].filter(({ path }) => path.endsWith(ENDING));
  const found = asked === undefined ? all : all.filter(({ path }) => path === asked);
  const [only] = found;
  if (only && found.length === 1) return only;
  const names = all.slice(0, 20).map(({ path }) => path);
  const hint =
    names.length > 0
      ? t('It has: {names}. Name one: {example}', { names: names.join(', '), example: `--lora ${repo}/${names[0]}` })
      : undefined;
  const message =
    asked === undefined
      ? t('Expected one safetensors file in {repo}, got {found}.', { repo, found: found.length })
      : t('Expected the safetensors file {file} in {repo}, got {found}.', { file: asked, repo, found: found.length });
  throw new UserError('lora_not_found', message, hint === undefined ? {} : { hint });
}

async function isThere(target: string, name: string, file: HubFile): Promise<boolean> {
  const size = (await ifThere(stat(target)))?.size;
  if (size === undefined) return false;
  if (size === file.size && matches(file, await hashFile(target, size))) return true;
  throw new UserError('lora_exists', t('There is another LoRA file {name} already.', { name }), {
    hint: t('Remove it first: {command}', { command: `wuerst models remove --lora ${basename(name, ENDING)} --yes` }),
  });
}
