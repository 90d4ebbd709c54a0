import { existsSync, readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { explainDiskError } from '../../system/disk.ts';
import { OperatorError } from '../../system/errors.ts';
import { acquireLock } from '../../system/file-lock.ts';
import { makeFolder } from '../../system/make-folder.ts';
import { listedAs, t } from '../../texts/translate.ts';
import {
  COMBINED_CLASS,
  type Contents,
  contentsOf,
  HALVES,
  type HalfName,
  missingIn,
  STAGE_C_CONTENTS,
} from '../checkpoint/contents.ts';
import { classOf, namedLike } from '../checkpoint/layout.ts';
import { priorOfCard } from '../checkpoint/model-card.ts';
import { stageCRepositories } from '../derived-weights/styles.ts';
import { Hub } from './hub.ts';
import { type HubOptions, hubOptionsFrom } from './hub-options.ts';
import { LACKING, pullLocked } from './pull.ts';

/** Bytes of a file that have come. */
export interface FetchProgress {
  /** `owner/name` */
  readonly repository: string;
  /** Path in the repository. */
  readonly file: string;
  readonly done: number;
  readonly size: number;
}

/** How repositories are found and fetched; the names are those of diffusers. */
export interface HubAccess {
  /** Laid out as Python's hub client does: what either has fetched, the other finds. @default its folder (`HF_HUB_CACHE`, `HF_HOME`) */
  readonly cacheDir?: string | undefined;
  /** Fetches nothing, and asks no hub. @default false, or true with `HF_HUB_OFFLINE=1` */
  readonly localFilesOnly?: boolean | undefined;
  /** Branch, tag or commit of the repository that is named; others that belong to it come from `main`. @default 'main' */
  readonly revision?: string | undefined;
  /** @default `HF_TOKEN` */
  readonly token?: string | undefined;
  /** Precision of the weights to fetch, e.g. `fp16`, where the hub has it. @default the plain files */
  readonly variant?: string | undefined;
  /** @default `HF_ENDPOINT`, or https://huggingface.co */
  readonly endpoint?: string | undefined;
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What of a model is to be opened. */
export interface Wanted {
  readonly half: HalfName | 'both';
  /** Of the Stage C. @default the prior's own */
  readonly style?: string | undefined;
}

/** What tells which kind of pipeline a repository holds, and where its prior is. */
const INDEX: Contents = { files: ['model_index.json'], weights: [], tokenizers: [] };
const OPTIONAL = ['README.md'];
/** Where everything is here already, a hub that doesn't answer at once is not waited for. */
const PATIENCE = { retries: 0, timeoutMs: 10_000 };

/**
 * Finds a repository of the hub and what it needs in the cache, and fetches what is missing. The hub is asked which commit a
 * revision is; if it does not answer, what is here is used.
 *
 * @returns the folder of the named repository; the others are beside it in the cache
 * @throws OperatorError `not_fetched` with `localFilesOnly`, `class_unknown`, and as {@link Hub}
 */
export async function fetchPretrained(name: string, { half, style }: Wanted, access: HubAccess = {}): Promise<string> {
  const revision = checkRevision(access.revision ?? 'main');
  try {
    const dir = await snapshot(name, revision, (place) => contentsOfClass(name, place, half), access);
    const className = classOf(dir);
    if (half === 'both' && className !== COMBINED_CLASS) {
      const other = className === HALVES.prior.className ? 'decoder' : 'prior';
      await otherHalf(name, dir, other, access);
    }
    const stageC = half === 'both' && style !== undefined ? stageCRepositories(style) : [];
    for (const repository of stageC) {
      await snapshot(`${dirname(name)}/${repository}`, 'main', () => STAGE_C_CONTENTS, access);
    }
    return dir;
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    const { code, cause } = error;
    throw new OperatorError(
      code,
      () =>
        t('There is no folder {name}, and as a repository it cannot be used: {message}', {
          ...{ name, message: error.told.message },
        }),
      { hint: error.texts.hint, cause: cause ?? error },
    );
  }
}

/** The repository that the model card names, else the one that is named like this one. */
async function otherHalf(name: string, dir: string, half: HalfName, access: HubAccess): Promise<void> {
  const stated = half === 'prior' ? priorOfCard(dir) : undefined;
  const repository = stated ?? namedLike(name, half);
  try {
    await snapshot(repository, 'main', (place) => contentsOfClass(repository, place, half), access);
  } catch (error) {
    const isLacking = error instanceof OperatorError && LACKING.includes(error.code);
    if (stated !== undefined || !isLacking) throw error;
    throw new OperatorError(
      'half_not_found',
      () =>
        t('The model card of {name} names no {half}, and {repository} cannot be fetched: {message}', {
          name,
          half,
          repository,
          message: error.told.message,
        }),
      { hint: () => t('Fetch its {half}, and put both into one folder.', { half }), cause: error },
    );
  }
}

/** @throws OperatorError `class_unknown` before any weights are fetched */
function contentsOfClass(repository: string, dir: string, half: Wanted['half']): Contents | undefined {
  const className = classOf(dir);
  const halves = half === 'both' ? (['prior', 'decoder'] as const) : ([half] as const);
  if (className === COMBINED_CLASS) {
    const [first, ...others] = halves.map((one) => contentsOf(one, HALVES[one].combinedPrefix));
    return first && others.reduce(joined, first);
  }
  const found = halves.find((one) => HALVES[one].className === className);
  if (found) return contentsOf(found);
  if (!existsSync(join(dir, 'model_index.json'))) return undefined;
  const classes = [...halves.map((one) => HALVES[one].className), COMBINED_CLASS];
  throw new OperatorError(
    'class_unknown',
    () =>
      t('Expected class {classes} in {repository}, found {none}.', {
        classes: listedAs('disjunction', classes),
        repository,
        none: className ?? t('none'),
      }),
    {
      hint: () =>
        t('For example {example}, or for the prior alone {prior}.', {
          example: 'warp-ai/wuerstchen',
          prior: 'warp-ai/wuerstchen-prior',
        }),
    },
  );
}

function joined(a: Contents, b: Contents): Contents {
  return {
    files: [...new Set([...a.files, ...b.files])],
    weights: [...a.weights, ...b.weights],
    tokenizers: [...a.tokenizers, ...b.tokenizers],
  };
}

/** @param contentsIn what a snapshot has to hold; undefined where that is not known before its index is there */
async function snapshot(
  repo: string,
  revision: string,
  contentsIn: (dir: string) => Contents | undefined,
  access: HubAccess,
): Promise<string> {
  const folder = join(cacheOf(access), `models--${repo.replace('/', '--')}`);
  const lacking = async (dir: string) => missingIn(dir, contentsIn(dir) ?? INDEX);
  const here = known(folder, revision);
  const missing = here === undefined ? undefined : await lacking(here);
  const isWhole = missing?.length === 0;
  if (access.localFilesOnly ?? isOffline()) {
    if (here !== undefined && isWhole) return here;
    const what = missing?.[0] ?? revision;
    throw new OperatorError(
      'not_fetched',
      () => t('The cache {folder} lacks {what} of {repo}, and nothing may be fetched.', { folder, what, repo }),
      {
        hint: () => t('Leave localFilesOnly and HF_HUB_OFFLINE out for once, or name the folder of a model.'),
      },
    );
  }
  if (here !== undefined && isWhole && isCommit(revision)) return here;
  const hub = new Hub({ ...hubOptions(access), ...(isWhole && PATIENCE) });
  try {
    const commit = await hub.resolveRevision(repo, revision, access.signal).catch((error: unknown) => {
      if (here !== undefined && isWhole && error instanceof OperatorError) return undefined;
      throw error;
    });
    if (commit === undefined) return here ?? folder;
    const dir = join(folder, 'snapshots', commit);
    if (!existsSync(dir) || (await lacking(dir)).length > 0)
      await complete({ repo, folder, commit, contentsIn, hub, access });
    if (!isCommit(revision)) await writeReference(folder, revision, commit);
    return dir;
  } catch (error) {
    throw explainDiskError(error, folder, 'cacheDir');
  } finally {
    await hub.close();
  }
}

interface Fetching {
  readonly repo: string;
  readonly folder: string;
  readonly commit: string;
  readonly contentsIn: (dir: string) => Contents | undefined;
  readonly hub: Hub;
  readonly access: HubAccess;
}

/** Only one process fetches a repository at a time; the others wait and find it here. */
async function complete({ repo, folder, commit, contentsIn, hub, access }: Fetching): Promise<void> {
  const { variant, signal } = access;
  const place = `snapshots/${commit}`;
  const dir = join(folder, place);
  const lock = await acquireLock(join(folder, '.wuerst-lock'), {
    waitMs: Number.POSITIVE_INFINITY,
    signal,
  });
  try {
    const fetch = async (contents: Contents) => {
      if ((await missingIn(dir, contents)).length === 0) return;
      const repository = {
        ...contents,
        repo,
        folder: place,
        revision: commit,
        optional: OPTIONAL,
        purpose: '',
        license: '',
      };
      const mutable = {
        ...repository,
        files: [...contents.files],
        weights: [...contents.weights],
        tokenizers: [...contents.tokenizers],
      };
      const options = {
        model: { name: repo, repositories: [mutable] },
        folder,
        hub,
        variant,
        ...(signal && { signal }),
      };
      for await (const event of pullLocked(options)) {
        if (event.type !== 'progress' && event.type !== 'landed') continue;
        const { path, size } = event;
        const done = event.type === 'progress' ? event.done : size;
        access.onProgress?.({ repository: repo, file: path.slice(place.length + 1), done, size });
      }
    };
    const contents = contentsIn(dir);
    if (contents === undefined) await fetch(INDEX);
    await fetch(contents ?? contentsIn(dir) ?? INDEX);
  } finally {
    lock.release();
  }
}

/** The snapshot of a revision, as far as that is known here. */
function known(folder: string, revision: string): string | undefined {
  const commit = isCommit(revision) ? revision : readReference(folder, revision);
  const dir = commit === undefined ? undefined : join(folder, 'snapshots', commit);
  return dir !== undefined && existsSync(dir) ? dir : undefined;
}

function readReference(folder: string, revision: string): string | undefined {
  try {
    const commit = readFileSync(join(folder, 'refs', revision), 'utf8').trim();
    return /^[\w.-]+$/.test(commit) && !commit.includes('..') ? commit : undefined;
  } catch {
    return undefined;
  }
}

async function writeReference(folder: string, revision: string, commit: string): Promise<void> {
  if (readReference(folder, revision) === commit) return;
  const file = join(folder, 'refs', revision);
  makeFolder(dirname(file));
  await writeFile(`${file}.tmp`, commit);
  await rename(`${file}.tmp`, file);
}

function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/** It becomes a file name. @throws OperatorError `revision_invalid` */
function checkRevision(revision: string): string {
  if (/^[A-Za-z0-9][\w./-]*$/.test(revision) && !/\.\.|\/\/|\/$/.test(revision)) return revision;
  throw new OperatorError(
    'revision_invalid',
    () => t('Expected revision to be a branch, tag or commit, got {revision}.', { revision: JSON.stringify(revision) }),
    { hint: () => t('For example: {example}', { example: "revision: 'main'" }) },
  );
}

function hubOptions({ endpoint, token }: HubAccess): HubOptions {
  const set = hubOptionsFrom(process.env);
  return { ...set, endpoint: endpoint ?? set.endpoint, token: token ?? set.token };
}

function isOffline(): boolean {
  return /^(1|on|yes|true)$/i.test(process.env.HF_HUB_OFFLINE ?? '');
}

/** @see https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables */
function cacheOf({ cacheDir }: HubAccess): string {
  const { HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = process.env;
  if (cacheDir !== undefined) return cacheDir;
  return HF_HUB_CACHE || join(HF_HOME || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface'), 'hub');
}
